/* SPDX-License-Identifier: MIT */
/* One setting: what there is, and its value as text and as a number. */
#include <stdio.h>
#include <string.h>

#include "core/settings.h"

/* What a value of the list looks like, by the setting's number; those that are not here are counts. */
#define KIND_OF(number)                                                                           \
	((number) == SETTING_separator   ? SETTING_BYTE                                           \
	 : (number) == SETTING_victim    ? SETTING_VICTIM                                         \
	 : (number) == SETTING_events    ? SETTING_KINDS                                          \
	 : (number) == SETTING_log_level ? SETTING_LEVEL                                          \
	 : (number) == SETTING_require   ? SETTING_PROMISE                                        \
	 : (number) == SETTING_retry     ? SETTING_STRATEGY                                       \
	 : (number) == SETTING_timeout_ns || (number) == SETTING_fair_after_ns ||                 \
			 (number) == SETTING_spin_ns || (number) == SETTING_deadlock_delay_ns ||  \
			 (number) == SETTING_lease_ns || (number) == SETTING_max_hold_ns ||       \
			 (number) == SETTING_lock_delay_ns || (number) == SETTING_linger_ns ||    \
			 (number) == SETTING_max_cover_ns || (number) == SETTING_poll_max_ns ||   \
			 (number) == SETTING_ttl_ns || (number) == SETTING_heartbeat_ns ||        \
			 (number) == SETTING_sweep_ns || (number) == SETTING_retry_first_ns ||    \
			 (number) == SETTING_retry_cap_ns || (number) == SETTING_breaker_reset_ns \
		 ? SETTING_TIME                                                                   \
		 : SETTING_COUNT)

const struct setting_row setting_rows[SETTING_N] = {
#define ROW(field, standard, lowest, highest, off) \
	{ #field, KIND_OF(SETTING_##field), (off), (standard), (lowest), (highest), 0 },
	LK_SETTING_LIST(ROW)
#undef ROW
		{ "strict", SETTING_FLAG, false, 0, 0, 1, LK_STRICT },
	{ "timed", SETTING_FLAG, false, 0, 0, 1, LK_TIMED },
	{ "debug_order", SETTING_FLAG, false, 0, 0, 1, LK_DEBUG_ORDER },
	{ "manual", SETTING_FLAG, false, 0, 0, 1, LK_MANUAL },
	{ "label", SETTING_TEXT, false, 0, 0, 0, 0 },
	{ "preset", SETTING_TEXT, false, 0, 0, 0, 0 },
};

_Static_assert(SETTING_N <= 64, "a layer has one bit for each");

unsigned
setting_find(const char *name)
{
	unsigned i = 0;

	while (i < SETTING_N && strcmp(setting_rows[i].name, name) != 0)
		i++;
	return i;
}

/* ------------------------------------------------------------------------ numbers */

struct unit {
	const char *name;
	uint64_t is;
};

static const struct unit times[] = { { "", 1 },         { "ns", 1 },         { "us", 1000 },
				     { "ms", 1000000 }, { "s", 1000000000 }, { NULL, 0 } };
static const struct unit counts[] = {
	{ "", 1 }, { "k", 1u << 10 }, { "M", 1u << 20 }, { "G", 1u << 30 }, { NULL, 0 }
};
static const struct unit none[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *
units_of(enum setting_kind kind)
{
	return kind == SETTING_TIME ? times : kind == SETTING_COUNT ? counts : none;
}

/* Digits, at least one; where they end.  NULL: there are none, or too many. */
static const char *
parse_digits(const char *text, uint64_t *x)
{
	const char *at = text;

	for (*x = 0; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(*x, 10u, x) ||
		    __builtin_add_overflow(*x, (uint64_t)(*at - '0'), x))
			return NULL;
	}
	return at > text ? at : NULL;
}

/* In decimal, with a unit.  Nothing else, no sign, no space. */
static bool
parse_number(const struct unit *unit, const char *text, uint64_t *x)
{
	const char *rest = parse_digits(text, x);

	if (rest == NULL)
		return false;
	while (unit->name != NULL && strcmp(unit->name, rest) != 0)
		unit++;
	return unit->name != NULL && !__builtin_mul_overflow(*x, unit->is, x);
}

/* -------------------------------------------------------------------------- words */

static const char *const victims[] = { "requester", "youngest", "oldest", "fewest", "most", NULL };
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const strategies[] = { "decorrelated", "fixed", "linear", "exponential", NULL };
static const char *const promises[] = { "advisory", "lease", "fenced", "guarded", NULL };
static const char *const loud_promises[] = { "ADVISORY", "LEASE", "FENCED", "GUARDED", NULL };

/* One of them is its number from 1. */
static bool
parse_word(const char *const *word, const char *text, uint64_t *x)
{
	for (*x = 1; *word != NULL; word++, ++*x) {
		if (strcmp(text, *word) == 0)
			return true;
	}
	return false;
}

static const struct {
	const char *name;
	uint32_t kinds;
} kind_names[] = { { "all", LK_EVENTS_ALL },
		   { "slow", LK_EVENTS_SLOW },
#define KIND(name, bit, text) { #name, (bit) },
		   LK_EVENT_LIST(KIND)
#undef KIND
};

enum { KIND_NAMES = sizeof(kind_names) / sizeof(kind_names[0]) };

/* The bits of one kind of events, or of a family of them; 0: there is no such kind. */
static uint32_t
kinds_named(const char *text, size_t len)
{
	for (size_t i = 0; i < KIND_NAMES; i++) {
		if (strlen(kind_names[i].name) == len && memcmp(kind_names[i].name, text, len) == 0)
			return kind_names[i].kinds;
	}
	return 0;
}

/* "wait+grant" */
static bool
parse_kinds(const char *text, uint64_t *x)
{
	for (*x = 0;; text++) {
		size_t len = strcspn(text, "+");
		uint32_t kinds = kinds_named(text, len);

		if (kinds == 0)
			return false;
		*x |= kinds;
		text += len;
		if (*text == '\0')
			return true;
	}
}

/* A byte that is no digit stands for itself. */
static bool
parse_byte(const char *text, uint64_t *x)
{
	if (text[0] == '\0' || text[1] != '\0' || (text[0] >= '0' && text[0] <= '9'))
		return false;
	*x = (unsigned char)text[0];
	return true;
}

bool
setting_parse(const struct setting_row *row, const char *text, uint64_t *x)
{
	if (strcmp(text, "default") == 0) {
		*x = row->standard;
		return true;
	}
	if (row->kind == SETTING_BYTE && parse_byte(text, x))
		return true;
	if (row->kind == SETTING_VICTIM && parse_word(victims, text, x))
		return true;
	if (row->kind == SETTING_LEVEL && parse_word(levels, text, x))
		return true;
	if (row->kind == SETTING_PROMISE &&
	    (parse_word(promises, text, x) || parse_word(loud_promises, text, x)))
		return true;
	if (row->kind == SETTING_STRATEGY && parse_word(strategies, text, x))
		return true;
	if (row->kind == SETTING_KINDS && parse_kinds(text, x))
		return true;
	if (row->kind != SETTING_FLAG && strcmp(text, "off") == 0) {
		*x = LK_OFF;
		return true;
	}
	return parse_number(units_of(row->kind), text, x);
}

/* ------------------------------------------------------------------- and back again */

static void
print_kinds(uint64_t x, char *out)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < KIND_NAMES; i++) {
		if ((x & kind_names[i].kinds) != kind_names[i].kinds)
			continue;
		n += (size_t)snprintf(out + n, LK_CONFIG_TEXT_MAX - n, "%s%s", n != 0 ? "+" : "",
				      kind_names[i].name);
		x &= ~(uint64_t)kind_names[i].kinds;
	}
}

/* May it stand for itself, in a URL and in a file? */
static bool
is_said_plainly(uint64_t byte)
{
	return byte > ' ' && byte < 127 && strchr("0123456789&#", (int)byte) == NULL;
}

static void
print_number(uint64_t x, char *out)
{
	snprintf(out, LK_CONFIG_TEXT_MAX, "%llu", (unsigned long long)x);
}

void
setting_print(const struct setting_row *row, uint64_t x, char *out)
{
	if (x == LK_OFF)
		strcpy(out, "off");
	else if (row->kind == SETTING_BYTE && is_said_plainly(x))
		snprintf(out, LK_CONFIG_TEXT_MAX, "%c", (char)x);
	else if (row->kind == SETTING_VICTIM)
		strcpy(out, victims[x - 1]);
	else if (row->kind == SETTING_LEVEL)
		strcpy(out, levels[x - 1]);
	else if (row->kind == SETTING_PROMISE)
		strcpy(out, promises[x - 1]);
	else if (row->kind == SETTING_STRATEGY)
		strcpy(out, strategies[x - 1]);
	else if (row->kind == SETTING_KINDS)
		print_kinds(x, out);
	else
		print_number(x, out);
}
