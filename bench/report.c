/* SPDX-License-Identifier: MIT */
/* The table on the terminal, the ratios below it, and the same as JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "report.h"

#define OURS "latchkey"

/* What the processor calls itself, or "unknown".  `out` is `cap` long. */
static void
processor(char *out, size_t cap)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(out, cap, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		snprintf(out, cap, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
		break;
	}
	if (f != NULL)
		fclose(f);
}

void
report_head(const struct settings *s)
{
	struct utsname system;
	char model[128];

	processor(model, sizeof(model));
	printf("latchkey %s, compiled by %s\n", lk_version(), __VERSION__);
	printf("%s", model);
	if (uname(&system) == 0)
		printf(", %s %s", system.sysname, system.release);
	printf("\n%u samples of %.0f ms each; ns for each acquire and release\n", s->n_samples,
	       s->sample_ns / 1e6);
#ifdef LK_SANITIZE
	printf("built with a sanitizer: the figures mean nothing\n");
#endif
}

void
report_privileges(const struct settings *s, struct privileges p)
{
	printf("threads %s, at %s priority\n", p.pinned ? "pinned" : "NOT PINNED (not permitted)",
	       p.fifo ? "real-time" : "normal");
	if (s->want_fifo && !p.fifo)
		printf("(SCHED_FIFO is not permitted here: expect more spread)\n");
	printf("\n");
}

void
report_columns(void)
{
	printf("%-22s %-15s %9s %9s %9s %7s\n", "case", "contestant", "median", "min", "iqr",
	       "share");
}

void
report_case(const struct results *rs, size_t first)
{
	for (size_t i = first; i < rs->n; i++) {
		const struct result *r = &rs->result[i];

		printf("%-22s %-15s %9.2f %9.2f %9.2f", i == first ? r->bench_case->name : "",
		       r->contestant->name, r->median, r->min, r->quartile[1] - r->quartile[0]);
		if (r->bench_case->n_lanes > 1)
			printf(" %7.2f", r->share);
		printf("\n");
	}
	fflush(stdout);
}

/* ---------------------------------------------------------------------- ratios */

static const struct result *
find(const struct results *rs, const struct bench_case *b, const char *contestant)
{
	for (size_t i = 0; i < rs->n; i++) {
		const struct result *r = &rs->result[i];

		if (r->bench_case == b && strcmp(r->contestant->name, contestant) == 0)
			return r;
	}
	return NULL;
}

/* Latchkey's median as a multiple of the baseline's; 0: nothing to compare. */
static double
ratio(const struct results *rs, const struct bench_case *b)
{
	const struct result *ours = find(rs, b, OURS);
	const struct result *theirs = b->baseline != NULL ? find(rs, b, b->baseline) : NULL;

	return ours != NULL && theirs != NULL ? ours->median / theirs->median : 0;
}

void
report_ratios(const struct results *rs)
{
	printf("\n%-22s %-25s %9s %9s\n", "ratio of medians", "", "measured", "to reach");
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		double measured = ratio(rs, b);

		if (measured <= 0)
			continue;
		printf("%-22s latchkey/%-16s %9.2f", b->name, b->baseline, measured);
		if (b->limit > 0)
			printf("    <= %.1f", b->limit);
		printf("\n");
	}
}

/* ------------------------------------------------------------------------ JSON */

static void
json_string(FILE *f, const char *s)
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
json_member(FILE *f, const char *name, const char *value)
{
	fprintf(f, "  \"%s\": ", name);
	json_string(f, value);
	fprintf(f, ",\n");
}

static void
json_head(FILE *f, const struct settings *s, struct privileges p)
{
	struct utsname system = { 0 };
	char model[128];

	processor(model, sizeof(model));
	uname(&system);
	json_member(f, "latchkey", lk_version());
	json_member(f, "note", s->note != NULL ? s->note : "");
	json_member(f, "compiler", __VERSION__);
	json_member(f, "processor", model);
	json_member(f, "kernel", system.release);
	json_member(f, "machine", system.machine);
	json_member(f, "priority", p.fifo ? "fifo" : "normal");
	fprintf(f, "  \"pinned\": %s,\n", p.pinned ? "true" : "false");
	fprintf(f, "  \"sample_ns\": %.0f,\n", s->sample_ns);
	fprintf(f, "  \"unit\": \"ns/pair\",\n");
}

static void
json_result(FILE *f, const struct result *r)
{
	fprintf(f, "    {\"case\": \"%s\", \"contestant\": \"%s\", \"mode\": \"%s\"",
		r->bench_case->name, r->contestant->name, lk_modename((int)r->bench_case->mode));
	fprintf(f, ", \"threads\": %u, \"names\": %zu", r->bench_case->n_lanes,
		r->bench_case->n_names);
	fprintf(f, ",\n     \"median\": %.4f, \"min\": %.4f, \"max\": %.4f", r->median, r->min,
		r->max);
	fprintf(f, ", \"q1\": %.4f, \"q3\": %.4f, \"share\": %.4f", r->quartile[0], r->quartile[1],
		r->share);
	fprintf(f, ",\n     \"samples\": [");
	for (unsigned i = 0; i < r->n_samples; i++)
		fprintf(f, "%s%.4f", i == 0 ? "" : ", ", r->sample[i]);
	fprintf(f, "]}");
}

static void
json_ratios(FILE *f, const struct results *rs)
{
	const char *comma = "";

	fprintf(f, "  \"ratios\": [");
	for (const struct bench_case *b = bench_cases; b->name != NULL; b++) {
		double measured = ratio(rs, b);

		if (measured <= 0)
			continue;
		fprintf(f, "%s\n    {\"case\": \"%s\", \"baseline\": \"%s\", \"ratio\": %.4f}",
			comma, b->name, b->baseline, measured);
		comma = ",";
	}
	fprintf(f, "\n  ]\n");
}

void
report_json(const struct results *rs, const struct settings *s, struct privileges p)
{
	FILE *f = fopen(s->json, "w");

	if (f == NULL)
		bench_die(s->json, strerror(errno));
	fprintf(f, "{\n");
	json_head(f, s, p);
	fprintf(f, "  \"results\": [\n");
	for (size_t i = 0; i < rs->n; i++) {
		json_result(f, &rs->result[i]);
		fprintf(f, "%s\n", i + 1 < rs->n ? "," : "");
	}
	fprintf(f, "  ],\n");
	json_ratios(f, rs);
	fprintf(f, "}\n");
	if (ferror(f) || fclose(f) != 0)
		bench_die(s->json, "cannot be written");
}
