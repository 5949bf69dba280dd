/* SPDX-License-Identifier: MIT */
/* Settings that are stored with the locks. */
#include <stdio.h>

#include <latchkey/stored.h>

#include "core/stored.h"
#include "core/text.h"
#include "remote/accord.h"
#include "remote/floor.h"

#define MAGIC       "latchkey settings 1\n"
#define PATIENCE_NS UINT64_C(10000000000)

enum { STORED_MAX = 16384, LINE_ROOM = LK_CONFIG_TEXT_MAX + 64 };

static struct lk_store_record
record_c(uint32_t flags)
{
	return (struct lk_store_record){ .name = "c", .len = 1, .flags = LK_STORE_DURABLE | flags };
}

static bool
may_be_stored(unsigned number)
{
	return number < SETTING_ROWS || number == SETTING_strict;
}

/* Do managers of one store have to have it in common?  As in what accord.h compares. */
static bool
is_agreed(unsigned number)
{
	return number == SETTING_separator;
}

/* ------------------------------------------------------------------------- its text */

/* "name=value" without its end.  False: it is no such line, or its value is none. */
static bool
put_line(struct layer *l, const char *text, size_t n)
{
	char line[LINE_ROOM];
	char *equals;
	unsigned number;

	if (n >= sizeof(line))
		return false;
	memcpy(line, text, n);
	line[n] = '\0';
	equals = strchr(line, '=');
	if (equals == NULL)
		return false;
	*equals = '\0';
	number = setting_find(line);
	return number == SETTING_N ||
	       (may_be_stored(number) && layer_put_text(l, number, equals + 1) == 0);
}

/* False: it is damaged.  Of no text nothing is said. */
static bool
read_text(struct layer *l, const char *text, size_t len)
{
	const size_t head = sizeof(MAGIC) - 1;
	const char *at = text + head;
	const char *const end = text + len;

	if (len == 0)
		return true;
	if (len < head || memcmp(text, MAGIC, head) != 0)
		return false;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (newline == NULL || !put_line(l, at, (size_t)(newline - at)))
			return false;
		at = newline + 1;
	}
	return true;
}

/* ---------------------------------------------------------------------------- read */

struct reading {
	struct layer l;
	bool is_damaged;
};

static int
see(void *arg, struct lk_store_record *r, size_t n)
{
	const struct complaint nobody = { 0 };
	struct reading *x = arg;

	(void)n;
	layer_begin(&x->l, LK_FROM_STORE, &nobody);
	x->is_damaged = r->status != 0 || !read_text(&x->l, r->old, r->old_len);
	return 0;
}

static int
read_stored(struct lk_store *store, struct reading *x, uint64_t deadline_ns)
{
	struct lk_store_record r = record_c(0);
	const int rc = store->ops->read(store, &r, 1, see, x, deadline_ns);

	return rc == 0 && x->is_damaged ? LK_E_CORRUPT : rc;
}

static bool
was_said(const struct layer *l, unsigned number)
{
	return (l->said & UINT64_C(1) << number) != 0;
}

static int
lay_one(struct settings *s, const struct layer *l, unsigned number, const struct complaint *to)
{
	const struct setting_row *row = &setting_rows[number];
	char stored[LK_CONFIG_TEXT_MAX];

	if (s->from[number] == LK_FROM_DEFAULT) {
		s->value[number] = l->value[number];
		s->from[number] = LK_FROM_STORE;
		s->flags |= s->value[number] != 0 ? row->flag : 0;
		return 0;
	}
	if (!is_agreed(number) || s->value[number] == l->value[number])
		return 0;
	setting_print(row, l->value[number], stored);
	return complain(to, LK_E_INVAL, "%s: all must agree in it, and stored with the locks is %s",
			row->name, stored);
}

int
stored_lay(struct settings *s, struct env *env, struct lk_store *store, char *why, size_t cap)
{
	const struct complaint to = { .text = why, .cap = cap };
	struct reading x;
	int rc = read_stored(store, &x, env_now(env) + PATIENCE_NS);

	if (rc == LK_E_CORRUPT)
		return complain(&to, rc, "the settings that are stored in it are damaged");
	if (rc != 0)
		return complain(&to, rc, "%s", lk_strerror(rc));
	for (unsigned i = 0; rc == 0 && i < SETTING_NUMBERS; i++) {
		if (was_said(&x.l, i))
			rc = lay_one(s, &x.l, i, &to);
	}
	return rc;
}

int
lk_stored_each(struct lk_store *s, int (*fn)(void *arg, const struct lk_setting *setting),
	       void *arg)
{
	struct reading x;
	struct env env;
	int rc;

	if (s == NULL || fn == NULL)
		return LK_E_INVAL;
	env_init(&env, NULL, NULL);
	rc = read_stored(s, &x, env_now(&env) + PATIENCE_NS);
	for (unsigned i = 0; rc == 0 && i < SETTING_NUMBERS; i++) {
		char text[LK_CONFIG_TEXT_MAX];
		const struct lk_setting one = {
			.size = sizeof(one),
			.from = LK_FROM_STORE,
			.name = setting_rows[i].name,
			.value = text,
		};

		if (!was_said(&x.l, i))
			continue;
		setting_print(&setting_rows[i], x.l.value[i], text);
		rc = fn(arg, &one);
	}
	return rc;
}

/* --------------------------------------------------------------------------- write */

struct writing {
	const char *name;
	const char *value; /* NULL: it goes */
	struct floor floor;
	bool mover_is_dead; /* who was to take the locks away (MV2) */
	unsigned char floor_bytes[FLOOR_BYTES];
	char text[STORED_MAX];
};

/* Is the line that begins here of that name? */
static bool
is_of(const char *line, const char *name)
{
	const size_t n = strlen(name);

	return strncmp(line, name, n) == 0 && line[n] == '=';
}

/* Lines of others, as they are; how many bytes. */
static size_t
copy_others(struct writing *w, const char *text, size_t len)
{
	size_t n = 0;

	for (const char *at = text; at < text + len;) {
		const char *newline = memchr(at, '\n', (size_t)(text + len - at));
		const size_t line = (size_t)(newline + 1 - at);

		if (!is_of(at, w->name)) {
			memcpy(w->text + n, at, line);
			n += line;
		}
		at += line;
	}
	return n;
}

/*
 * What is written while the locks are moved might be copied already, and so be lost.  Of a damaged record nothing is known, and
 * nobody moves anything.
 */
static int
look_at_floor(struct writing *w, struct lk_store_record *r)
{
	struct floor *f = &w->floor;

	if (!floor_read(r, f) || f->state == FLOOR_HERE)
		return 0;
	if (f->state == FLOOR_GONE)
		return LK_E_MOVED;
	if (f->state == FLOOR_COMES || !w->mover_is_dead)
		return LK_E_BUSY;
	f->state = FLOOR_HERE;
	floor_write(r, f, w->floor_bytes);
	return 0;
}

static int
change(void *arg, struct lk_store_record *r, size_t n)
{
	const struct complaint nobody = { 0 };
	struct writing *w = arg;
	struct layer l;
	size_t at = 0;
	int rc = look_at_floor(w, &r[1]);

	(void)n;
	if (rc != 0)
		return rc;
	layer_begin(&l, LK_FROM_STORE, &nobody);
	if (r->old_len > STORED_MAX - LINE_ROOM)
		return LK_E_LIMIT;
	if (r->status == 0 && r->old_len != 0 && read_text(&l, r->old, r->old_len))
		at = copy_others(w, r->old, r->old_len);
	if (at == 0) {
		memcpy(w->text, MAGIC, sizeof(MAGIC) - 1);
		at = sizeof(MAGIC) - 1;
	}
	if (w->value != NULL)
		at += (size_t)snprintf(w->text + at, LINE_ROOM, "%s=%s\n", w->name, w->value);
	r->fresh = at > sizeof(MAGIC) - 1 ? w->text : NULL;
	r->fresh_len = r->fresh != NULL ? at : 0;
	r->changed = 1;
	return 0;
}

static int
check_value(unsigned number, const char *value, const struct complaint *to)
{
	struct layer l;

	layer_begin(&l, LK_FROM_STORE, to);
	if (strlen(value) >= LK_CONFIG_TEXT_MAX || strchr(value, '\n') != NULL)
		return complain(to, LK_E_INVAL, "%s: that is no value", setting_rows[number].name);
	return layer_put_text(&l, number, value);
}

/* Who has the store open has begun with what was said before. */
static int
check_nobody(struct lk_store *s, struct env *env, const char *name, const struct complaint *to)
{
	const struct lk_session_id nobody = { 0 };
	size_t n = 0;
	const int rc = accord_others(env, s, &nobody, &n);

	if (rc != 0 || n == 0)
		return rc;
	return complain(to, LK_E_BUSY, "%s: all must agree in it, and others have the store open",
			name);
}

/* Is he dead who was to take the locks away?  Then they stay.  (MV2) */
static int
check_mover(struct lk_store *s, struct writing *w, uint64_t deadline_ns)
{
	struct lk_session_id id;
	unsigned char alive = 1;
	int rc;

	memcpy(&id, &w->floor.mover, sizeof(id));
	rc = s->ops->session_alive(s, &id, 1, &alive, deadline_ns);
	w->mover_is_dead = rc == 0 && alive == 0;
	return rc;
}

static int
write_stored(struct lk_store *s, struct writing *w, uint64_t deadline_ns,
	     const struct complaint *to)
{
	struct lk_store_record r[] = { record_c(LK_STORE_REPAIR),
				       { .name = "f", .len = 1, .flags = LK_STORE_DURABLE } };
	int rc = s->ops->update(s, r, 2, change, w, deadline_ns);

	if (rc == LK_E_BUSY && w->floor.state == FLOOR_LEAVES && !w->mover_is_dead) {
		rc = check_mover(s, w, deadline_ns);
		if (rc == 0)
			rc = s->ops->update(s, r, 2, change, w, deadline_ns);
	}
	if (rc == LK_E_MOVED)
		return complain(to, rc, "the locks are in %s now", w->floor.other);
	if (rc == LK_E_BUSY)
		return complain(to, rc, "the locks are being moved %s %s: see lk_migrate(3)",
				w->floor.state == FLOOR_LEAVES ? "to" : "here, from",
				w->floor.other);
	return rc;
}

static bool
says_nothing(const char *value)
{
	return value == NULL || *value == '\0' || strcmp(value, "default") == 0;
}

int
lk_stored_set(struct lk_store *s, const char *name, const char *value, char *why, size_t cap)
{
	const struct complaint to = { .text = why, .cap = why != NULL ? cap : 0 };
	struct writing w = { .value = says_nothing(value) ? NULL : value };
	struct env env;
	unsigned number;
	int rc = 0;

	if (s == NULL || name == NULL || (why == NULL && cap != 0))
		return LK_E_INVAL;
	if (cap > 0)
		why[0] = '\0';
	number = setting_find(name);
	if (number == SETTING_N)
		return complain(&to, LK_E_NOENT, "%.64s: there is no such setting", name);
	if (!may_be_stored(number))
		return complain(&to, LK_E_UNSUPPORTED,
				"%s: a program says it of itself; it is not stored", name);
	w.name = setting_rows[number].name;
	env_init(&env, NULL, NULL);
	if (w.value != NULL)
		rc = check_value(number, w.value, &to);
	if (rc == 0 && is_agreed(number))
		rc = check_nobody(s, &env, w.name, &to);
	return rc != 0 ? rc : write_stored(s, &w, env_now(&env) + PATIENCE_NS, &to);
}
