/* SPDX-License-Identifier: MIT */
/* "test:NAME": the calls of the test store.  (TS2) */
#include "test/space.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/builtin.h"
#include "common/quiet.h"
#include "common/records.h"
#include "test/sessions.h"

static struct test_store *
of(struct lk_store *base)
{
	return (struct test_store *)base;
}

/* ------------------------------------------------------------------ open and close */

static void
set_as(struct test_store *s, const struct lk_store_open *o)
{
	for (size_t i = 0; i < o->n_parameters; i++) /* there is but one */
		(void)snprintf(s->as, sizeof(s->as), "%s", o->parameters[i].value);
}

static int
complain(const struct lk_store_open *o, int rc, const char *text)
{
	if (o->report != NULL && o->report_cap > 0)
		(void)snprintf(o->report, o->report_cap, "test: %s", text);
	return rc;
}

/* All of it, or nothing. */
static struct test_store *
make(const struct lk_store_open *o)
{
	const struct place place = { o->allocator, o->environment };
	struct test_store *s = place_zalloc(&place, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->place = place;
	s->space = space_get(o->rest);
	if (s->space != NULL && forks_join(&s->fork))
		return s;
	if (s->space != NULL)
		space_put(s->space);
	place_free(&place, s, sizeof(*s));
	return NULL;
}

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	const struct quiet q = quiet_enter();
	struct test_store *s;

	if (o->rest[0] == '\0')
		return quiet_leave(q, complain(o, LK_E_INVAL, "a name is missing"));
	if (o->handle != NULL)
		return quiet_leave(q, complain(o, LK_E_INVAL, "no use for a connection"));
	if (o->n_parameters > 0 && strlen(o->parameters[0].value) > AS_MAX)
		return quiet_leave(q, complain(o, LK_E_INVAL, "as: too long"));
	s = make(o);
	if (s == NULL)
		return quiet_leave(q, complain(o, LK_E_NOMEM, "out of memory"));
	set_as(s, o);
	s->is_read_only = (o->flags & LK_STORE_READ_ONLY) != 0;
	words_init(&s->words);
	pthread_cond_init(&s->hint_news, NULL);
	pthread_mutex_lock(&s->space->lock);
	s->next = s->space->openers;
	s->space->openers = s;
	pthread_mutex_unlock(&s->space->lock);
	*out = &s->base;
	return quiet_leave(q, 0);
}

static void
leave_space(struct test_store *s)
{
	struct test_store **at = &s->space->openers;

	pthread_mutex_lock(&s->space->lock);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	space_end_sessions(s->space, s);
	pthread_mutex_unlock(&s->space->lock);
	space_put(s->space);
}

static void
close_store(struct lk_store *base)
{
	const struct quiet q = quiet_enter();
	struct test_store *s = of(base);

	if (!fork_note_is_foreign(&s->fork)) {
		hints_unwatch(base);
		forks_leave(&s->fork);
		leave_space(s);
		pthread_cond_destroy(&s->hint_news);
		words_fini(&s->words);
	}
	place_free(&s->place, s, sizeof(*s));
	(void)quiet_leave(q, 0);
}

/* ------------------------------------------------------------------ copies of records */

/* What an update has seen, and what it is to write. */
struct view {
	uint64_t version[LK_STORE_BATCH_MAX];
	struct kept *fresh[LK_STORE_BATCH_MAX];
	unsigned char *copy;
};

static size_t
sum_sizes(struct space *sp, const struct lk_store_record *r, size_t n)
{
	size_t sum = 1;

	for (size_t i = 0; i < n; i++) {
		const struct kept *k =
			bucket_find(space_bucket(sp, r[i].name, r[i].len), r[i].name, r[i].len);

		sum += k != NULL ? (k->size + 7) & ~(size_t)7 : 0;
	}
	return sum;
}

/* With the space locked: all records as they are now.  False: out of memory. */
static bool
copy_all(struct space *sp, struct view *v, struct lk_store_record *r, size_t n)
{
	size_t at = 0;

	v->copy = malloc(sum_sizes(sp, r, n));
	if (v->copy == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct bucket *b = space_bucket(sp, r[i].name, r[i].len);
		const struct kept *k = bucket_find(b, r[i].name, r[i].len);

		v->version[i] = b->version;
		r[i].status = 0;
		r[i].old = NULL;
		r[i].old_len = k != NULL ? k->size : 0;
		if (k == NULL)
			continue;
		memcpy(v->copy + at, kept_record(k), k->size);
		r[i].old = v->copy + at;
		at += (k->size + 7) & ~(size_t)7;
	}
	return true;
}

static void
drop_fresh(struct view *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v->fresh[i]);
}

/* Memory for all that is to be written.  False: there is not enough. */
static bool
make_fresh(struct view *v, const struct lk_store_record *r, size_t n)
{
	memset(v->fresh, 0, n * sizeof(v->fresh[0]));
	for (size_t i = 0; i < n; i++) {
		if (r[i].changed == 0 || r[i].fresh_len == 0)
			continue;
		v->fresh[i] = kept_make(&r[i]);
		if (v->fresh[i] == NULL) {
			drop_fresh(v, n);
			return false;
		}
	}
	return true;
}

static bool
is_as_seen(struct space *sp, const struct view *v, const struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (space_bucket(sp, r[i].name, r[i].len)->version != v->version[i])
			return false;
	}
	return true;
}

static void
write_all(struct space *sp, const struct view *v, const struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (r[i].changed == 0)
			continue;
		bucket_put(space_bucket(sp, r[i].name, r[i].len), &r[i], v->fresh[i]);
		if (r[i].is_quiet == 0)
			hints_send(sp, r[i].name, r[i].len);
	}
}

/* -------------------------------------------------------------------------- update */

struct change {
	struct test_store *s;
	struct lk_store_record *r;
	size_t n;
	lk_store_change_fn *fn;
	void *arg;
	bool is_late; /* somebody was faster: once more */
	struct view view;
};

static int
say_no_answer(struct test_store *s)
{
	return words_say(&s->words, LK_E_UNKNOWN, "test:%s: the answer was lost", s->space->name);
}

/* With the space locked.  What is not written is freed. */
static int
commit(struct change *c)
{
	struct test_store *s = c->s;
	bool is_lost;
	int rc = 0;

	if (s->is_crashed)
		rc = words_say(&s->words, LK_E_STORE, "test:%s: '%s' has crashed", s->space->name,
			       s->as);
	else if (!is_as_seen(s->space, &c->view, c->r, c->n))
		c->is_late = true;
	else if (faults_draw(s, s->faults.lose_before))
		rc = say_no_answer(s);
	if (rc != 0 || c->is_late) {
		drop_fresh(&c->view, c->n);
		return rc;
	}
	is_lost = faults_draw(s, s->faults.lose_after);
	write_all(s->space, &c->view, c->r, c->n);
	return is_lost ? say_no_answer(s) : 0;
}

/* With the space unlocked.  (TS2) */
static int
ask(struct change *c, bool is_again)
{
	int rc = records_change(c->r, c->n, c->fn, c->arg);

	if (is_again)
		rc = records_change(c->r, c->n, c->fn, c->arg);
	return rc;
}

/* With the space locked, and so again at the end. */
static int
attempt(struct change *c)
{
	struct space *sp = c->s->space;
	bool is_again = faults_draw(c->s, c->s->faults.again);
	int rc;

	c->is_late = false;
	if (!copy_all(sp, &c->view, c->r, c->n))
		return LK_E_NOMEM;
	pthread_mutex_unlock(&sp->lock);
	rc = ask(c, is_again);
	if (rc == 0 && !make_fresh(&c->view, c->r, c->n))
		rc = LK_E_NOMEM;
	pthread_mutex_lock(&sp->lock);
	if (rc == 0 && records_are_changed(c->r, c->n))
		rc = commit(c);
	free(c->view.copy);
	return rc;
}

static int
update_all(struct change *c, uint64_t deadline_ns)
{
	struct test_store *s = c->s;
	int rc;

	if (s->is_read_only)
		return words_say(&s->words, LK_E_PERM, "test:%s: opened to look only",
				 s->space->name);
	rc = faults_enter(s, deadline_ns);
	if (rc != 0)
		return rc;
	do {
		rc = attempt(c);
	} while (c->is_late && place_now(&s->place) < deadline_ns);
	pthread_mutex_unlock(&s->space->lock);
	return c->is_late ? LK_E_TIMEDOUT : rc;
}

static int
update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
       void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct change c = { .s = of(base), .r = r, .n = n, .fn = fn, .arg = arg };
	int rc = records_check(r, n);

	if (rc == 0 && fn == NULL)
		rc = LK_E_INVAL;
	if (rc == 0) {
		rc = update_all(&c, deadline_ns);
		records_end(r, n);
	}
	return quiet_leave(q, rc);
}

/* ------------------------------------------------------------------ several updates */

static void
begin_one(struct change *c, struct test_store *s, struct lk_store_update *u)
{
	*c = (struct change){ .s = s, .r = u->r, .n = u->n, .fn = u->fn, .arg = u->arg };
	u->rc = records_check(u->r, u->n);
	u->is_left = 0;
	if (u->rc == 0 && u->fn == NULL)
		u->rc = LK_E_INVAL;
	if (u->rc == 0 && s->is_read_only)
		u->rc = LK_E_PERM;
}

/* In one exchange: so nothing comes of any of them if that fails.  Who comes late is left. */
static void
update_many(struct lk_store *base, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct test_store *s = of(base);
	const int entered = faults_enter(s, deadline_ns);

	for (size_t i = 0; i < n; i++) {
		struct change c;

		begin_one(&c, s, &u[i]);
		if (u[i].rc == 0)
			u[i].rc = entered != 0 ? entered : attempt(&c);
		u[i].is_left = c.is_late;
		if (!c.is_late)
			records_end(u[i].r, u[i].n);
	}
	if (entered == 0)
		pthread_mutex_unlock(&s->space->lock);
	(void)quiet_leave(q, 0);
}

/* ------------------------------------------------------------------- read and scan */

static int
read_all(struct change *c, uint64_t deadline_ns)
{
	int rc = faults_enter(c->s, deadline_ns);
	bool has_copy;

	if (rc != 0)
		return rc;
	has_copy = copy_all(c->s->space, &c->view, c->r, c->n);
	pthread_mutex_unlock(&c->s->space->lock);
	if (!has_copy)
		return LK_E_NOMEM;
	rc = c->fn(c->arg, c->r, c->n);
	free(c->view.copy);
	return rc;
}

static int
read_records(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	     void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct change c = { .s = of(base), .r = r, .n = n, .fn = fn, .arg = arg };
	int rc = records_check(r, n);

	if (rc == 0 && fn == NULL)
		rc = LK_E_INVAL;
	if (rc == 0) {
		rc = read_all(&c, deadline_ns);
		records_end(r, n);
	}
	return quiet_leave(q, rc);
}

/* With the space locked: copies of one bucket's records.  False: out of memory. */
static bool
copy_bucket(const struct bucket *b, struct kept **list)
{
	*list = NULL;
	for (const struct kept *k = b->first; k != NULL; k = k->next) {
		struct kept *copy = kept_make(&(struct lk_store_record){ .name = k->bytes,
									 .len = k->len,
									 .fresh = kept_record(k),
									 .fresh_len = k->size });

		if (copy == NULL)
			return false;
		copy->next = *list;
		*list = copy;
	}
	return true;
}

struct sweep {
	const void *prefix;
	size_t len;
	lk_store_each_fn *fn;
	void *arg;
};

/* With nothing locked.  Frees the list. */
static int
tell_list(const struct sweep *w, struct kept *list, int rc)
{
	while (list != NULL) {
		struct kept *k = list;

		if (rc == 0 && k->len >= w->len && memcmp(k->bytes, w->prefix, w->len) == 0)
			rc = w->fn(w->arg, &(struct lk_store_record){ .name = k->bytes,
								      .len = k->len,
								      .old = kept_record(k),
								      .old_len = k->size });
		list = k->next;
		free(k);
	}
	return rc;
}

static int
scan_all(struct test_store *s, const struct sweep *w, uint64_t deadline_ns)
{
	int rc = faults_enter(s, deadline_ns);

	if (rc != 0)
		return rc;
	pthread_mutex_unlock(&s->space->lock);
	for (size_t i = 0; i < SPACE_BUCKETS && rc == 0; i++) {
		struct kept *list;
		bool has_copy;

		pthread_mutex_lock(&s->space->lock);
		has_copy = copy_bucket(&s->space->buckets[i], &list);
		pthread_mutex_unlock(&s->space->lock);
		rc = tell_list(w, list, has_copy ? 0 : LK_E_NOMEM);
	}
	return rc;
}

static int
scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
     uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	const struct sweep w = { len > 0 ? prefix : "", len, fn, arg };

	if (fn == NULL || (prefix == NULL && len > 0))
		return quiet_leave(q, LK_E_INVAL);
	return quiet_leave(q, scan_all(of(base), &w, deadline_ns));
}

/* ------------------------------------------------------------------ the rest of it */

static int
now(struct lk_store *base, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct test_store *s = of(base);
	int rc = faults_enter(s, deadline_ns);

	if (rc == 0) {
		*ns = space_now(s->space, s);
		*clock_id = s->space->clock_id;
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

static int
level(struct lk_store *base, struct lk_guarantee *out)
{
	(void)base;
	out->level = LK_LEVEL_FENCED;
	(void)snprintf(
		out->words, sizeof(out->words),
		"All who meet are in this process, and what is kept ends with it: fences grow from "
		"one opening to the next only while somebody has the store open. For tests.");
	return 0;
}

static size_t
error(struct lk_store *base, char *buf, size_t cap)
{
	return words_copy(&of(base)->words, buf, cap);
}

static const char *const parameters[] = { "as", NULL };

const struct lk_store_ops test_store_ops = {
	.version = LK_STORE_VERSION,
	.capabilities = LK_STORE_CAN_WATCH | LK_STORE_CAN_DURABLE | LK_STORE_HAS_CLOCK |
			LK_STORE_ONE_HOST | LK_STORE_ONE_PROCESS | LK_STORE_CAN_MANY,
	.scheme = "test",
	.parameters = parameters,
	.open = open_store,
	.close = close_store,
	.update = update,
	.read = read_records,
	.scan = scan,
	.session_open = test_session_open,
	.session_renew = test_session_renew,
	.session_close = test_session_close,
	.session_alive = test_session_alive,
	.session_who = test_session_who,
	.watch = hints_watch,
	.unwatch = hints_unwatch,
	.now = now,
	.level = level,
	.error = error,
	.update_many = update_many,
};
