/* SPDX-License-Identifier: MIT */
/* The results as JSON.  README.md says what is in it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "machine.h"

#define JSON_VERSION 1

static void
put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void
put_text(FILE *f, const char *name, const char *value)
{
	fprintf(f, "\"%s\": ", name);
	put_string(f, value);
	fprintf(f, ", ");
}

static void
put_number(FILE *f, const char *name, double value)
{
	fprintf(f, "\"%s\": %.7g, ", name, value);
}

static void
put_whole(FILE *f, const char *name, uint64_t value)
{
	fprintf(f, "\"%s\": %llu, ", name, (unsigned long long)value);
}

/* The last of an object. */
static void
put_truth(FILE *f, const char *name, bool value)
{
	fprintf(f, "\"%s\": %s", name, value ? "true" : "false");
}

static void
put_list(FILE *f, const char *name, const double *value, unsigned n)
{
	fprintf(f, "\"%s\": [", name);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%s%.7g", i == 0 ? "" : ", ", value[i]);
	fprintf(f, "], ");
}

/* ---------------------------------------------------------- where it was measured */

static void
put_machine(FILE *f, const struct settings *s)
{
	struct machine m;

	machine_look(&m);
	fprintf(f, " \"machine\": {");
	put_text(f, "cpu", m.cpu);
	put_whole(f, "n_cpus", (uint64_t)m.n_cpus);
	fprintf(f, "\"cpus\": [");
	for (unsigned i = 0; i < s->n_cpus; i++)
		fprintf(f, "%s%d", i == 0 ? "" : ", ", s->cpu[i]);
	fprintf(f, "], ");
	put_text(f, "arch", m.arch);
	put_text(f, "system", m.system);
	put_text(f, "kernel", m.kernel);
	if (m.governor[0] != '\0')
		put_text(f, "governor", m.governor);
	put_number(f, "memory_bytes", m.memory_bytes);
	for (int level = 1; level <= 3; level++)
		if (m.cache_bytes[level] > 0)
			fprintf(f, "\"l%d%s_bytes\": %ld, ", level, level == 1 ? "d" : "",
				m.cache_bytes[level]);
	put_number(f, "tick_ns", s->tick_ns);
	put_truth(f, "virtual", m.is_virtual);
	fprintf(f, "},\n");
}

static void
put_settings(FILE *f, const struct settings *s, struct privileges p)
{
	fprintf(f, " \"build\": {");
	put_text(f, "compiler", machine_compiler());
	put_text(f, "flags", machine_flags());
	put_truth(f, "sanitized", machine_is_sanitized());
	fprintf(f, "},\n \"settings\": {");
	put_whole(f, "n_samples", s->n_samples);
	put_number(f, "sample_ns", s->sample_ns);
	put_whole(f, "n_latency_samples", s->n_latency_samples);
	put_text(f, "filter", s->filter != NULL ? s->filter : "");
	put_truth(f, "quick", s->is_quick);
	fprintf(f, "},\n \"privileges\": {");
	put_truth(f, "pinned", p.pinned);
	fprintf(f, ", ");
	put_truth(f, "fifo", p.fifo);
	fprintf(f, "},\n");
}

static void
put_head(FILE *f, const struct settings *s, struct privileges p)
{
	time_t now = time(NULL);
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(f, " \"format\": \"latchkey-bench\", \"version\": %d,\n ", JSON_VERSION);
	put_text(f, "latchkey", lk_version());
	put_text(f, "date", date);
	put_text(f, "commit", s->commit != NULL ? s->commit : "");
	put_text(f, "note", s->note != NULL ? s->note : "");
	fprintf(f, "\n");
	put_machine(f, s);
	put_settings(f, s, p);
}

static void
put_contestants(FILE *f)
{
	const char *comma = "";

	fprintf(f, " \"contestants\": [");
	for (size_t i = 0; contestant_names[i] != NULL; i++) {
		const struct contestant *c = contestants[i];

		if (c == NULL)
			continue;
		fprintf(f, "%s\n  {", comma);
		put_text(f, "name", c->name);
		put_text(f, "what", c->what);
		fprintf(f, "\"by\": \"%s\"}", c->by == BY_NAME ? "name" : "handle");
		comma = ",";
	}
	fprintf(f, "\n ],\n \"missing\": [");
	comma = "";
	for (size_t i = 0; contestant_names[i] != NULL; i++) {
		if (contestants[i] != NULL)
			continue;
		fprintf(f, "%s\"%s\"", comma, contestant_names[i]);
		comma = ", ";
	}
	fprintf(f, "],\n");
}

/* ---------------------------------------------------------------- what was measured */

static void
put_waits(FILE *f, const struct result *r)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 },     { "p90", 0.9 },       { "p99", 0.99 },
			  { "p99.9", 0.999 }, { "p99.99", 0.9999 }, { "max", 1 } };
	const struct hist *h = r->hist;
	const char *comma = "";
	lk_mode mode = LK_X;

	while ((r->bench_case->hist_modes & MODE_BIT(mode)) == 0)
		mode = (lk_mode)(mode - 1);
	fprintf(f, "\"latency\": {");
	put_text(f, "kind", r->bench_case->loop == LOOP_OPEN ? "open" : "closed");
	put_text(f, "mode", lk_modename(mode));
	put_whole(f, "count", h->total);
	put_number(f, "mean", (double)h->sum * r->tick_ns / (double)h->total);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		put_number(f, quantiles[i].name, result_wait(r, quantiles[i].q));
	fprintf(f, "\n     \"buckets\": [");
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		if (h->bucket[i] == 0)
			continue;
		fprintf(f, "%s[%.6g, %llu]", comma, (double)(hist_high(i) + 1) * r->tick_ns,
			(unsigned long long)h->bucket[i]);
		comma = ", ";
	}
	fprintf(f, "]},\n    ");
}

static void
put_result(FILE *f, const struct result *r)
{
	unsigned n_lanes = r->bench_case->n_lanes;

	fprintf(f, "   {");
	put_text(f, "contestant", r->contestant->name);
	put_list(f, "samples", r->sample, r->n_samples);
	if (r->pace[0] > 0)
		put_list(f, "paces", r->pace, r->n_samples);
	if (r->n_retaken > 0)
		put_whole(f, "retaken", r->n_retaken);
	fprintf(f, "\n    ");
	put_number(f, "median", r->median);
	put_number(f, "min", r->min);
	put_number(f, "max", r->max);
	put_number(f, "q1", r->quartile[0]);
	put_number(f, "q3", r->quartile[1]);
	put_number(f, "iqr", r->quartile[1] - r->quartile[0]);
	put_number(f, "throughput", result_throughput(r));
	if (n_lanes > 1) {
		put_list(f, "shares", r->share, n_lanes);
		put_number(f, "jain", r->jain);
		put_number(f, "slowest", r->slowest);
	}
	if (r->hist != NULL && r->hist->total > 0)
		put_waits(f, r);
	if (r->offered > 0)
		put_number(f, "offered", r->offered);
	if (r->bench_case->loop == LOOP_HOLD) {
		put_number(f, "bytes", r->held_bytes);
		put_whole(f, "ticket_bytes", r->contestant->ticket_size);
	}
	fprintf(f, "\"thread_ns\": %.7g}", r->median * n_lanes);
}

static void
put_case(FILE *f, const struct result *r, const struct settings *s)
{
	const struct bench_case *b = r->bench_case;
	char text[96];

	fprintf(f, "  {");
	put_text(f, "name", b->name);
	put_text(f, "group", b->group);
	put_text(f, "what", b->what);
	fprintf(f, "\n   ");
	put_text(f, "by", b->by == BY_NAME ? "name" : "handle");
	put_text(f, "mode", lk_modename(b->mode));
	put_whole(f, "threads", b->n_lanes * (b->n_threads > 0 ? b->n_threads : 1));
	if (b->in_processes)
		put_whole(f, "processes", b->n_lanes);
	if (b->by == BY_NAME) {
		put_whole(f, "names", r->n_names);
		if (r->n_names > 1)
			put_text(f, "distribution", b->kind == NAMES_ZIPF ? "zipf" : "uniform");
	}
	if (b->n_owners > 0)
		put_whole(f, "owners", b->n_owners);
	put_whole(f, "section_ns", b->section_ns);
	put_text(f, "unit", case_unit(b));
	put_text(f, "priority", b->is_normal ? "normal" : "fifo");
	affinity_say(b->affinity, s, text, sizeof(text));
	put_text(f, "processors", text);
	fprintf(f, "\n   \"results\": [\n");
}

/* Results of one case follow each other. */
static void
put_cases(FILE *f, const struct results *rs, const struct settings *s)
{
	fprintf(f, " \"cases\": [\n");
	for (size_t i = 0; i < rs->n; i++) {
		const struct result *r = &rs->result[i];
		bool is_first = i == 0 || r[-1].bench_case != r->bench_case;
		bool is_last = i + 1 == rs->n || r[1].bench_case != r->bench_case;

		if (is_first)
			put_case(f, r, s);
		put_result(f, r);
		if (is_last)
			fprintf(f, "\n   ]}%s\n", i + 1 < rs->n ? "," : "");
		else
			fprintf(f, ",\n");
	}
	fprintf(f, " ],\n");
}

/* -------------------------------------------------------------- what was to be reached */

static const char *
goal_unit(const struct bench_goal *g)
{
	if (g->theirs != NULL)
		return "x";
	switch (g->figure) {
	case FIGURE_SLOWEST:
		return "";
	case FIGURE_BYTES:
		return "bytes";
	default:
		return "ns";
	}
}

static void
put_spread(FILE *f, struct spread sp)
{
	put_number(f, "measured", sp.median);
	if (sp.n > 1) {
		put_number(f, "q1", sp.quartile[0]);
		put_number(f, "q3", sp.quartile[1]);
		put_number(f, "iqr", sp.quartile[1] - sp.quartile[0]);
	}
	put_whole(f, "counted", sp.n);
	put_whole(f, "calm", sp.n_calm);
	put_whole(f, "rounds", sp.n_rounds);
}

static void
put_goal(FILE *f, const struct bench_goal *g, struct verdict v)
{
	static const char *const figure[] = {
		[FIGURE_NS] = "ns",           [FIGURE_THREAD_NS] = "thread_ns",
		[FIGURE_SLOWEST] = "slowest", [FIGURE_THROUGHPUT] = "throughput",
		[FIGURE_P50] = "p50",         [FIGURE_P99] = "p99",
		[FIGURE_P999] = "p99.9",      [FIGURE_MAX] = "max",
		[FIGURE_BYTES] = "bytes",
	};

	fprintf(f, "  {");
	put_text(f, "what", g->what);
	put_text(f, "group", case_find(g->ours)->group);
	fprintf(f, "\"ours\": {\"case\": \"%s\", \"contestant\": \"%s\"},\n   ", g->ours,
		goal_mine(g));
	if (g->theirs != NULL)
		fprintf(f, "\"theirs\": {\"case\": \"%s\", \"contestant\": \"%s\"}, ", g->theirs,
			g->contestant);
	put_text(f, "figure", figure[g->figure]);
	put_text(f, "direction", g->at_least ? "at least" : "at most");
	put_number(f, "limit", g->limit);
	if (v.is_measured) {
		put_spread(f, v.measured);
		if (v.own_lines.n > 0)
			put_number(f, "own_lines", v.own_lines.median);
		if (v.floor.n > 0)
			fprintf(f, "\"floor\": {\"contestant\": \"%s\", \"measured\": %.7g}, ",
				v.floor_name, v.floor.median);
		put_truth(f, "reached", v.is_reached);
		fprintf(f, ", ");
	}
	fprintf(f, "\"unit\": \"%s\"}", goal_unit(g));
}

static void
put_goals(FILE *f, const struct results *rs)
{
	fprintf(f, " \"goals\": [");
	for (const struct bench_goal *g = bench_goals; g->what != NULL; g++) {
		fprintf(f, "%s\n", g == bench_goals ? "" : ",");
		put_goal(f, g, goal_judge(g, rs));
	}
	fprintf(f, "\n ]\n");
}

void
json_write(const struct results *rs, const struct settings *s, struct privileges p)
{
	FILE *f = fopen(s->json, "w");

	if (f == NULL)
		bench_die(s->json, strerror(errno));
	fprintf(f, "{\n");
	put_head(f, s, p);
	put_contestants(f);
	put_cases(f, rs, s);
	if (rs->best_pace > 0)
		fprintf(f, " \"best_pace\": %.7g,\n", rs->best_pace);
	put_goals(f, rs);
	fprintf(f, "}\n");
	if (ferror(f) || fclose(f) != 0)
		bench_die(s->json, "cannot be written");
}
