/* SPDX-License-Identifier: MIT */
/*
 * Everything that is counted, as OpenMetrics 1.0 text.
 *
 * A family is its TYPE, UNIT and HELP, then all its samples, and comes once.  Numbers are whole or decimal, never with an
 * exponent, and do not depend on the locale.
 */
#include <inttypes.h>
#include <stdio.h>

#include "remote/remote.h"
#include "show/measure.h"
#include "show/readings.h"

/* Bounds of the buckets that are told: powers of two, from 64 ns to about a minute. */
enum { LEAST_POWER = 6, GREATEST_POWER = 36 };

struct page {
	struct out o;
	struct lk_manager *m;
	const struct readings *r;
};

static void
family(struct page *p, const char *name, const char *type, const char *unit)
{
	out_format(&p->o, "# TYPE latchkey_%s %s\n", name, type);
	if (unit != NULL)
		out_format(&p->o, "# UNIT latchkey_%s %s\n", name, unit);
	out_format(&p->o, "# HELP latchkey_%s ", name);
}

/* Begin a sample; at most two labels and the manager's follow, then its value. */
static void
sample(struct page *p, const char *name, const char *suffix)
{
	out_format(&p->o, "latchkey_%s%s", name, suffix);
	if (p->m->label[0] != '\0') {
		out_text(&p->o, "{manager=\"");
		out_label(&p->o, p->m->label, strlen(p->m->label));
		out_text(&p->o, "\"");
	}
}

static void
label(struct page *p, bool is_first, const char *name, const void *value, size_t len)
{
	out_text(&p->o, is_first && p->m->label[0] == '\0' ? "{" : ",");
	out_format(&p->o, "%s=\"", name);
	out_label(&p->o, value, len);
	out_text(&p->o, "\"");
}

static void
end_labels(struct page *p, bool has_labels)
{
	out_text(&p->o, has_labels || p->m->label[0] != '\0' ? "} " : " ");
}

static void
plain_sample(struct page *p, const char *name, const char *suffix, uint64_t value)
{
	sample(p, name, suffix);
	end_labels(p, false);
	out_format(&p->o, "%" PRIu64 "\n", value);
}

/* "… and so on" goes on from the sentence before it. */
static void
help_of_counter(struct page *p, const char **before, const char *text)
{
	static const char goes_on[] = "\u2026 ";

	if (strncmp(text, goes_on, sizeof(goes_on) - 1) == 0)
		out_format(&p->o, "%s %s\n", *before, text + sizeof(goes_on) - 1);
	else
		out_format(&p->o, "%s\n", *before = text);
}

static void
counters(struct page *p)
{
	const char *before = "";

#define COUNTER(name, text)                \
	family(p, #name, "counter", NULL); \
	help_of_counter(p, &before, text); \
	plain_sample(p, #name, "_total", p->r->stats.name);
	LK_COUNTER_LIST(COUNTER)
#undef COUNTER
}

static void
gauge(struct page *p, const char *name, const char *unit, const char *help, uint64_t value)
{
	family(p, name, "gauge", unit);
	out_format(&p->o, "%s\n", help);
	plain_sample(p, name, "", value);
}

static void
gauges(struct page *p)
{
	const struct lk_stats *s = &p->r->stats;

	gauge(p, "owners", NULL, "owners that are open", s->owners);
	gauge(p, "holds", NULL, "pairs of an owner and a name that it holds", s->holds);
	gauge(p, "waiting", NULL, "requests in lines", s->waiting);
	gauge(p, "handles", NULL, "handles that are open", s->handles);
	gauge(p, "names", NULL, "names in the index, held or idle", s->names);
	gauge(p, "buckets", NULL, "buckets of the index", s->buckets);
	gauge(p, "bytes", "bytes", "memory taken from the allocator", s->bytes);
	family(p, "uptime_seconds", "gauge", "seconds");
	out_text(&p->o, "time since the manager was opened\n");
	sample(p, "uptime_seconds", "");
	end_labels(p, false);
	measure_seconds(&p->o, p->r->counts.uptime_ns);
	out_text(&p->o, "\n");
}

struct failing {
	uint64_t n[LK_BREAKER_HALF_OPEN + 1]; /* names, by state */
	struct lk_breaker store;
};

static int
count_failing(void *arg, const struct lk_breaker *row)
{
	struct failing *f = arg;

	if (row->name == NULL)
		f->store = *row;
	else
		f->n[row->state]++;
	return 0;
}

/* Nothing, if there is no breaker. */
static int
breakers(struct page *p)
{
	struct failing f = { .n = { 0 } };
	int rc = lk_breaker_each(p->m, count_failing, &f);

	if (rc != 0 || f.store.size == 0)
		return rc;
	gauge(p, "breaker_state", NULL, "of the store: 1 closed, 2 open, 3 half-open",
	      f.store.state);
	gauge(p, "breaker_failures", NULL, "of the store, in a row", f.store.failures);
	gauge(p, "breaker_names_failing", NULL, "names that failed when they were last asked for",
	      f.n[LK_BREAKER_CLOSED]);
	gauge(p, "breaker_names_open", NULL, "names that are not asked for, as they failed",
	      f.n[LK_BREAKER_OPEN] + f.n[LK_BREAKER_HALF_OPEN]);
	family(p, "breaker_openings", "counter", NULL);
	out_text(&p->o, "times that the store failed too often\n");
	plain_sample(p, "breaker_openings", "_total", f.store.opened);
	family(p, "breaker_refusals", "counter", NULL);
	out_text(&p->o, "calls that did not go to the store for that\n");
	plain_sample(p, "breaker_refusals", "_total", f.store.refused);
	return 0;
}

/* What the store counts itself, if there is one that does. */
static void
figures_of_store(struct page *p)
{
	struct lk_store_figure f[LK_STORE_FIGURES_MAX];
	size_t n = 0;

	if (p->m->remote != NULL)
		n = remote_figures(p->m->remote, f, LK_STORE_FIGURES_MAX);
	for (size_t i = 0; i < n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "store_%s", f[i].name);
		family(p, name, f[i].is_counter ? "counter" : "gauge",
		       f[i].is_time ? "seconds" : NULL);
		out_format(&p->o, "%s\n", f[i].help);
		sample(p, name, f[i].is_counter ? "_total" : "");
		end_labels(p, false);
		if (f[i].is_time)
			measure_seconds(&p->o, f[i].value);
		else
			out_format(&p->o, "%" PRIu64, f[i].value);
		out_text(&p->o, "\n");
	}
}

static void
about(struct page *p)
{
	family(p, "build", "info", NULL);
	out_text(&p->o, "the library\n");
	sample(p, "build", "_info");
	label(p, true, "version", LATCHKEY_VERSION, strlen(LATCHKEY_VERSION));
	end_labels(p, true);
	out_text(&p->o, "1\n");
}

static void
grants_by_mode(struct page *p)
{
	family(p, "grant_samples", "counter", NULL);
	out_text(&p->o, "grants that were timed\n");
	plain_sample(p, "grant_samples", "_total", p->r->counts.samples);
	family(p, "mode_grants", "counter", NULL);
	out_text(&p->o, "grants by mode, estimated from those that were timed\n");
	for (int m = LK_IS; m < MODE_N; m++) {
		const char *name = lk_modename((lk_mode)m);

		sample(p, "mode_grants", "_total");
		label(p, true, "mode", name, strlen(name));
		end_labels(p, true);
		out_format(&p->o, "%" PRIu64 "\n", p->r->counts.grants[m]);
	}
}

/* One bucket, of all times up to 2^power ns and less; 0: of all. */
static void
bucket(struct page *p, const char *name, const char *key, const char *value, unsigned power,
       uint64_t count)
{
	sample(p, name, "_bucket");
	label(p, true, key, value, strlen(value));
	out_text(&p->o, ",le=\"");
	if (power != 0)
		measure_seconds(&p->o, (UINT64_C(1) << power) - 1);
	else
		out_text(&p->o, "+Inf");
	out_format(&p->o, "\"} %" PRIu64 "\n", count);
}

static void
histogram(struct page *p, const char *name, const char *key, const char *value,
	  const struct lk_histogram *h)
{
	uint64_t count = 0;
	unsigned i = 0;

	for (unsigned power = LEAST_POWER; power <= GREATEST_POWER; power++) {
		for (; lk_histogram_bound(i) < UINT64_C(1) << power; i++)
			count += h->bucket[i];
		bucket(p, name, key, value, power, count);
	}
	bucket(p, name, key, value, 0, h->count);
	sample(p, name, "_count");
	label(p, true, key, value, strlen(value));
	end_labels(p, true);
	out_format(&p->o, "%" PRIu64 "\n", h->count);
	sample(p, name, "_sum");
	label(p, true, key, value, strlen(value));
	end_labels(p, true);
	measure_seconds(&p->o, h->sum_ns);
	out_text(&p->o, "\n");
}

static void
histograms(struct page *p)
{
	family(p, "wait_seconds", "histogram", "seconds");
	out_text(&p->o, "waits in the line, by how they ended\n");
	for (int i = 1; i <= WAIT_OUTCOMES; i++)
		histogram(p, "wait_seconds", "outcome", readings_outcome[i], &p->r->wait[i]);
	family(p, "hold_seconds", "histogram", "seconds");
	out_text(
		&p->o,
		"time for which grants were held, by mode, estimated from those that were timed\n");
	for (int m = LK_IS; m < MODE_N; m++)
		histogram(p, "hold_seconds", "mode", lk_modename((lk_mode)m), &p->r->hold[m]);
}

/* A number is another label than a name, and what was cut off is told apart by its hash. */
static void
label_name(struct page *p, const struct sketch_name *n)
{
	const uint32_t len = n->tail & NAME_LEN_MASK;
	uint64_t id;

	if ((n->tail & NAME_ID) != 0) {
		memcpy(&id, n->bytes, sizeof(id));
		out_text(&p->o, p->m->label[0] == '\0' ? "{" : ",");
		out_format(&p->o, "id=\"%" PRIu64 "\"", id);
	} else if (len <= LK_TOP_NAME_MAX) {
		label(p, true, "name", n->bytes, len);
	} else {
		label(p, true, "name", n->bytes, LK_TOP_NAME_MAX);
		out_format(&p->o, ",hash=\"%016" PRIx64 "\"", n->hash);
	}
	end_labels(p, true);
}

/* What is told of each name of a list. */
struct column {
	const char *name;
	const char *type;
	const char *suffix;
	const char *unit;
	const char *help;
	size_t offset; /* in struct sketch_entry */
};

static void
column(struct page *p, const struct column *c, const struct sketch_entry *e, uint32_t n)
{
	family(p, c->name, c->type, c->unit);
	out_format(&p->o, "%s\n", c->help);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x;

		memcpy(&x, (const char *)&e[i] + c->offset, sizeof(x));
		sample(p, c->name, c->suffix);
		label_name(p, &e[i].name);
		if (c->unit != NULL)
			measure_seconds(&p->o, x);
		else
			out_format(&p->o, "%" PRIu64, x);
		out_text(&p->o, "\n");
	}
}

static void
names(struct page *p)
{
	static const struct column waited[] = {
		{ "name_waits", "counter", "_total", NULL,
		  "waits in the line of a name that is waited for often; never too few",
		  offsetof(struct sketch_entry, count) },
		{ "name_waits_error", "gauge", "", NULL, "at most so many of them too many",
		  offsetof(struct sketch_entry, error) },
		{ "name_wait_seconds", "gauge", "", "seconds",
		  "time waited for a name since it was entered in the list",
		  offsetof(struct sketch_entry, total_ns) },
	};
	static const struct column held[] = {
		{ "name_grants", "counter", "_total", NULL,
		  "grants that ended, on a name that is held often; estimated",
		  offsetof(struct sketch_entry, count) },
		{ "name_grants_error", "gauge", "", NULL, "at most so many of them too many",
		  offsetof(struct sketch_entry, error) },
		{ "name_hold_seconds", "gauge", "", "seconds",
		  "time for which a name was held since it was entered in the list; estimated",
		  offsetof(struct sketch_entry, total_ns) },
	};

	for (size_t i = 0; i < sizeof(waited) / sizeof(waited[0]); i++)
		column(p, &waited[i], p->r->waited, p->r->n_waited);
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		column(p, &held[i], p->r->held, p->r->n_held);
}

int
lk_metrics(struct lk_manager *m, lk_write_fn *write, void *arg)
{
	struct page p = { .m = m };
	struct readings *r;
	int rc;

	if (m == NULL || write == NULL)
		return LK_E_INVAL;
	rc = readings_take(m, &r);
	if (rc != 0)
		return rc;
	p.r = r;
	out_begin(&p.o, write, arg);
	about(&p);
	counters(&p);
	gauges(&p);
	grants_by_mode(&p);
	histograms(&p);
	names(&p);
	rc = breakers(&p);
	figures_of_store(&p);
	out_text(&p.o, "# EOF\n");
	if (rc == 0)
		rc = out_end(&p.o);
	readings_free(m, r);
	return rc;
}
