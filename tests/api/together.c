/* SPDX-License-Identifier: MIT */
/*
 * Questions of several threads to a store go together: over the test store, whose updates wait at a gate, and are counted.
 */
#include <stdatomic.h>
#include <unistd.h>

#include <latchkey/store.h>

#include "stores.h"

enum { THREADS = 6, NAMES = 8 };

static const struct lk_store_ops *plain;
static struct lk_store_ops counted;
static struct lk_store_ops concurrent; /* … of a store that updates several names at a time */

static struct {
	atomic_bool is_shut;
	atomic_uint at_gate;
	atomic_uint passed;
	atomic_uint most; /* in one exchange */
	atomic_uint exchanges;
	atomic_uint alone;
	atomic_int refuse; /* so many of each exchange, from its end, are left or fail */
	atomic_uint refused;
	atomic_uint was_refused[THREADS][NAMES]; /* every other time: who fails often is given up */
} gate;

static void
pass(void)
{
	atomic_fetch_add(&gate.at_gate, 1);
	while (atomic_load(&gate.is_shut))
		usleep(100);
	atomic_fetch_sub(&gate.at_gate, 1);
	atomic_fetch_add(&gate.passed, 1);
}

static int
update(struct lk_store *s, struct lk_store_record *r, size_t n, lk_store_change_fn *fn, void *arg,
       uint64_t deadline_ns)
{
	pass();
	atomic_fetch_add(&gate.alone, 1);
	return plain->update(s, r, n, fn, arg, deadline_ns);
}

/* The record "n", and the name: n1.7 */
static bool
may_refuse(const struct lk_store_update *u)
{
	const unsigned char *name = u->r->name;

	must(u->r->len == 5 && name[1] == 'n' && name[3] == '.');
	return atomic_fetch_add(&gate.was_refused[name[2] - '0'][name[4] - '0'], 1) % 2 == 0;
}

static void
update_many(struct lk_store *s, struct lk_store_update *u, size_t n, uint64_t deadline_ns)
{
	const int left = atomic_load(&gate.refuse);
	const size_t made = left < (int)n ? n - (size_t)left : 0;

	pass();
	atomic_fetch_add(&gate.exchanges, 1);
	if (n > atomic_load(&gate.most))
		atomic_store(&gate.most, (unsigned)n);
	if (made > 0)
		plain->update_many(s, u, made, deadline_ns);
	for (size_t i = made; i < n; i++) {
		u[i].is_left = i % 2 == 0 || !may_refuse(&u[i]);
		u[i].rc = LK_E_UNKNOWN; /* of the others; nothing was written */
		atomic_fetch_add(&gate.refused, u[i].is_left == 0);
	}
}

static void
register_them(void)
{
	struct lk_store *s;

	ok(lk_store_open("test:together", NULL, &s));
	plain = s->ops;
	counted = *plain;
	counted.scheme = "counted";
	counted.update = update;
	counted.update_many = update_many;
	ok(lk_store_register(&counted));
	concurrent = counted;
	concurrent.scheme = "concurrent";
	concurrent.capabilities |= LK_STORE_CONCURRENT;
	ok(lk_store_register(&concurrent));
	lk_store_close(s);
}

static struct lk_manager *
open_as(const char *scheme, const char *parameters, struct test_world *world)
{
	static bool are_known;
	char url[96];

	if (!are_known)
		register_them();
	are_known = true;
	snprintf(url, sizeof(url), "%s:together?as=a%s", scheme, parameters);
	return open_with(url, NULL, world);
}

static struct lk_manager *
open_counted(const char *parameters, struct test_world *world)
{
	return open_as("counted", parameters, world);
}

/* ---------------------------------------------------------------------------- threads */

struct crowd {
	struct lk_manager *m;
	atomic_bool ends;
	struct member {
		struct crowd *of;
		pthread_t thread;
		unsigned number;
		unsigned n;
		unsigned rounds; /* 0: until all end */
	} member[THREADS];
};

/* A name of its own each time, of eight. */
static void *
lock_on(void *arg)
{
	struct member *q = arg;
	struct lk_owner *w;

	must(lk_owner_open(q->of->m, NULL, &w) == 0);
	while (q->rounds != 0 ? q->n < q->rounds : !atomic_load(&q->of->ends)) {
		char name[16];
		lk_grant g;

		snprintf(name, sizeof(name), "n%u.%u", q->number, q->n++ % NAMES);
		must(lk_acquire(w, name, LK_X, NULL, &g) == 0);
		must(lk_release(w, g) == 0);
	}
	must(lk_owner_close(w) == 0);
	return NULL;
}

/* Of a manager that it closes as it ends. */
static void
crowd_begin_in(struct crowd *c, struct lk_manager *m, unsigned rounds)
{
	*c = (struct crowd){ .m = m };
	for (unsigned i = 0; i < THREADS; i++) {
		c->member[i] = (struct member){ .of = c, .number = i, .rounds = rounds };
		cr_assert_eq(pthread_create(&c->member[i].thread, NULL, lock_on, &c->member[i]), 0);
	}
}

static void
crowd_begin(struct crowd *c, const char *parameters, unsigned rounds)
{
	crowd_begin_in(c, open_counted(parameters, NULL), rounds);
}

static void
crowd_end(struct crowd *c)
{
	atomic_store(&c->ends, true);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(c->member[i].thread, NULL);
	ok(lk_close(c->m));
}

/* (CB1, CB2) */
Test(together, go_those_who_come_while_others_are_away, .timeout = 200)
{
	static struct crowd c;
	unsigned before;

	crowd_begin(&c, "&linger_ns=off", 0);
	while (atomic_load(&gate.most) < 3) { /* as soon as some come while one is at the gate */
		atomic_store(&gate.is_shut, true);
		wait_until(atomic_load(&gate.at_gate) > 0);
		usleep(1000);
		before = atomic_load(&gate.passed);
		atomic_store(&gate.is_shut, false);
		wait_until(atomic_load(&gate.passed) != before);
	}
	crowd_end(&c);
}

/* Some are left, of some the answer is lost: each is asked for again by itself.  (CB4) */
Test(together, each_asks_again_for_himself, .timeout = 200)
{
	static struct crowd c;

	atomic_store(&gate.refuse, 2);
	crowd_begin(&c, "&linger_ns=off", 0);
	wait_until(atomic_load(&gate.refused) > 2 * THREADS);
	crowd_end(&c);
	cr_assert_gt(atomic_load(&gate.alone), 0u);
}

/* What is kept is not asked for. */
Test(together, need_not_go_at_all_for_what_is_kept, .timeout = 200)
{
	static struct crowd c;
	unsigned alone, n;

	crowd_begin(&c, "", 8);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(c.member[i].thread, NULL);
	alone = atomic_load(&gate.alone);
	n = atomic_load(&gate.most);
	for (unsigned i = 0; i < THREADS; i++) {
		c.member[i].n = 0;
		(void)lock_on(&c.member[i]);
	}
	cr_assert_eq(atomic_load(&gate.alone), alone);
	cr_assert_eq(atomic_load(&gate.most), n);
	ok(lk_close(c.m));
}

static uint32_t
holders(struct lk_manager *m, const char *name)
{
	struct lk_record_info info = { .size = sizeof(info) };

	ok(lk_record_info(m, name, strlen(name), &info));
	return info.holders;
}

/* As time stands still, nobody else gives back what the thread has had: it goes with its next question.  (LG6, CB6) */
Test(together, gives_one_back_and_gets_the_next, .timeout = 200)
{
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	char name[16];
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	m = open_counted("&linger_ns=off", &world);
	ok(lk_owner_open(m, NULL, &w));
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n0.%u", i);
		ok(lk_acquire(w, name, LK_X, NULL, &g));
		cr_assert_eq(atomic_load(&gate.exchanges), i);
		ok(lk_release(w, g));
	}
	cr_assert_eq(atomic_load(&gate.most), 2u);
	cr_assert_eq(holders(m, "n0.0"), 0u);
	cr_assert_eq(holders(m, name), 1u);
	test_world_advance(&world, 2000000); /* a nap of the service, and more (J4) */
	wait_until(holders(m, name) == 0); /* nor does it wait for a question that does not come */
	ok(lk_owner_close(w));
	ok(lk_close(m));
}

/* To a store that updates several names at a time nobody waits for others: all of them are there.  (CB9) */
Test(together, nobody_waits_where_each_may_go_alone, .timeout = 200)
{
	static struct crowd c;
	struct lk_manager *m = open_as("concurrent", "&linger_ns=off", NULL);

	atomic_store(&gate.is_shut, true);
	crowd_begin_in(&c, m, 0);
	wait_until(atomic_load(&gate.at_gate) >= THREADS);
	atomic_store(&gate.is_shut, false);
	crowd_end(&c);
}

/* Nor takes a thread along what it has had: that goes in its time, all of it together.  (CB9) */
Test(together, what_falls_goes_in_its_time_where_each_may_go_alone, .timeout = 200)
{
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	char name[16];
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	m = open_as("concurrent", "&linger_ns=off", &world);
	ok(lk_owner_open(m, NULL, &w));
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n0.%u", i);
		ok(lk_acquire(w, name, LK_X, NULL, &g));
		ok(lk_release(w, g));
	}
	cr_assert_eq(atomic_load(&gate.exchanges), 0u);
	cr_assert_eq(holders(m, "n0.0"), 1u);
	cr_assert_eq(holders(m, name), 1u);
	test_world_advance(&world, 2000000);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n0.%u", i);
		wait_until(holders(m, name) == 0);
	}
	cr_assert_ge(atomic_load(&gate.most), 2u);
	ok(lk_owner_close(w));
	ok(lk_close(m));
}
