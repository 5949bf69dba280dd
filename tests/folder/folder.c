/* SPDX-License-Identifier: MIT */
/* Folders, states, deeds. */
#define _GNU_SOURCE
#include "folder.h"

#include <ftw.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------- folders */

/* In memory if there is such a place: what is tested is not the disk. */
void
folder_on_disk(bool is)
{
	faults_magic(is ? 0xef53 : 0);
}

void
folder_make(struct folder *f, const char *parameters)
{
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(f->top, sizeof(f->top), "%s/latchkey-XXXXXX", place);
	cr_assert_not_null(mkdtemp(f->top));
	(void)snprintf(f->path, sizeof(f->path), "%s/store", f->top);
	(void)snprintf(f->url, sizeof(f->url), "file:%s%s", f->path, parameters);
}

static int
remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

void
folder_remove(struct folder *f)
{
	(void)nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
folder_file(const struct folder *f, const char *name, char buf[80])
{
	(void)snprintf(buf, 80, "%s/%s", f->path, name);
	return buf;
}

int
store_try(const char *url, uint32_t flags, char report[256])
{
	struct lk_store_open o = {
		.size = sizeof(o), .flags = flags, .report = report, .report_cap = 256
	};
	struct lk_store *s;
	int rc = lk_store_open(url, &o, &s);

	if (rc == 0)
		lk_store_close(s);
	return rc;
}

struct lk_store *
store_open(const struct folder *f)
{
	char report[256];
	struct lk_store_open o = { .size = sizeof(o), .report = report, .report_cap = 256 };
	struct lk_store *s = NULL;
	int rc = lk_store_open(f->url, &o, &s);

	cr_assert_eq(rc, 0, "%s: %s", lk_errname(rc), report);
	return s;
}

/* -------------------------------------------------------------------------- records */

struct bytes {
	const void *bytes;
	size_t n;
};

static int
set_fresh(void *arg, struct lk_store_record *r, size_t n)
{
	const struct bytes *b = arg;

	for (size_t i = 0; i < n; i++) {
		r[i].fresh = b->bytes;
		r[i].fresh_len = b->n;
		r[i].changed = 1;
	}
	return 0;
}

int
put_flags(struct lk_store *s, const char *name, const void *bytes, size_t n, uint32_t flags)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = flags };
	struct bytes b = { bytes, n };

	return s->ops->update(s, &r, 1, set_fresh, &b, NEVER);
}

int
put(struct lk_store *s, const char *name, const void *bytes, size_t n)
{
	return put_flags(s, name, bytes, n, 0);
}

struct copy {
	void *buf;
	size_t cap;
	size_t len;
};

static int
copy_old(void *arg, struct lk_store_record *r, size_t n)
{
	struct copy *c = arg;

	(void)n;
	c->len = r[0].old_len;
	if (c->len > 0 && c->cap > 0)
		memcpy(c->buf, r[0].old, c->len < c->cap ? c->len : c->cap);
	return 0;
}

int
get_flags(struct lk_store *s, const char *name, void *buf, size_t cap, uint32_t flags)
{
	struct lk_store_record r = { .name = name, .len = strlen(name), .flags = flags };
	struct copy c = { .buf = buf, .cap = cap };
	int rc = s->ops->read(s, &r, 1, copy_old, &c, NEVER);

	return rc != 0 ? rc : (int)c.len;
}

int
get(struct lk_store *s, const char *name, void *buf, size_t cap)
{
	return get_flags(s, name, buf, cap, 0);
}

/* --------------------------------------------------------------------------- states */

static int
note(void *arg, const struct lk_store_record *r)
{
	struct state *st = arg;
	uint64_t sum = r->old_len;

	cr_assert_eq(r->status, 0, "a damaged record");
	cr_assert_lt(st->n, STATE_MOST);
	for (size_t i = 0; i < r->old_len; i++)
		sum = sum * 31 + ((const unsigned char *)r->old)[i];
	memset(&st->row[st->n], 0, sizeof(st->row[0]));
	memcpy(st->row[st->n].name, r->name, r->len < 23 ? r->len : 23);
	st->row[st->n++].sum = sum + (r->flags & LK_STORE_DURABLE);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

void
state_read(struct lk_store *s, struct state *out)
{
	out->n = 0;
	ok(s->ops->scan(s, NULL, 0, note, out, NEVER));
	qsort(out->row, out->n, sizeof(out->row[0]), by_name);
}

bool
state_is(const struct state *a, const struct state *b)
{
	return a->n == b->n && memcmp(a->row, b->row, a->n * sizeof(a->row[0])) == 0;
}

/* ---------------------------------------------------------------------------- deeds */

static unsigned char stuff[LK_STORE_RECORD_MAX];

static void
some_records(struct lk_store *s)
{
	char name[16];

	memset(stuff, 's', sizeof(stuff));
	for (unsigned i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		ok(put(s, name, stuff, 20 + i * 30));
	}
}

static int
insert(struct lk_store *s)
{
	return put(s, "new", "new one", 7);
}

static int
change(struct lk_store *s)
{
	return put(s, "r3", "another", 7);
}

static int
lengthen(struct lk_store *s)
{
	return put(s, "r1", stuff, 3000);
}

static int
take_away(struct lk_store *s)
{
	return put(s, "r5", NULL, 0);
}

/* Some come, some change, some go, some stay. */
static int
mix(void *arg, struct lk_store_record *r, size_t n)
{
	const size_t *len = arg;

	for (size_t i = 0; i < n; i++) {
		r[i].fresh = stuff + i;
		r[i].fresh_len = i % 4 == 1 ? 0 : *len + i;
		r[i].changed = i % 4 != 2;
	}
	return 0;
}

static int
batch_of(struct lk_store *s, size_t len, uint32_t flags)
{
	static const char *const names[] = { "r0", "r7", "r2", "n1", "n2", "r8", "r9", "r4", "n5" };
	struct lk_store_record r[countof(names)];

	for (size_t i = 0; i < countof(names); i++)
		r[i] = (struct lk_store_record){ .name = names[i], .len = strlen(names[i]) };
	r[0].flags = flags;
	r[0].name = flags != 0 ? "floor" : "r0";
	r[0].len = strlen(r[0].name);
	return s->ops->update(s, r, countof(names), mix, &len, NEVER);
}

static int
small_batch(struct lk_store *s)
{
	return batch_of(s, 5, 0);
}

static int
large_batch(struct lk_store *s)
{
	return batch_of(s, 5000, 0);
}

static int
durable_batch(struct lk_store *s)
{
	return batch_of(s, 3000, LK_STORE_DURABLE);
}

static void
a_floor(struct lk_store *s)
{
	some_records(s);
	ok(put_flags(s, "floor", "1000", 4, LK_STORE_DURABLE));
}

static int
raise_floor(struct lk_store *s)
{
	return put_flags(s, "floor", stuff, 3000,
			 LK_STORE_DURABLE); /* on other pages than before */
}

/* The next new name needs another file. */
static void
a_full_stripe(struct lk_store *s)
{
	char name[16];

	memset(stuff, 's', sizeof(stuff));
	for (unsigned i = 0; i < 96; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		ok(put(s, name, stuff, i));
		if (i == 0)
			ok(put(s, name, "x", 1));
	}
}

static int
overflow(struct lk_store *s)
{
	return put(s, "one more", "x", 1);
}

static int
live_and_end(struct lk_store *s)
{
	const struct lk_session_id id = { { 7 } };
	int rc = s->ops->session_open(s, &id, 1000000000, "somebody", NEVER);

	return rc == 0 ? s->ops->session_close(s, &id, NEVER) : rc;
}

const struct deed deeds[] = {
	{ "insert", "?stripes=4", some_records, insert },
	{ "change", "?stripes=4", some_records, change },
	{ "lengthen", "?stripes=4", some_records, lengthen },
	{ "take away", "?stripes=4", some_records, take_away },
	{ "small batch, one stripe", "?stripes=1", some_records, small_batch },
	{ "small batch", "?stripes=4", some_records, small_batch },
	{ "large batch", "?stripes=3", some_records, large_batch },
	{ "raise floor", "?stripes=2", a_floor, raise_floor },
	{ "durable batch", "?stripes=3", a_floor, durable_batch },
	{ "overflow", "?stripes=1", a_full_stripe, overflow },
	{ "live and end", "?stripes=1", some_records, live_and_end },
};

const size_t n_deeds = countof(deeds);
