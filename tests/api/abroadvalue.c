/* SPDX-License-Identifier: MIT */
/* Values of names that processes share: they are the name's, whoever wrote them.  (VC1-VC4, VB4) */
#include <latchkey/breaker.h>

#include "pair.h"

static struct lk_value
value_of(struct lk_owner *w, lk_grant g)
{
	struct lk_value v = { .size = sizeof(v) };

	ok(lk_value_read(w, g, &v));
	return v;
}

static bool
says(const struct lk_value *v, const char *text)
{
	return v->len == strlen(text) && memcmp(v->bytes, text, v->len) == 0;
}

/* Under a lock of its own. */
static struct lk_value
look(struct lk_owner *w, const char *name, lk_mode mode)
{
	const lk_grant g = get(w, name, mode);
	const struct lk_value v = value_of(w, g);

	give(w, g);
	return v;
}

static void
write_in(struct lk_owner *w, const char *name, lk_mode mode, const char *text)
{
	const lk_grant g = get(w, name, mode);

	ok(lk_value_write(w, g, text, strlen(text)));
	give(w, g);
}

/* All stores that are built in. */
static void
in_each(const char *parameters, void (*test)(struct pair *p))
{
	for (int store = 0; store < PAIR_STORES; store++) {
		struct pair p;

		pair_open(&p, store, parameters);
		test(&p);
		pair_close(&p);
	}
}

static void
write_and_read(struct pair *p)
{
	static const lk_mode writers[] = { LK_X, LK_U, LK_SIX };
	static const lk_mode readers[] = { LK_IS, LK_IX, LK_S, LK_U, LK_SIX, LK_X };
	uint64_t last = 0;
	char text[32];

	cr_expect_eq(look(p->w[0][0], "n", LK_S).version, 0);
	for (unsigned i = 0; i < 36; i++) {
		struct lk_value v;

		snprintf(text, sizeof(text), "value %u", i);
		write_in(p->w[i % 2][0], "n", writers[i / 2 % 3], text);
		v = look(p->w[1 - i % 2][i / 2 % 2], "n", readers[i / 6]);
		cr_expect(says(&v, text), "%u: %.*s", i, (int)v.len, (const char *)v.bytes);
		cr_expect_gt(v.version, last);
		cr_expect_eq(v.flags, 0);
		cr_expect_eq(look(p->w[i % 2][1], "n", LK_S).version, v.version);
		last = v.version;
	}
}

Test(abroad_value, is_what_was_written_last_wherever, .timeout = 60)
{
	in_each("", write_and_read);
	in_each("&linger_ns=off", write_and_read);
}

/* U and SIX let others read: they see each write at once. */
static void
read_beside(struct pair *p)
{
	static const lk_mode writers[] = { LK_U, LK_SIX };
	struct lk_value v;

	for (int i = 0; i < 2; i++) {
		const lk_mode reads = i == 0 ? LK_S : LK_IS;
		lk_grant r = get(p->w[1][0], "n", reads);
		lk_grant w = get(p->w[0][0], "n", writers[i]);

		ok(lk_value_write(p->w[0][0], w, "one", 3));
		v = value_of(p->w[1][0], r);
		cr_expect(says(&v, "one"));
		ok(lk_value_write(p->w[0][0], w, "two", 3));
		v = value_of(p->w[1][0], r);
		cr_expect(says(&v, "two"));
		is(lk_value_write(p->w[1][0], r, "no", 2), LK_E_PERM);
		give(p->w[0][0], w);
		give(p->w[1][0], r);
	}
}

Test(abroad_value, is_read_while_another_process_may_write, .timeout = 60)
{
	in_each("", read_beside);
}

/* From X to S, with the writer still there. */
static void
weaken(struct pair *p)
{
	lk_grant g = get(p->w[0][0], "n", LK_X);
	struct lk_value v;

	ok(lk_value_write(p->w[0][0], g, "written", 7));
	ok(lk_downgrade(p->w[0][0], g));
	v = look(p->w[1][0], "n", LK_S);
	cr_expect(says(&v, "written"));
	ok(lk_upgrade(p->w[0][0], g, NULL));
	ok(lk_value_write(p->w[0][0], g, "again", 5));
	ok(lk_convert(p->w[0][0], g, LK_U, NULL));
	v = look(p->w[1][0], "n", LK_IS);
	cr_expect(says(&v, "again"));
	give(p->w[0][0], g);
}

Test(abroad_value, comes_with_what_the_writer_leaves, .timeout = 60)
{
	in_each("", weaken);
}

/* The store has yet to hear of it, as what it is asked gets lost: nobody abroad reads, and who does here reads the latest. */
static void
read_on_the_way(struct pair *p)
{
	struct lk_breaker b = { .size = sizeof(b) };
	lk_grant g, r = get(p->w[0][1], "n", LK_IS);
	struct lk_value v;
	struct asker a;

	write_in(p->w[0][0], "n", LK_SIX, "old");
	g = get(p->w[0][0], "n", LK_SIX);
	give(p->w[0][1], r);
	ok(lk_convert(p->w[0][0], g, LK_X, NULL));
	ok(lk_value_write(p->w[0][0], g, "new", 3));
	pair_faults("a", (struct lk_test_faults){ .seed = 1, .lose_before = 1000 });
	ok(lk_downgrade(p->w[0][0], g));
	ask(p->m[1], &a, p->w[1][0], "n", LK_S);
	do { /* and it has tried to make room */
		ok(lk_breaker_status(p->m[0], "n", 1, &b));
		v = value_of(p->w[0][0], g);
		cr_assert(says(&v, "new"), "%.*s", (int)v.len, (const char *)v.bytes);
	} while (b.failures < 6);
	cr_expect(!is_answered(&a));
	pair_faults("a", (struct lk_test_faults){ .seed = 1 });
	r = granted(&a);
	v = value_of(p->w[1][0], r);
	cr_expect(says(&v, "new"));
	give(p->w[1][0], r);
	give(p->w[0][0], g);
}

Test(abroad_value, that_is_on_its_way_to_the_record_is_read_here, .timeout = 60)
{
	struct pair p;

	pair_open(&p, 0, "&poll_max_ns=10ms&breaker_threshold=1000");
	read_on_the_way(&p);
	pair_close(&p);
}

/* What is held above gives as much. */
static void
from_above(struct pair *p)
{
	lk_grant above, g;
	struct lk_value v;

	write_in(p->w[1][0], "db/t", LK_X, "theirs"); /* they keep it */
	above = get(p->w[0][0], "db", LK_S);
	g = get(p->w[0][0], "db/t", LK_S);
	v = value_of(p->w[0][0], g);
	cr_expect(says(&v, "theirs"));
	is(lk_value_write(p->w[0][0], g, "no", 2), LK_E_PERM);
	give(p->w[0][0], g);
	give(p->w[0][0], above);

	write_in(p->w[1][0], "db/t", LK_X, "theirs still");
	above = get(p->w[0][0], "db", LK_X);
	g = get(p->w[0][0], "db/t", LK_X);
	v = value_of(p->w[0][0], g);
	cr_expect(says(&v, "theirs still"));
	ok(lk_value_write(p->w[0][0], g, "ours", 4));
	v = value_of(p->w[0][0], g);
	cr_expect(says(&v, "ours"));
	give(p->w[0][0], g);
	give(p->w[0][0], above);
	v = look(p->w[1][0], "db/t", LK_S);
	cr_expect(says(&v, "ours"));
}

Test(abroad_value, of_a_name_that_is_held_from_above, .timeout = 60)
{
	in_each("", from_above);
	in_each("&linger_ns=off", from_above);
}

/* An owner with leases has its latch in each call. */
static void
leased(struct pair *p)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 3600 * SECOND };
	lk_grant g, h;
	struct lk_value v;

	ok(lk_acquire(p->w[0][0], "n", LK_U, &o, &g));
	ok(lk_value_write(p->w[0][0], g, "leased", 6));
	h = get(p->w[1][0], "n", LK_S);
	v = value_of(p->w[1][0], h);
	cr_expect(says(&v, "leased"));
	v = value_of(p->w[0][0], g);
	cr_expect(says(&v, "leased"));
	give(p->w[0][0], g);
	give(p->w[1][0], h);
}

Test(abroad_value, of_owners_that_others_change, .timeout = 60)
{
	in_each("", leased);
}

static void
lose_a_lease(struct pair *p)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 1000000 };
	struct lk_value v;
	uint64_t version;
	lk_grant g;

	write_in(p->w[0][0], "n", LK_X, "good");
	version = look(p->w[1][0], "n", LK_S).version;
	ok(lk_acquire(p->w[0][0], "n", LK_X, &o, &g));
	wait_until(lk_check(p->w[0][0], g) == LK_E_LOST);
	v = look(p->w[1][0], "n", LK_S);
	cr_expect(says(&v, "good"));
	cr_expect_eq(v.flags, LK_VALUE_INVALID);
	cr_expect_eq(v.version, version);
	write_in(p->w[1][0], "n", LK_U, "better");
	v = look(p->w[0][1], "n", LK_S);
	cr_expect(says(&v, "better"));
	cr_expect_eq(v.flags, 0);
}

Test(abroad_value, is_invalid_when_a_writer_was_lost, .timeout = 60)
{
	in_each("", lose_a_lease);
}

/* Of U the mark is seen by those who read beside it, soon. */
Test(abroad_value, is_marked_beside_readers, .timeout = 60)
{
	const struct lk_options o = { .size = sizeof(o), .lease_ns = 1000000 };
	struct pair p;
	lk_grant g, r;

	pair_open(&p, 0, "");
	write_in(p.w[0][0], "n", LK_X, "good");
	r = get(p.w[1][0], "n", LK_S);
	ok(lk_acquire(p.w[0][0], "n", LK_U, &o, &g));
	wait_until(value_of(p.w[1][0], r).flags == LK_VALUE_INVALID);
	give(p.w[1][0], r);
	pair_close(&p);
}

Test(abroad_value, of_a_process_that_died_is_the_one_before_and_invalid, .timeout = 60)
{
	struct lk_value v, seen;
	struct pair p;
	lk_grant g;

	pair_open(&p, 0, "");
	write_in(p.w[0][0], "n", LK_X, "before");
	look(p.w[1][0], "n", LK_S); /* so it is in the store */
	g = get(p.w[0][0], "n", LK_X);
	pair_cut("a", true); /* or it would be a moment later */
	for (int i = 0; i < 100; i++)
		ok(lk_value_write(p.w[0][0], g, "lost", 4));
	seen = value_of(p.w[0][0], g);
	cr_expect(says(&seen, "lost"));
	ok(lk_test_store_crash("pair", "a"));
	g = get(p.w[1][0], "n", LK_X);
	v = value_of(p.w[1][0], g);
	cr_expect(says(&v, "before"));
	cr_expect_eq(v.flags, LK_VALUE_INVALID);
	ok(lk_value_write(p.w[1][0], g, "after", 5));
	v = value_of(p.w[1][0], g);
	cr_expect_gt(v.version, seen.version, "a version says what it is a version of");
	give(p.w[1][0], g);
	pair_close(&p);
}

/* A reader finds out that the writer beside it is dead. */
Test(abroad_value, of_a_writer_that_died_is_invalid_for_readers, .timeout = 60)
{
	struct lk_value v;
	struct pair p;
	lk_grant g, r;

	pair_open(&p, 0, "");
	g = get(p.w[0][0], "n", LK_U);
	r = get(p.w[1][0], "n", LK_S);
	ok(lk_value_write(p.w[0][0], g, "half", 4));
	v = value_of(p.w[1][0], r);
	cr_expect(says(&v, "half") && v.flags == 0);
	ok(lk_test_store_crash("pair", "a"));
	v = value_of(p.w[1][0], r);
	cr_expect(says(&v, "half"));
	cr_expect_eq(v.flags, LK_VALUE_INVALID);
	give(p.w[1][0], r);
	pair_close(&p);
}

/* Under X, and cut off: the store has none of it.  Again, should the session be over before that. */
static lk_grant
write_alone(struct pair *p, struct lk_value *mine)
{
	struct lk_owner *w = p->w[0][0];
	lk_grant g;
	int rc;

	do {
		pair_cut("a", false);
		wait_until(lk_acquire(w, "n", LK_X, NULL, &g) == 0);
		pair_cut("a", true);
		rc = lk_value_write(w, g, "mine", 4);
		if (rc == 0)
			rc = lk_value_read(w, g, mine);
		if (rc == LK_E_LOST)
			is(lk_release(w, g), LK_E_LOST);
	} while (rc == LK_E_LOST);
	ok(rc);
	return g;
}

/* The session is over, and its process goes on. */
Test(abroad_value, versions_are_not_given_twice, .timeout = 60)
{
	struct lk_value mine = { .size = sizeof(mine) };
	struct lk_value v;
	uint64_t version;
	struct pair p;
	lk_grant g;

	pair_open(&p, 0, "&ttl_ns=1s&poll_max_ns=10ms");
	close_all(p.m[1], p.w[1], 2);
	p.m[1] = pair_open_one(&p, 1, ""); /* which lives longer */
	open_owners(p.m[1], p.w[1], 2);
	g = write_alone(&p, &mine);
	version = mine.version;
	ok(lk_test_store_step("pair", 2 * SECOND));
	wait_until(lk_check(p.w[0][0], g) == LK_E_LOST);
	is(lk_value_write(p.w[0][0], g, "late", 4), LK_E_LOST);
	is(lk_value_read(p.w[0][0], g, &mine), LK_E_LOST);
	pair_cut("a", false);
	write_in(p.w[1][0], "n", LK_X, "theirs");
	v = look(p.w[1][0], "n", LK_S);
	cr_expect_gt(v.version, version);
	is(lk_release(p.w[0][0], g), LK_E_LOST);
	pair_close(&p);
}

Test(abroad_value, that_the_store_does_not_take_is_there_later, .timeout = 60)
{
	struct lk_value v;
	struct pair p;
	lk_grant g, r;

	pair_open(&p, 0, "");
	g = get(p.w[0][0], "n", LK_U);
	r = get(p.w[1][0], "n", LK_S);
	pair_cut("a", true);
	is(lk_value_write(p.w[0][0], g, "late", 4), LK_E_STORE);
	v = value_of(p.w[0][0], g);
	cr_expect(says(&v, "late"));
	v = value_of(p.w[1][0], r);
	cr_expect_eq(v.version, 0);
	pair_cut("b", true);
	is(lk_value_read(p.w[1][0], r, &v), LK_E_STORE);
	pair_cut("b", false);
	pair_cut("a", false);
	wait_until(value_of(p.w[1][0], r).len == 4);
	give(p.w[0][0], g);
	give(p.w[1][0], r);
	pair_close(&p);
}

Test(abroad_value, stays_when_everybody_has_closed, .timeout = 60)
{
	struct lk_value v, w;
	struct pair p;

	pair_open(&p, 1, "");
	write_in(p.w[0][0], "n", LK_X, "kept");
	v = look(p.w[0][0], "n", LK_S);
	for (int i = 0; i < 2; i++)
		close_all(p.m[i], p.w[i], 2);
	for (int i = 0; i < 2; i++) {
		p.m[i] = pair_open_one(&p, i, "");
		open_owners(p.m[i], p.w[i], 2);
	}
	w = look(p.w[1][0], "n", LK_S);
	cr_expect(says(&w, "kept"));
	cr_expect_eq(w.version, v.version);
	write_in(p.w[1][0], "n", LK_X, "more");
	cr_expect_gt(look(p.w[0][0], "n", LK_S).version, v.version);
	pair_close(&p);
}

Test(abroad_value, optimistic_reads_are_refused)
{
	struct lk_resource *r;
	uint64_t stamp = 7;
	struct pair p;

	pair_open(&p, 0, "");
	ok(lk_resource_open(p.m[0], "n", &r));
	give(p.w[0][0], get(p.w[0][0], "n", LK_X));
	is(lk_read_begin(r, &stamp), LK_E_UNSUPPORTED);
	cr_expect_eq(stamp, 7);
	lk_resource_close(r);
	pair_close(&p);
}

/* ------------------------------------------------------------------------- many at once */

/* Each adds one to the number in the value; who reads sees it grow, and its version with it. */
struct counter {
	pthread_t thread;
	struct lk_owner *w;
	unsigned n;
};

static void
add_one(struct lk_owner *w, unsigned i)
{
	static const lk_mode writers[] = { LK_X, LK_U, LK_X, LK_SIX };
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
	struct lk_value v = { .size = sizeof(v) };
	uint64_t number = 0;
	lk_grant g;
	int rc;

	must(lk_acquire(w, "n", writers[i % 4], &o, &g) == 0);
	must(lk_value_read(w, g, &v) == 0);
	must(v.flags == 0);
	memcpy(&number, v.bytes, v.len);
	number++;
	do {
		rc = lk_value_write(w, g, &number, sizeof(number));
	} while (rc == LK_E_UNKNOWN); /* it may be asked again */
	must(rc == 0);
	must(lk_release(w, g) == 0);
}

static void *
count(void *arg)
{
	const struct counter *c = arg;
	struct lk_value was = { .size = sizeof(was) };

	for (unsigned i = 0; i < c->n; i++) {
		const struct lk_options o = { .size = sizeof(o), .timeout_ns = 120 * SECOND };
		struct lk_value v = { .size = sizeof(v) };
		lk_grant g;

		add_one(c->w, i);
		must(lk_acquire(c->w, "n", i % 2 == 0 ? LK_S : LK_IS, &o, &g) == 0);
		must(lk_value_read(c->w, g, &v) == 0);
		must(v.version > was.version);
		must(memcmp(v.bytes, was.bytes, 8) != 0);
		was = v;
		must(lk_release(c->w, g) == 0);
	}
	return NULL;
}

static void
count_with_all(struct pair *p)
{
	struct counter c[4];
	struct lk_value v;
	uint64_t number;

	for (int i = 0; i < 4; i++) {
		c[i] = (struct counter){ .w = p->w[i / 2][i % 2], .n = 40 };
		cr_assert_eq(pthread_create(&c[i].thread, NULL, count, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(c[i].thread, NULL), 0);
	v = look(p->w[0][0], "n", LK_S);
	memcpy(&number, v.bytes, sizeof(number));
	cr_expect_eq(number, 160);
}

Test(abroad_value, no_write_is_lost_among_many, .timeout = 300)
{
	in_each("", count_with_all);
}

Test(abroad_value, no_write_is_lost_when_answers_are, .timeout = 300)
{
	struct pair p;

	pair_open(&p, 0, "");
	pair_faults(NULL, (struct lk_test_faults){ .seed = 11,
						   .lose_before = 50,
						   .lose_after = 100,
						   .again = 200,
						   .hints_lost = 100 });
	count_with_all(&p);
	pair_faults(NULL, (struct lk_test_faults){ .seed = 1 });
	pair_close(&p);
}
