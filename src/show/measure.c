/* SPDX-License-Identifier: MIT */
/* Numbers as text. */
#include <inttypes.h>
#include <stdio.h>

#include "show/measure.h"

void
measure_seconds(struct out *o, uint64_t ns)
{
	const uint64_t whole = ns / 1000000000;
	uint64_t part = ns % 1000000000;
	int digits = 9;

	if (part == 0) {
		out_format(o, "%" PRIu64 ".0", whole);
		return;
	}
	for (; part % 10 == 0; part /= 10)
		digits--;
	out_format(o, "%" PRIu64 ".%0*" PRIu64, whole, digits, part);
}

void
measure_ratio(struct out *o, uint64_t part, uint64_t whole, double scale, unsigned decimals)
{
	double x = whole != 0 ? (double)part / (double)whole * scale : 0;
	uint64_t unit = 1;
	uint64_t n;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	x = x * (double)unit + 0.5;
	n = x < 1e18 ? (uint64_t)x : UINT64_C(1000000000000000000);
	if (decimals == 0)
		out_format(o, "%" PRIu64, n);
	else
		out_format(o, "%" PRIu64 ".%0*" PRIu64, n / unit, (int)decimals, n % unit);
}

void
measure_json(struct out *o, uint64_t x)
{
	const char *quote = x >> 53 != 0 ? "\"" : "";

	out_format(o, "%s%" PRIu64 "%s", quote, x, quote);
}

/* A unit of measure, and how many of the first one it is. */
struct unit {
	const char *name;
	uint64_t size;
};

/* With three digits at least, in the largest unit that it has one of. */
static const char *
measure(char text[MEASURE_ROOM], uint64_t x, const struct unit *unit, unsigned n)
{
	const struct unit *u = &unit[0];
	uint64_t whole;
	uint64_t hundredths;

	for (unsigned i = 1; i < n && x >= unit[i].size; i++)
		u = &unit[i];
	whole = x / u->size;
	hundredths = x % u->size * 100 / u->size;
	if (u == &unit[0] || whole >= 100)
		(void)snprintf(text, MEASURE_ROOM, "%" PRIu64 " %s", whole, u->name);
	else if (whole >= 10)
		(void)snprintf(text, MEASURE_ROOM, "%" PRIu64 ".%" PRIu64 " %s", whole,
			       hundredths / 10, u->name);
	else
		(void)snprintf(text, MEASURE_ROOM, "%" PRIu64 ".%02" PRIu64 " %s", whole,
			       hundredths, u->name);
	return text;
}

const char *
measure_time(char text[MEASURE_ROOM], uint64_t ns)
{
	static const struct unit units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "min", UINT64_C(60000000000) },
		{ "h", UINT64_C(3600000000000) },
		{ "d", UINT64_C(86400000000000) },
	};

	return measure(text, ns, units, sizeof(units) / sizeof(units[0]));
}

const char *
measure_bytes(char text[MEASURE_ROOM], uint64_t bytes)
{
	static const struct unit units[] = {
		{ "bytes", 1 },      { "KiB", 1u << 10 },          { "MiB", 1u << 20 },
		{ "GiB", 1u << 30 }, { "TiB", UINT64_C(1) << 40 },
	};

	return measure(text, bytes, units, sizeof(units) / sizeof(units[0]));
}
