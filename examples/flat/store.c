/* SPDX-License-Identifier: MIT */
/*
 * "flat:FILE": a store of one's own, in a library that is loaded when a URL asks for it.  All of it in one file, which is read and
 * replaced whole: right, and slow.  It is an example: what must a store do, and what can it leave out?
 *
 * A session is a cell of that file, with the time at which it ends on the clock that goes on while the machine sleeps.  Who
 * looks at the file takes those whose time is over for dead, and the next one who replaces it leaves them out; so none
 * comes back to life.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

struct flat_store {
	struct lk_store base; /* Latchkey's: it must come first */
	struct flat_file file;
	uint64_t id; /* drawn when it was opened: which sessions are its own */
	pid_t pid;   /* of who opened it: its child after fork() is somebody else */
	bool is_read_only;
};

/* What a session's cell has as its bytes, and after it the text that says who it is. */
struct session {
	uint64_t ttl_ns;
	uint64_t ends_at;
	uint64_t opener; /* the store that opened it, so that it ends with that */
};

static struct flat_store *
of(struct lk_store *base)
{
	return (struct flat_store *)base;
}

/* ------------------------------------------------------------------- around every call */

/* errno stays as it is, and the thread is not cancelled in the middle. */
struct quiet {
	int cancel_state;
	int error;
};

static struct quiet
quiet_enter(void)
{
	struct quiet q = { .error = errno };

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &q.cancel_state);
	return q;
}

static int
quiet_leave(struct quiet q, int rc)
{
	(void)pthread_setcancelstate(q.cancel_state, NULL);
	errno = q.error;
	return rc;
}

/* Be the one who has the file, with all that is in it; room for `extra` further cells. */
static int
enter(struct flat_store *s, struct flat_image *image, size_t extra, uint64_t deadline_ns)
{
	int rc;

	if (getpid() != s->pid)
		return LK_E_FORKED;
	rc = flat_enter(&s->file, deadline_ns);
	if (rc != 0)
		return rc;
	rc = flat_load(&s->file, image, extra);
	if (rc != 0)
		flat_leave(&s->file);
	return rc;
}

/* A deadline for what nobody gave one: by the clock of deadlines. */
static uint64_t
within_seconds(const struct flat_store *s, unsigned seconds)
{
	return s->file.world->now(s->file.world->state) + seconds * UINT64_C(1000000000);
}

static void
leave(struct flat_store *s, struct flat_image *image)
{
	flat_forget(&s->file, image);
	flat_leave(&s->file);
}

/* ---------------------------------------------------------------------------- sessions */

static uint64_t
clock_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static struct session
session_of(const struct flat_cell *c)
{
	struct session is;

	memcpy(&is, c->bytes, sizeof(is));
	return is;
}

static bool
is_over(const struct flat_cell *c, uint64_t now)
{
	return c->size < sizeof(struct session) || session_of(c).ends_at <= now;
}

/* One that is alive, or NULL. */
static struct flat_cell *
session_find(struct flat_image *image, const struct lk_session_id *id)
{
	struct flat_cell *c = flat_find(image, FLAT_SESSION, id->bytes, sizeof(id->bytes));

	return c != NULL && !is_over(c, clock_now()) ? c : NULL;
}

/* Replace the file, without the sessions that are over. */
static int
save(struct flat_store *s, struct flat_image *image)
{
	const uint64_t now = clock_now();

	for (size_t i = 0; i < image->n_cells; i++)
		if (image->cell[i].kind == FLAT_SESSION && is_over(&image->cell[i], now))
			image->cell[i].size = 0;
	return flat_save(&s->file, image);
}

static uint64_t
later(uint64_t ns)
{
	const uint64_t now = clock_now();

	return ns < UINT64_MAX - now ? now + ns : UINT64_MAX;
}

static int
begin(struct flat_store *s, struct flat_image *image, const struct lk_session_id *id,
      uint64_t ttl_ns, const char *who)
{
	const struct session is = { ttl_ns, later(ttl_ns), s->id };
	unsigned char bytes[sizeof(is) + LK_STORE_WHO_MAX];
	const size_t len = strnlen(who, LK_STORE_WHO_MAX);
	struct flat_cell *c;

	if (flat_find(image, FLAT_SESSION, id->bytes, sizeof(id->bytes)) != NULL)
		return flat_say(&s->file, LK_E_INVAL, "%s: the session is there", s->file.path);
	memcpy(bytes, &is, sizeof(is));
	memcpy(bytes + sizeof(is), who, len);
	c = flat_make(image, FLAT_SESSION, id->bytes, sizeof(id->bytes));
	c->bytes = bytes;
	c->size = (uint32_t)(sizeof(is) + len);
	return save(s, image);
}

static int
session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
	     const char *who, uint64_t deadline_ns)
{
	static const struct lk_session_id nobody;
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc;

	if (memcmp(id, &nobody, sizeof(nobody)) == 0)
		return quiet_leave(q, LK_E_INVAL);
	if (s->is_read_only)
		return quiet_leave(q, LK_E_PERM);
	rc = enter(s, &image, 1, deadline_ns);
	if (rc == 0) {
		rc = begin(s, &image, id, ttl_ns, who != NULL ? who : "");
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

static int
renew(struct flat_store *s, struct flat_image *image, const struct lk_session_id *id)
{
	struct flat_cell *c = session_find(image, id);
	unsigned char bytes[sizeof(struct session) + LK_STORE_WHO_MAX];
	struct session is;

	if (c == NULL)
		return LK_E_LOST;
	is = session_of(c);
	is.ends_at = later(is.ttl_ns);
	memcpy(bytes, c->bytes, c->size);
	memcpy(bytes, &is, sizeof(is));
	c->bytes = bytes;
	return save(s, image);
}

static int
session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = enter(s, &image, 0, deadline_ns);

	if (rc == 0) {
		rc = renew(s, &image, id);
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

static int
session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = enter(s, &image, 0, deadline_ns);

	if (rc == 0) {
		struct flat_cell *c = session_find(&image, id);

		if (c != NULL) {
			c->size = 0;
			rc = save(s, &image);
		}
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

static int
session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
	      unsigned char *alive, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = enter(s, &image, 0, deadline_ns);

	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			alive[i] = session_find(&image, &ids[i]) != NULL;
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

static void
copy_text(char *buf, size_t cap, const void *text, size_t len)
{
	if (cap == 0)
		return;
	if (len >= cap)
		len = cap - 1;
	memcpy(buf, text, len);
	buf[len] = '\0';
}

static int
session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
	    uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = enter(s, &image, 0, deadline_ns);

	if (rc == 0) {
		const struct flat_cell *c = session_find(&image, id);

		if (c == NULL)
			rc = LK_E_NOENT;
		else
			copy_text(buf, cap, c->bytes + sizeof(struct session),
				  c->size - sizeof(struct session));
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

/* Those that were opened through a store end with it. */
static void
end_sessions(struct flat_store *s)
{
	struct flat_image image;
	bool any = false;

	if (enter(s, &image, 0, within_seconds(s, 1)) != 0)
		return; /* then their time ends them */
	for (size_t i = 0; i < image.n_cells; i++) {
		struct flat_cell *c = &image.cell[i];

		if (c->kind == FLAT_SESSION && c->size >= sizeof(struct session) &&
		    session_of(c).opener == s->id) {
			c->size = 0;
			any = true;
		}
	}
	if (any)
		(void)save(s, &image);
	leave(s, &image);
}

/* ----------------------------------------------------------------------------- records */

/* The only flags that mean something here: who asks for more than the store can do is not wrong. */
enum { FLAGS = LK_STORE_DURABLE | LK_STORE_REPAIR | LK_STORE_HEARD };

static bool
is_twice(const struct lk_store_record *r, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (r[k].len == r[n].len && memcmp(r[k].name, r[n].name, r[n].len) == 0)
			return true;
	return false;
}

/* What all calls with records refuse. */
static int
check_records(const struct lk_store_record *r, size_t n)
{
	if (r == NULL || n == 0)
		return LK_E_INVAL;
	if (n > LK_STORE_BATCH_MAX)
		return LK_E_LIMIT;
	for (size_t i = 0; i < n; i++) {
		if (r[i].name == NULL || r[i].len == 0 || r[i].len > LK_STORE_NAME_MAX)
			return LK_E_NAME;
		if ((r[i].flags & ~(unsigned)FLAGS) != 0 || is_twice(r, i))
			return LK_E_INVAL;
	}
	return 0;
}

/* … and of what is to be written. */
static int
check_fresh(const struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].changed > 1 ||
		    (r[i].changed == 1 && (r[i].fresh_len > LK_STORE_RECORD_MAX ||
					   (r[i].fresh == NULL && r[i].fresh_len != 0))))
			return LK_E_INVAL;
	return 0;
}

static int
ask(struct flat_image *image, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
    void *arg)
{
	for (size_t i = 0; i < n; i++) {
		const struct flat_cell *c = flat_find(image, FLAT_RECORD, r[i].name, r[i].len);

		r[i].status = 0;
		r[i].old = c != NULL ? c->bytes : NULL;
		r[i].old_len = c != NULL ? c->size : 0;
		r[i].fresh = NULL;
		r[i].fresh_len = 0;
		r[i].changed = 0;
		r[i].is_quiet = 0;
	}
	return fn(arg, r, n);
}

/* What was there is not, once the call is over. */
static void
forget_old(struct lk_store_record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		r[i].old = NULL;
		r[i].old_len = 0;
	}
}

static int
change(struct flat_store *s, struct flat_image *image, const struct lk_store_record *r, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		struct flat_cell *c;

		if (r[i].changed == 0)
			continue;
		c = flat_make(image, FLAT_RECORD, r[i].name, r[i].len);
		c->bytes = r[i].fresh;
		c->size = (uint32_t)r[i].fresh_len;
		any = true;
	}
	return any ? save(s, image) : 0;
}

static int
update(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
       void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = fn != NULL ? check_records(r, n) : LK_E_INVAL;

	if (rc == 0 && s->is_read_only)
		rc = LK_E_PERM;
	if (rc == 0)
		rc = enter(s, &image, n, deadline_ns);
	if (rc == 0) {
		rc = ask(&image, r, n, fn, arg);
		if (rc == 0)
			rc = check_fresh(r, n);
		if (rc == 0)
			rc = change(s, &image, r, n);
		forget_old(r, n);
		leave(s, &image);
	}
	return quiet_leave(q, rc);
}

static int
read_records(struct lk_store *base, struct lk_store_record *r, size_t n, lk_store_change_fn *fn,
	     void *arg, uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_image image;
	int rc = fn != NULL ? check_records(r, n) : LK_E_INVAL;

	if (rc == 0)
		rc = enter(of(base), &image, 0, deadline_ns);
	if (rc == 0) {
		rc = ask(&image, r, n, fn, arg);
		forget_old(r, n);
		leave(of(base), &image);
	}
	return quiet_leave(q, rc);
}

/* From what was read, with nothing locked any more: `fn` may call the store. */
static int
tell(const struct flat_image *image, const void *prefix, size_t len, lk_store_each_fn *fn,
     void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < image->n_cells; i++) {
		const struct flat_cell *c = &image->cell[i];
		const struct lk_store_record r = {
			.name = c->name, .len = c->len, .old = c->bytes, .old_len = c->size
		};

		if (c->kind == FLAT_RECORD && c->len >= len &&
		    (len == 0 || memcmp(c->name, prefix, len) == 0))
			rc = fn(arg, &r);
	}
	return rc;
}

static int
scan(struct lk_store *base, const void *prefix, size_t len, lk_store_each_fn *fn, void *arg,
     uint64_t deadline_ns)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	struct flat_image image;
	int rc = enter(s, &image, 0, deadline_ns);

	if (rc == 0) {
		flat_leave(&s->file);
		rc = tell(&image, prefix, len, fn, arg);
		flat_forget(&s->file, &image);
	}
	return quiet_leave(q, rc);
}

/* ---------------------------------------------------------------- what it does not have */

static int
watch(struct lk_store *s, lk_store_hint_fn *fn, void *arg)
{
	(void)s, (void)fn, (void)arg;
	return LK_E_UNSUPPORTED; /* who waits looks by himself */
}

static void
unwatch(struct lk_store *s)
{
	(void)s;
}

static int
now(struct lk_store *s, uint64_t *ns, uint64_t *clock_id, uint64_t deadline_ns)
{
	(void)s, (void)ns, (void)clock_id, (void)deadline_ns;
	return LK_E_UNSUPPORTED;
}

/* ----------------------------------------------------------------------- what it says */

static int
level(struct lk_store *s, struct lk_guarantee *out)
{
	(void)s;
	out->level = LK_LEVEL_LEASE;
	(void)snprintf(out->words, sizeof(out->words),
		       "One host, and nobody else writes the file.  After a power cut it may be an "
		       "older one, in which fences are handed out again.");
	return 0;
}

static size_t
error(struct lk_store *base, char *buf, size_t cap)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	char words[sizeof(s->file.words)] = "";

	if (getpid() == s->pid)
		flat_words(&s->file, words);
	copy_text(buf, cap, words, strlen(words));
	(void)quiet_leave(q, 0);
	return strlen(words);
}

/* ---------------------------------------------------------------------- open and close */

static int
complain(const struct lk_store_open *o, int rc, const char *text)
{
	if (o->report != NULL && o->report_cap > 0)
		(void)snprintf(o->report, o->report_cap, "%s", text);
	return rc;
}

static bool
read_boot(struct flat_file *f)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, f->boot, sizeof(f->boot)) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0;
}

/* Is there a file that can be read, or none?  It is made by the first update. */
static int
look(struct flat_store *s)
{
	struct flat_image image;
	int rc = enter(s, &image, 0, within_seconds(s, 10));

	if (rc == 0)
		leave(s, &image);
	return rc;
}

static int
open_file(struct flat_store *s, const struct lk_store_open *o)
{
	int rc;

	s->file.memory = o->allocator;
	s->file.world = o->environment;
	s->id = o->environment->random(o->environment->state);
	s->pid = getpid();
	s->is_read_only = (o->flags & LK_STORE_READ_ONLY) != 0;
	memcpy(s->file.path, o->rest, strlen(o->rest) + 1);
	if (!read_boot(&s->file))
		return complain(o, LK_E_UNSUPPORTED, "flat: there is no boot_id in /proc");
	pthread_mutex_init(&s->file.words_lock, NULL);
	rc = look(s);
	if (rc != 0) {
		(void)complain(o, rc, s->file.words);
		pthread_mutex_destroy(&s->file.words_lock);
	}
	return rc;
}

static int
open_store(const struct lk_store_open *o, struct lk_store **out)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s;
	int rc;

	if (o->handle != NULL)
		return quiet_leave(q, complain(o, LK_E_INVAL, "flat: no use for a connection"));
	if (o->rest[0] == '\0' || strlen(o->rest) >= sizeof(s->file.path))
		return quiet_leave(q, complain(o, LK_E_INVAL, "flat: no path, or too long a one"));
	s = o->allocator->alloc(o->allocator->state, sizeof(*s), _Alignof(struct flat_store));
	if (s == NULL)
		return quiet_leave(q, complain(o, LK_E_NOMEM, "flat: out of memory"));
	memset(s, 0, sizeof(*s));
	rc = open_file(s, o);
	if (rc == 0)
		*out = &s->base;
	else
		o->allocator->free(o->allocator->state, s, sizeof(*s));
	return quiet_leave(q, rc);
}

static void
close_store(struct lk_store *base)
{
	const struct quiet q = quiet_enter();
	struct flat_store *s = of(base);
	const struct lk_allocator *memory = s->file.memory;

	if (getpid() == s->pid) {
		if (!s->is_read_only)
			end_sessions(s);
		pthread_mutex_destroy(&s->file.words_lock);
	}
	memory->free(memory->state, s, sizeof(*s));
	(void)quiet_leave(q, 0);
}

/* The only name that the library has to the outside. */
__attribute__((visibility("default"))) const struct lk_store_ops *lk_store_flat(void);

const struct lk_store_ops *
lk_store_flat(void)
{
	static const struct lk_store_ops ops = {
		.version = LK_STORE_VERSION,
		.capabilities = LK_STORE_ONE_HOST,
		.scheme = "flat",
		.open = open_store,
		.close = close_store,
		.update = update,
		.read = read_records,
		.scan = scan,
		.session_open = session_open,
		.session_renew = session_renew,
		.session_close = session_close,
		.session_alive = session_alive,
		.session_who = session_who,
		.watch = watch,
		.unwatch = unwatch,
		.now = now,
		.level = level,
		.error = error,
	};

	return &ops;
}
