/* SPDX-License-Identifier: MIT */
/* Scripts from bytes, from text, and back to text. */
#include "script.h"

#include <string.h>

#define NAME(name) name,
const char *const script_names[SCRIPT_NAMES] = { SCRIPT_NAME_LIST(NAME) };
#undef NAME

static const struct {
	const char *verb;
	const char *arguments;
} kinds[OP_KINDS] = {
#define OP_KIND(name, verb, arguments) { verb, arguments },
	OP_LIST(OP_KIND)
#undef OP_KIND
};

static bool
takes(const struct op *op, char argument)
{
	return strchr(kinds[op->kind].arguments, argument) != NULL;
}

/* Of a conversion only the flags and the deadline count. */
static bool
is_request(const struct op *op)
{
	return op->kind == OP_ACQUIRE || op->kind == OP_BATCH || op->kind == OP_MOVE ||
	       op->kind == OP_UNITS;
}

unsigned
script_names_used(const struct script *s)
{
	unsigned n = SCRIPT_NAMES_FEW;

	for (size_t i = 0; i < s->n; i++) {
		for (unsigned k = 0; k < s->op[i].n_items; k++) {
			if (s->op[i].name[k] >= n)
				n = s->op[i].name[k] + 1u;
		}
	}
	return n;
}

/* ------------------------------------------------------------- from bytes */

struct bytes {
	const uint8_t *at;
	size_t left;
};

static unsigned
next(struct bytes *b)
{
	if (b->left == 0)
		return 0;
	b->left--;
	return *b->at++;
}

/* How often what is done: of all kinds, mostly conversions, batches alone, what changes hands, many rows, or units. */
enum { TASTES = 6, TASTE_BATCHES = 2, TASTE_HANDS, TASTE_ROWS, TASTE_UNITS };

static const uint8_t weights[TASTES][OP_KINDS] = {
	{
		[OP_ACQUIRE] = 23,
		[OP_BATCH] = 5,
		[OP_CONVERT] = 8,
		[OP_UPGRADE] = 2,
		[OP_DOWNGRADE] = 2,
		[OP_RELEASE] = 10,
		[OP_RELEASE_NAME] = 2,
		[OP_RELEASE_ALL] = 2,
		[OP_REOPEN] = 1,
		[OP_CANCEL] = 5,
		[OP_ADVANCE] = 3,
		[OP_SWEEP] = 1,
	},
	{
		[OP_ACQUIRE] = 24,
		[OP_CONVERT] = 24,
		[OP_UPGRADE] = 2,
		[OP_RELEASE] = 6,
		[OP_RELEASE_ALL] = 1,
		[OP_CANCEL] = 6,
		[OP_ADVANCE] = 1,
	},
	{
		[OP_BATCH] = 36,
		[OP_RELEASE_ALL] = 24,
		[OP_CANCEL] = 2,
		[OP_ADVANCE] = 2,
	},
	{
		[OP_ACQUIRE] = 20,
		[OP_BATCH] = 3,
		[OP_CONVERT] = 6,
		[OP_RELEASE] = 3,
		[OP_RELEASE_ALL] = 1,
		[OP_REOPEN] = 1,
		[OP_CANCEL] = 4,
		[OP_ADVANCE] = 2,
		[OP_SWEEP] = 1,
		[OP_TRANSFER] = 12,
		[OP_MOVE] = 4,
		[OP_SAVEPOINT] = 4,
		[OP_ROLLBACK] = 3,
	},
	{
		[OP_ACQUIRE] = 14,
		[OP_BATCH] = 30,
		[OP_ADVANCE] = 2,
		[OP_CONVERT] = 5,
		[OP_RELEASE] = 3,
		[OP_RELEASE_NAME] = 1,
		[OP_CANCEL] = 3,
		[OP_TRANSFER] = 2,
		[OP_ROLLBACK] = 1,
		[OP_SAVEPOINT] = 1,
		[OP_DEESCALATE] = 2,
	},
	{
		[OP_UNITS] = 26,
		[OP_ACQUIRE] = 8,
		[OP_BATCH] = 2,
		[OP_CONVERT] = 3,
		[OP_RELEASE] = 9,
		[OP_RELEASE_ALL] = 2,
		[OP_REOPEN] = 1,
		[OP_CANCEL] = 5,
		[OP_ADVANCE] = 2,
		[OP_SWEEP] = 1,
		[OP_TRANSFER] = 3,
		[OP_MOVE] = 1,
		[OP_ROLLBACK] = 1,
	},
};

/* What a script is about: so many names and modes, from the first on. */
struct taste {
	unsigned names;
	unsigned modes;
	bool rows;
	const uint8_t *weights;
};

static uint8_t
kind_of(const struct taste *t, unsigned x)
{
	uint8_t kind = 0;

	for (x %= 64; x >= t->weights[kind]; kind++)
		x -= t->weights[kind];
	return kind;
}

static void
decode_item(struct op *op, const struct taste *t, unsigned x)
{
	static const uint8_t modes[] = { LK_S, LK_IX, LK_IS, LK_U, LK_SIX, LK_X };

	op->name[op->n_items] = (uint8_t)(x % t->names);
	op->mode[op->n_items++] = modes[x / 8 % t->modes];
}

/*
 * Rows that lie together, mostly without waiting, and most of them the first owner's: or nobody would get as far as to
 * escalate.
 */
static void
decode_rows(struct op *op, const struct taste *t, unsigned y, unsigned z)
{
	static const uint8_t modes[3][8] = {
		{ LK_S, LK_S, LK_S, LK_S, LK_S, LK_S, LK_S, LK_IS },
		{ LK_X, LK_X, LK_X, LK_X, LK_IX, LK_U, LK_S, LK_X },
		{ LK_S, LK_S, LK_S, LK_S, LK_S, LK_IX, LK_U, LK_X },
	};
	const uint8_t *mode = modes[t->modes == 3 ? 0 : t->modes == 4 ? 1 : 2];
	const unsigned rows = SCRIPT_NAMES - SCRIPT_NAMES_FEW;
	unsigned n = op->kind == OP_BATCH ? 1 + y / 32 : 1;

	op->nowait = y % 16 != 0;
	op->handle = false;
	if (op->nowait)
		op->time = 0;
	for (op->n_items = 0; op->n_items < n; op->n_items++) {
		op->name[op->n_items] = (uint8_t)(SCRIPT_NAMES_FEW + (z + op->n_items) % rows);
		op->mode[op->n_items] = mode[z / 32];
	}
}

static void
decode_waiting(struct op *op, unsigned x)
{
	static const uint16_t timeouts[4] = { 0, 0, 10, 100 };

	op->nowait = x % 8 == 0;
	op->parents = x / 8 % 8 == 0;
	op->handle = x / 64 % 2 == 0;
	if (!op->nowait)
		op->time = timeouts[x / 64];
}

static void
decode_op(struct op *op, struct bytes *b, const struct taste *t, unsigned owners)
{
	static const uint16_t steps[4] = { 1, 10, 50, 200 };
	unsigned x = next(b), y = next(b), z = next(b);

	memset(op, 0, sizeof(*op));
	op->kind = kind_of(t, x);
	op->owner = (uint8_t)(x / 64 % owners);
	if (t->rows && y % 16 < 13)
		op->owner = 0;
	if (takes(op, 'q'))
		decode_waiting(op, y);
	if (!takes(op, 'h'))
		op->handle = false;
	if (takes(op, 'o'))
		op->to = (uint8_t)(z % owners);
	if (is_request(op) && x / 16 % 4 == 3)
		op->priority = (uint8_t)((y + z) % 4);
	if (op->kind == OP_CONVERT || op->kind == OP_UPGRADE)
		op->parents = false;
	if (takes(op, 'n') || takes(op, 'm'))
		decode_item(op, t, z);
	if (takes(op, 'u')) {
		op->permits = (uint8_t)(z % 16 == 0 ? 2 : 3);
		op->units = (uint8_t)(1 + (y / 8 + z / 16) % op->permits);
	}
	if (takes(op, 'g'))
		op->grant = (uint8_t)(y / 64 * 2 + z / 128);
	if (takes(op, 'k'))
		op->grant = (uint8_t)(z % SCRIPT_MARKS);
	if (takes(op, 't'))
		op->time = steps[z % 4];
	if (t->rows && (op->kind == OP_BATCH || (op->kind == OP_ACQUIRE && y % 8 != 7))) {
		decode_rows(op, t, y, z);
	} else if (takes(op, 'b')) {
		decode_item(op, t, z);
		for (unsigned n = y / 64 + 1; op->n_items < n;)
			decode_item(op, t, next(b));
	}
}

void
script_decode(struct script *s, const uint8_t *bytes, size_t n)
{
	struct bytes b = { bytes, n };
	unsigned x = next(&b), y = next(&b), z = next(&b);
	static const uint8_t names[8] = { SCRIPT_NAMES_FEW, SCRIPT_NAMES_FEW, 6, 5, 3, 3, 2, 1 };
	static const uint8_t kinds_of[8] = {
		0, 1, 0, 1, TASTE_HANDS, 1, TASTE_ROWS, TASTE_BATCHES
	};
	const unsigned kind = y / 64 == 1 && z % 2 == 0 ? TASTE_UNITS : kinds_of[y / 32];
	const struct taste taste = {
		.names = names[y % 8],
		.modes = y / 8 % 4 == 0   ? 3
			 : y / 8 % 4 == 1 ? 4
					  : LK_X,
		.rows = kind == TASTE_ROWS,
		.weights = weights[kind],
	};

	s->owners = (uint8_t)(2 + x % 3);
	s->reentry = taste.rows ? 0 : (uint8_t)(x / 4 % 4 % 3);
	s->idle = (uint8_t)(1 + x / 16 % 4);
	s->shutdown = x / 64 % 2 == 0;
	s->ranks = x / 128 % 2 == 0;
	s->shared = z % 4 < 2 && z / 64 == 0;
	s->escalate = taste.rows ? 16 : 0;
	s->barrier = taste.rows && z / 4 % 4 == 0 ? (uint8_t)(1 + z / 16 % 4) : 0;
	for (s->n = 0; b.left > 0 && s->n < SCRIPT_MAX; s->n++)
		decode_op(&s->op[s->n], &b, &taste, s->owners);
}

/* ---------------------------------------------------------------- to text */

void
op_print(const struct op *op, FILE *to)
{
	fprintf(to, "%u %s", op->owner, kinds[op->kind].verb);
	if (takes(op, 'g') || takes(op, 'k'))
		fprintf(to, " #%u", op->grant);
	if (takes(op, 'o'))
		fprintf(to, " to=%u", op->to);
	if (takes(op, 'n'))
		fprintf(to, " %s", script_names[op->name[0]]);
	if (takes(op, 'm'))
		fprintf(to, " %s", lk_modename((lk_mode)op->mode[0]));
	if (takes(op, 'u'))
		fprintf(to, " %u/%u", op->units, op->permits);
	for (unsigned i = 0; takes(op, 'b') && i < op->n_items; i++)
		fprintf(to, " %s:%s", script_names[op->name[i]], lk_modename((lk_mode)op->mode[i]));
	if (op->nowait)
		fputs(" nowait", to);
	if (op->parents)
		fputs(" parents", to);
	if (op->handle)
		fputs(" handle", to);
	if (op->priority != 0)
		fprintf(to, " priority=%u", op->priority);
	if (takes(op, 't'))
		fprintf(to, " %u", op->time);
	else if (op->time != 0)
		fprintf(to, " timeout=%u", op->time);
	fputc('\n', to);
}

void
script_print(const struct script *s, FILE *to)
{
	fprintf(to,
		"script owners=%u reentry=%u idle=%u ranks=%u shared=%u escalate=%u barrier=%u "
		"end=%s\n",
		s->owners, s->reentry, s->idle, s->ranks, s->shared, s->escalate, s->barrier,
		s->shutdown ? "shutdown" : "release");
	for (size_t i = 0; i < s->n; i++)
		op_print(&s->op[i], to);
}

/* -------------------------------------------------------------- from text */

/* A piece of text, not ended by a NUL. */
struct piece {
	const char *at;
	size_t len;
};

static bool
is(struct piece p, const char *text)
{
	return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

/* What stands before the next byte of `ends`, which is skipped; false: nothing is left. */
static bool
cut(struct piece *from, const char *ends, struct piece *out)
{
	size_t len = 0;

	if (from->len == 0)
		return false;
	while (len < from->len && (from->at[len] == '\0' || strchr(ends, from->at[len]) == NULL))
		len++;
	*out = (struct piece){ from->at, len };
	if (len < from->len)
		len++;
	from->at += len;
	from->len -= len;
	return true;
}

/* The next word of a line; blanks do not matter. */
static bool
word(struct piece *line, struct piece *out)
{
	while (cut(line, " \t", out)) {
		if (out->len != 0)
			return true;
	}
	return false;
}

static bool
number(struct piece p, unsigned highest, unsigned *out)
{
	unsigned value = 0;

	if (p.len == 0 || p.len > 5)
		return false;
	for (size_t i = 0; i < p.len; i++) {
		if (p.at[i] < '0' || p.at[i] > '9')
			return false;
		value = value * 10 + (unsigned)(p.at[i] - '0');
	}
	*out = value;
	return value <= highest;
}

/* "key=17" or "#17", by what stands before the number. */
static bool
keyed(struct piece p, const char *key, unsigned highest, unsigned *out)
{
	size_t len = strlen(key);

	if (p.len <= len || memcmp(p.at, key, len) != 0)
		return false;
	return number((struct piece){ p.at + len, p.len - len }, highest, out);
}

static bool
read_name(struct piece p, uint8_t *out)
{
	for (uint8_t i = 0; i < SCRIPT_NAMES; i++) {
		if (is(p, script_names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool
read_mode(struct piece p, uint8_t *out)
{
	for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
		if (is(p, lk_modename(mode))) {
			*out = (uint8_t)mode;
			return true;
		}
	}
	return false;
}

static bool
read_items(struct op *op, struct piece *line)
{
	struct piece before, p, name;

	for (before = *line; word(line, &p); before = *line) {
		struct piece rest = p;

		if (memchr(p.at, ':', p.len) == NULL)
			break;
		if (op->n_items == REF_BATCH || !cut(&rest, ":", &name) ||
		    !read_name(name, &op->name[op->n_items]) ||
		    !read_mode(rest, &op->mode[op->n_items]))
			return false;
		op->n_items++;
	}
	*line = before; /* the word that is no element is for others */
	return op->n_items > 0;
}

static bool
read_units(struct op *op, struct piece *line)
{
	struct piece all, units;
	unsigned x, y;

	if (!word(line, &all) || !cut(&all, "/", &units) || !number(units, UINT8_MAX, &x) ||
	    !number(all, UINT8_MAX, &y) || x == 0 || x > y)
		return false;
	op->units = (uint8_t)x;
	op->permits = (uint8_t)y;
	return true;
}

/* A flag at the end of a line. */
static bool
read_flag(struct op *op, struct piece p)
{
	unsigned x;

	if (takes(op, 'q') && is(p, "nowait"))
		op->nowait = true;
	else if (is_request(op) && is(p, "parents"))
		op->parents = true;
	else if (takes(op, 'h') && is(p, "handle"))
		op->handle = true;
	else if (is_request(op) && keyed(p, "priority=", 9, &x))
		op->priority = (uint8_t)x;
	else if (takes(op, 'q') && keyed(p, "timeout=", UINT16_MAX, &x) && x > 0)
		op->time = (uint16_t)x;
	else
		return false;
	return true;
}

static const char *
read_arguments(struct op *op, struct piece *line, unsigned owners)
{
	struct piece p;
	unsigned x;

	op->n_items = takes(op, 'n') || takes(op, 'm');
	if (takes(op, 'g') || takes(op, 'k')) {
		if (!word(line, &p) ||
		    !keyed(p, "#", takes(op, 'k') ? SCRIPT_MARKS - 1 : UINT8_MAX, &x))
			return "a grant, or the place of a savepoint, is missing, as #0";
		op->grant = (uint8_t)x;
	}
	if (takes(op, 'o')) {
		if (!word(line, &p) || !keyed(p, "to=", owners - 1, &x))
			return "an owner is missing, as to=0";
		op->to = (uint8_t)x;
	}
	if (takes(op, 'n') && (!word(line, &p) || !read_name(p, &op->name[0])))
		return "a name is missing, or not known";
	if (takes(op, 'm') && (!word(line, &p) || !read_mode(p, &op->mode[0])))
		return "a mode is missing, or not known";
	if (takes(op, 'u') && !read_units(op, line))
		return "units are missing, as 1/3";
	if (takes(op, 'b') && !read_items(op, line))
		return "not a batch: 1 to 8 elements as name:mode";
	if (takes(op, 't')) {
		if (!word(line, &p) || !number(p, UINT16_MAX, &x))
			return "a time is missing";
		op->time = (uint16_t)x;
	}
	while (word(line, &p)) {
		if (!read_flag(op, p))
			return "a word too many, or not known";
	}
	return NULL;
}

static const char *
read_op(struct script *s, struct piece first, struct piece *line)
{
	struct op op = { .n_items = 0 };
	struct piece verb;
	unsigned owner;

	if (s->n == SCRIPT_MAX)
		return "too long";
	if (!number(first, (unsigned)s->owners - 1, &owner))
		return "not an owner of this script";
	if (!word(line, &verb))
		return "nothing to do";
	op.owner = (uint8_t)owner;
	while (op.kind < OP_KINDS && !is(verb, kinds[op.kind].verb))
		op.kind++;
	if (op.kind == OP_KINDS)
		return "not a verb";
	s->op[s->n] = op;
	return read_arguments(&s->op[s->n++], line, s->owners);
}

static const char *
read_head(struct script *s, struct piece *line)
{
	struct piece p;
	unsigned x;

	if (s->owners != 0)
		return "a second head";
	while (word(line, &p)) {
		if (keyed(p, "owners=", REF_OWNERS, &x) && x >= 2)
			s->owners = (uint8_t)x;
		else if (keyed(p, "reentry=", UINT8_MAX, &x))
			s->reentry = (uint8_t)x;
		else if (keyed(p, "idle=", UINT8_MAX, &x) && x > 0)
			s->idle = (uint8_t)x;
		else if (is(p, "ranks=0") || is(p, "ranks=1"))
			s->ranks = is(p, "ranks=1");
		else if (is(p, "shared=0") || is(p, "shared=1"))
			s->shared = is(p, "shared=1");
		else if (keyed(p, "escalate=", UINT8_MAX, &x) && (x == 0 || x >= 16))
			s->escalate = (uint8_t)x;
		else if (keyed(p, "barrier=", UINT8_MAX, &x))
			s->barrier = (uint8_t)x;
		else if (is(p, "end=shutdown") || is(p, "end=release"))
			s->shutdown = is(p, "end=shutdown");
		else
			return "not a setting";
	}
	return s->owners != 0 ? NULL : "owners= is missing";
}

const char *
script_parse(struct script *s, const char *text, size_t n, unsigned *line)
{
	struct piece all = { text, n }, rest, p;
	const char *wrong = NULL;

	s->owners = s->reentry = s->escalate = s->barrier = 0;
	s->idle = 1;
	s->shutdown = s->ranks = s->shared = false;
	s->n = 0;
	for (*line = 1; wrong == NULL && cut(&all, "\n", &rest); ++*line) {
		if (!word(&rest, &p) || p.at[0] == '#')
			continue;
		if (is(p, "script"))
			wrong = read_head(s, &rest);
		else
			wrong = s->owners == 0 ? "no head" : read_op(s, p, &rest);
		if (wrong != NULL)
			return wrong;
	}
	return s->owners != 0 ? NULL : "no head";
}
