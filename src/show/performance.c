/* SPDX-License-Identifier: MIT */
/* A report on what a manager has done, as text and as JSON. */
#include <inttypes.h>

#include "show/measure.h"
#include "show/readings.h"

enum { TOP_SHOWN = 10 };

/* The shares within which times are told. */
static const struct {
	const char *name;
	double q;
} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };

enum { QUANTILE_N = sizeof(quantiles) / sizeof(quantiles[0]) };

/* A counter of refusals. */
struct refusal {
	const char *code;
	uint64_t n;
};

enum { REFUSAL_N = 6 };

static void
refusals(const struct lk_stats *s, struct refusal out[REFUSAL_N])
{
	out[0] = (struct refusal){ "LK_E_BUSY", s->busy };
	out[1] = (struct refusal){ "LK_E_TIMEDOUT", s->timeouts };
	out[2] = (struct refusal){ "LK_E_CANCELED", s->cancels };
	out[3] = (struct refusal){ "LK_E_DEADLOCK", s->deadlocks };
	out[4] = (struct refusal){ "LK_E_CONVERSION_DEADLOCK", s->conversion_deadlocks };
	out[5] = (struct refusal){ "LK_E_LIMIT", s->limits };
}

/* Of all requests that ended, those that were granted. */
static void
success(struct out *o, const struct readings *r)
{
	const uint64_t granted = r->stats.grants + r->stats.conversions;
	const uint64_t all = granted + readings_refused(r);

	measure_ratio(o, all != 0 ? granted : 1, all != 0 ? all : 1, 100, 3);
}

static uint64_t
mean(const struct lk_histogram *h)
{
	return h->count != 0 ? h->sum_ns / h->count : 0;
}

/* ---------------------------------------------------------------------- text */

static void
text_count(struct out *o, const struct readings *r, const char *what, uint64_t n)
{
	out_format(o, "  %-24s %14" PRIu64 "  ", what, n);
	measure_ratio(o, n, r->counts.uptime_ns, 1e9, 1);
	out_text(o, " per second\n");
}

static void
text_times_head(struct out *o, const char *what, const char *note)
{
	out_format(o, "\n%-12s %12s %10s %10s %10s %10s %10s %10s%s\n", what, "count", "mean",
		   "p50", "p90", "p99", "p99.9", "max", note);
}

static void
text_times(struct out *o, const char *what, const struct lk_histogram *h)
{
	char text[MEASURE_ROOM];

	out_format(o, "  %-10s %12" PRIu64, what, h->count);
	out_format(o, " %10s", measure_time(text, mean(h)));
	for (unsigned i = 0; i < QUANTILE_N; i++)
		out_format(o, " %10s",
			   measure_time(text, lk_histogram_quantile(h, quantiles[i].q)));
	out_format(o, " %10s\n", measure_time(text, h->max_ns));
}

static void
text_name(struct out *o, const struct sketch_name *n)
{
	const uint32_t len = n->tail & NAME_LEN_MASK;
	uint64_t id;

	if ((n->tail & NAME_ID) != 0) {
		memcpy(&id, n->bytes, sizeof(id));
		out_format(o, "number %" PRIu64, id);
		return;
	}
	out_plain(o, n->bytes, len < LK_TOP_NAME_MAX ? len : LK_TOP_NAME_MAX);
	if (len > LK_TOP_NAME_MAX)
		out_format(o, "... (%" PRIu32 " bytes)", len);
}

static void
text_top(struct out *o, const char *what, const char *counted, const struct sketch_entry *e,
	 uint32_t n)
{
	char text[MEASURE_ROOM];

	if (n == 0)
		return;
	out_format(o, "\n%-12s %12s %10s %10s %10s\n", what, counted, "too many", "in all", "max");
	for (uint32_t i = 0; i < n && i < TOP_SHOWN; i++) {
		out_format(o, "  %-10" PRIu32 " %12" PRIu64 " %10" PRIu64, i + 1, e[i].count,
			   e[i].error);
		out_format(o, " %10s", measure_time(text, e[i].total_ns));
		out_format(o, " %10s  ", measure_time(text, e[i].max_ns));
		text_name(o, &e[i].name);
		out_text(o, "\n");
	}
}

static void
text_requests(struct out *o, const struct readings *r)
{
	struct refusal refusal[REFUSAL_N];

	text_count(o, r, "grants", r->stats.grants);
	text_count(o, r, "conversions", r->stats.conversions);
	text_count(o, r, "waits in a line", r->stats.waits);
	text_count(o, r, "refusals", readings_refused(r));
	refusals(&r->stats, refusal);
	for (unsigned i = 0; i < REFUSAL_N; i++) {
		if (refusal[i].n != 0)
			out_format(o, "    %-22s %14" PRIu64 "\n", refusal[i].code, refusal[i].n);
	}
	out_format(o, "  %-24s ", "granted, of all requests");
	success(o, r);
	out_text(o, " %\n");
}

static void
text_now(struct out *o, const struct readings *r)
{
	const struct lk_stats *s = &r->stats;
	char text[MEASURE_ROOM];

	out_format(o,
		   "\nNow: %" PRIu64 " owners, %" PRIu64 " holds, %" PRIu64 " waiting, %" PRIu64
		   " handles, %" PRIu64 " names",
		   s->owners, s->holds, s->waiting, s->handles, s->names);
	out_format(o, ", %s of memory\n", measure_bytes(text, s->bytes));
}

static void
text_head(struct out *o, const struct lk_manager *m, const struct readings *r)
{
	char text[MEASURE_ROOM];

	out_text(o, "Latchkey " LATCHKEY_VERSION);
	if (m->label[0] != '\0') {
		out_text(o, ", ");
		out_plain(o, m->label, strlen(m->label));
	}
	out_format(o, ": open for %s\n\n", measure_time(text, r->counts.uptime_ns));
}

static void
text_waits(struct out *o, const struct readings *r)
{
	text_times_head(o, "Waits", "");
	for (int i = 0; i <= WAIT_OUTCOMES; i++) {
		if (i == 0 || r->wait[i].count != 0)
			text_times(o, readings_outcome[i], &r->wait[i]);
	}
}

static void
text_holds(struct out *o, const struct lk_manager *m, const struct readings *r)
{
	const bool exact = (m->flags & LK_TIMED) != 0;

	text_times_head(o, "Holds", exact ? "" : "  (estimated)");
	for (int i = 0; i < MODE_N; i++) {
		if (i == 0 || r->hold[i].count != 0)
			text_times(o, i == 0 ? "all" : lk_modename((lk_mode)i), &r->hold[i]);
	}
	if (!exact)
		out_format(o, "  from %" PRIu64 " grants that were timed\n", r->hold[0].samples);
}

static void
text_report(struct out *o, const struct lk_manager *m, const struct readings *r)
{
	text_head(o, m, r);
	text_requests(o, r);
	text_waits(o, r);
	text_holds(o, m, r);
	text_top(o, "Waited for", "waits", r->waited, r->n_waited);
	text_top(o, "Held", "grants", r->held, r->n_held);
	text_now(o, r);
}

/* ---------------------------------------------------------------------- JSON */

/* The next member of an object. */
static void
json_key(struct out *o, bool is_first, const char *name)
{
	out_format(o, "%s\"%s\":", is_first ? "" : ",", name);
}

static void
json_number(struct out *o, bool is_first, const char *name, uint64_t x)
{
	json_key(o, is_first, name);
	measure_json(o, x);
}

static void
json_times(struct out *o, bool is_first, const char *name, const struct lk_histogram *h)
{
	json_key(o, is_first, name);
	out_text(o, "{");
	json_number(o, true, "samples", h->samples);
	json_number(o, false, "count", h->count);
	json_number(o, false, "mean_ns", mean(h));
	for (unsigned i = 0; i < QUANTILE_N; i++) {
		json_key(o, false, quantiles[i].name);
		measure_json(o, lk_histogram_quantile(h, quantiles[i].q));
	}
	json_number(o, false, "max_ns", h->max_ns);
	out_text(o, "}");
}

static void
json_counters(struct out *o, const struct readings *r)
{
	const struct lk_stats *s = &r->stats;

	json_key(o, false, "stats");
	out_text(o, "{");
	json_number(o, true, "owners", s->owners);
#define COUNTER(name, text) json_number(o, false, #name, s->name);
	LK_COUNTER_LIST(COUNTER)
#undef COUNTER
	json_number(o, false, "holds", s->holds);
	json_number(o, false, "waiting", s->waiting);
	json_number(o, false, "handles", s->handles);
	json_number(o, false, "names", s->names);
	json_number(o, false, "buckets", s->buckets);
	json_number(o, false, "bytes", s->bytes);
	out_text(o, "}");
}

static void
json_rate(struct out *o, bool is_first, const struct readings *r, const char *name, uint64_t n)
{
	json_key(o, is_first, name);
	measure_ratio(o, n, r->counts.uptime_ns, 1e9, 3);
}

static void
json_requests(struct out *o, const struct readings *r)
{
	struct refusal refusal[REFUSAL_N];

	json_key(o, false, "per_second");
	out_text(o, "{");
	json_rate(o, true, r, "grants", r->stats.grants);
	json_rate(o, false, r, "conversions", r->stats.conversions);
	json_rate(o, false, r, "waits", r->stats.waits);
	json_rate(o, false, r, "refusals", readings_refused(r));
	out_text(o, "}");
	json_key(o, false, "granted_percent");
	success(o, r);
	json_key(o, false, "refusals");
	refusals(&r->stats, refusal);
	for (unsigned i = 0; i < REFUSAL_N; i++) {
		out_text(o, i == 0 ? "{" : "");
		json_number(o, i == 0, refusal[i].code, refusal[i].n);
	}
	out_text(o, "}");
}

static void
json_all_times(struct out *o, const struct lk_manager *m, const struct readings *r)
{
	json_key(o, false, "waits");
	for (int i = 0; i <= WAIT_OUTCOMES; i++) {
		out_text(o, i == 0 ? "{" : "");
		json_times(o, i == 0, readings_outcome[i], &r->wait[i]);
	}
	out_text(o, "}");
	json_key(o, false, "holds_are_exact");
	out_text(o, (m->flags & LK_TIMED) != 0 ? "true" : "false");
	json_key(o, false, "holds");
	for (int i = 0; i < MODE_N; i++) {
		out_text(o, i == 0 ? "{" : "");
		json_times(o, i == 0, i == 0 ? "all" : lk_modename((lk_mode)i), &r->hold[i]);
	}
	out_text(o, "}");
	json_key(o, false, "grants_by_mode");
	for (int i = LK_IS; i < MODE_N; i++) {
		out_text(o, i == LK_IS ? "{" : "");
		json_number(o, i == LK_IS, lk_modename((lk_mode)i), r->counts.grants[i]);
	}
	out_text(o, "}");
}

static void
json_name(struct out *o, const struct sketch_name *n)
{
	const uint32_t len = n->tail & NAME_LEN_MASK;
	uint64_t id;

	if ((n->tail & NAME_ID) != 0) {
		memcpy(&id, n->bytes, sizeof(id));
		json_number(o, true, "id", id);
		return;
	}
	json_key(o, true, "name");
	out_json(o, n->bytes, len < LK_TOP_NAME_MAX ? len : LK_TOP_NAME_MAX);
	json_number(o, false, "name_len", len);
}

static void
json_top(struct out *o, const char *what, const struct sketch_entry *e, uint32_t n)
{
	json_key(o, false, what);
	out_text(o, "[");
	for (uint32_t i = 0; i < n; i++) {
		out_text(o, i == 0 ? "{" : ",{");
		json_name(o, &e[i].name);
		json_number(o, false, "count", e[i].count);
		json_number(o, false, "error", e[i].error);
		json_number(o, false, "total_ns", e[i].total_ns);
		json_number(o, false, "max_ns", e[i].max_ns);
		out_text(o, "}");
	}
	out_text(o, "]");
}

static void
json_report(struct out *o, const struct lk_manager *m, const struct readings *r)
{
	out_text(o, "{\"latchkey\":\"" LATCHKEY_VERSION "\",\"label\":");
	out_json(o, m->label, strlen(m->label));
	json_number(o, false, "uptime_ns", r->counts.uptime_ns);
	json_key(o, false, "sample_every");
	if (r->counts.sample_every != LK_OFF)
		measure_json(o, r->counts.sample_every);
	else
		out_text(o, "null");
	json_counters(o, r);
	json_requests(o, r);
	json_all_times(o, m, r);
	json_top(o, "waited_for", r->waited, r->n_waited);
	json_top(o, "held", r->held, r->n_held);
	out_text(o, "}\n");
}

int
lk_performance(struct lk_manager *m, enum lk_format format, lk_write_fn *write, void *arg)
{
	struct readings *r;
	struct out o;
	int rc;

	if (m == NULL || write == NULL || format < LK_TEXT || format > LK_DOT)
		return LK_E_INVAL;
	if (format == LK_DOT)
		return LK_E_UNSUPPORTED;
	rc = readings_take(m, &r);
	if (rc != 0)
		return rc;
	out_begin(&o, write, arg);
	if (format == LK_JSON)
		json_report(&o, m, r);
	else
		text_report(&o, m, r);
	rc = out_end(&o);
	readings_free(m, r);
	return rc;
}
