/* SPDX-License-Identifier: MIT */
/* Words that were said: options found, times, numbers and modes read, and the nearest word to a wrong one. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

const char *
call_option(const struct call *c, const char *name)
{
	for (int i = 0; c->command->options != NULL && c->command->options[i].name != NULL; i++) {
		if (strcmp(c->command->options[i].name, name) == 0)
			return c->value[i];
	}
	return NULL;
}

/* ------------------------------------------------------------------------------ texts */

bool
text_number(const char *text, uint64_t *n)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static const struct {
	const char *word;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60 * UINT64_C(1000000000) },
	{ "h", 3600 * UINT64_C(1000000000) },
	{ "d", 86400 * UINT64_C(1000000000) },
};

/* Digits after the point, as a part of `unit`; `*text` is behind them then. */
static uint64_t
fraction(const char **text, uint64_t unit)
{
	uint64_t ns = 0;

	while (isdigit((unsigned char)**text)) {
		unit /= 10;
		ns += unit * (uint64_t)(**text - '0');
		(*text)++;
	}
	return ns;
}

bool
text_time(const char *text, uint64_t *ns)
{
	const char *rest;
	char *end;
	uint64_t whole;

	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return true;
	}
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	rest = end;
	if (*rest == '.') {
		rest++;
		if (!isdigit((unsigned char)*rest))
			return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const char *at = rest;
		const uint64_t part = *end == '.' ? fraction(&at, units[i].ns) : 0;

		if (strcmp(at, units[i].word) != 0)
			continue;
		if (whole > (INT64_MAX - part) / units[i].ns)
			return false;
		*ns = whole * units[i].ns + part;
		return true;
	}
	return false;
}

bool
text_mode(const char *text, lk_mode *mode)
{
	for (int m = LK_IS; m <= LK_X; m++) {
		if (strcasecmp(text, lk_modename((lk_mode)m)) == 0) {
			*mode = (lk_mode)m;
			return true;
		}
	}
	return false;
}

const char *
level_name(uint32_t level)
{
	static const char *const names[] = { "NONE", "ADVISORY", "LEASE", "FENCED", "GUARDED" };

	return level < sizeof(names) / sizeof(names[0]) ? names[level] : "?";
}

/* ------------------------------------------------------------------------- of options */

bool
call_time(const struct call *c, const char *name, uint64_t *ns)
{
	const char *value = call_option(c, name);

	if (value == NULL || text_time(value, ns))
		return false;
	complain(c, "--%s %s: a time is said with its unit, as 500ms, 5s, 1.5h", name, value);
	return true;
}

bool
call_number(const struct call *c, const char *name, uint64_t least, uint64_t most, uint64_t *n)
{
	const char *value = call_option(c, name);

	if (value == NULL || (text_number(value, n) && *n >= least && *n <= most))
		return false;
	complain(c, "--%s %s: it is a number from %llu to %llu", name, value,
		 (unsigned long long)least, (unsigned long long)most);
	return true;
}

bool
call_mode(const struct call *c, const char *name, lk_mode *mode)
{
	const char *value = call_option(c, name);

	if (value == NULL || text_mode(value, mode))
		return false;
	complain(c, "--%s %s: the modes are IS, IX, S, SIX, U, X", name, value);
	return true;
}

bool
call_patience(const struct call *c, struct lk_options *o)
{
	const bool at_once = call_option(c, "nowait") != NULL;
	uint64_t wait_ns = LK_OFF;

	if (call_time(c, "wait", &wait_ns))
		return true;
	if (at_once && wait_ns != LK_OFF) {
		complain(c, "--wait and --nowait: say one of them");
		return true;
	}
	if (at_once || wait_ns == 0)
		o->flags |= LK_NOWAIT;
	else if (wait_ns != LK_OFF)
		o->timeout_ns = (int64_t)wait_ns;
	return false;
}

/* ------------------------------------------------------------------------ the nearest */

enum { WORD_MAX = 32 };

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	const unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to put in, take out or change.  Longer words than WORD_MAX are near to none. */
static unsigned
distance(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	unsigned row[WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			const unsigned changed = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[m];
}

void
nearest_look(struct nearest *n, const char *candidate)
{
	const unsigned d = distance(n->word, candidate);
	const size_t len = strlen(candidate);

	if (d > 2 || d >= len || (n->best != NULL && d >= n->distance))
		return;
	n->best = candidate;
	n->distance = d;
}
