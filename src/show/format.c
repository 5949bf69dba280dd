/* SPDX-License-Identifier: MIT */
/* Sizes and durations for people; every 64-bit value has a text. */
#include <string.h>

#include <latchkey/format.h>

#include "base/compiler.h"

enum { FORMAT_ROOM = 32 };

/* A text in the making: digits and units, no more than FORMAT_ROOM of them. */
struct text {
	char byte[FORMAT_ROOM];
	size_t n;
};

static void
add(struct text *t, const char *bytes)
{
	size_t len = strlen(bytes);

	memcpy(t->byte + t->n, bytes, len);
	t->n += len;
}

static void
add_number(struct text *t, uint64_t x)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + x % 10);
		x /= 10;
	} while (x != 0);
	add(t, digits + at);
}

/* `parts` of `whole` (10 or 100), as a decimal without zeros at its end. */
static void
add_parts(struct text *t, uint64_t parts, uint64_t whole)
{
	add_number(t, parts / whole);
	parts %= whole;
	if (parts == 0)
		return;
	add(t, ".");
	for (; parts != 0; parts %= whole) {
		whole /= 10;
		add_number(t, parts / whole);
	}
}

/* As snprintf() would: what fits, a NUL, and the length of it all. */
static size_t
give(const struct text *t, char *buf, size_t cap)
{
	size_t fits = t->n < cap ? t->n : cap - 1;

	if (cap > 0) {
		memcpy(buf, t->byte, fits);
		buf[fits] = '\0';
	}
	return t->n;
}

/* In hundredths of 1024 to the power of `unit`, rounded. */
static unsigned __int128
hundredths_of(uint64_t bytes, unsigned unit)
{
	const unsigned __int128 one = (unsigned __int128)1 << 10 * unit;

	return ((unsigned __int128)bytes * 100 + one / 2) / one;
}

size_t
lk_format_bytes(uint64_t bytes, char *buf, size_t cap)
{
	static const char *const units[] = { " B", " KB", " MB", " GB", " TB", " PB", " EB" };
	const unsigned last = sizeof(units) / sizeof(units[0]) - 1;
	struct text t = { .n = 0 };
	unsigned unit = 0;

	/* What is rounded to 1024 of one unit is 1 of the next. */
	while (unit < last && hundredths_of(bytes, unit) >= 102400)
		unit++;
	if (unit == 0)
		add_number(&t, bytes);
	else
		add_parts(&t, (uint64_t)hundredths_of(bytes, unit), 100);
	add(&t, units[unit]);
	return give(&t, buf, cap);
}

/* A minute or more: the largest unit that there is one of, and the next. */
static void
add_long(struct text *t, uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
	unsigned i = 0;

	while (seconds < units[i].seconds)
		i++;
	add_number(t, seconds / units[i].seconds);
	add(t, units[i].name);
	seconds = seconds % units[i].seconds / units[i + 1].seconds;
	if (seconds == 0)
		return;
	add(t, " ");
	add_number(t, seconds);
	add(t, units[i + 1].name);
}

/* Less than a minute. */
static void
add_short(struct text *t, uint64_t ns)
{
	static const struct {
		uint64_t tenth;
		const char *name;
	} units[] = { { 100000000, "s" }, { 100000, "ms" }, { 100, "us" } };

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].tenth * 10)
			continue;
		add_parts(t, ns / units[i].tenth, 10);
		add(t, units[i].name);
		return;
	}
	add_number(t, ns);
	add(t, ns != 0 ? "ns" : "s");
}

static size_t
give_duration(uint64_t seconds, uint64_t ns, char *buf, size_t cap)
{
	struct text t = { .n = 0 };

	if (seconds >= 60)
		add_long(&t, seconds);
	else
		add_short(&t, seconds * 1000000000 + ns);
	return give(&t, buf, cap);
}

size_t
lk_format_duration_ns(uint64_t ns, char *buf, size_t cap)
{
	return give_duration(ns / 1000000000, ns % 1000000000, buf, cap);
}

size_t
lk_format_duration_ms(uint64_t ms, char *buf, size_t cap)
{
	return give_duration(ms / 1000, ms % 1000 * 1000000, buf, cap);
}
