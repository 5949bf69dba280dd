/* SPDX-License-Identifier: MIT */
/*
 * With linger_ns=off a name goes back to the store as soon as nobody here uses it: so each release races with the
 * phantom that takes the cover away, and with those of ours who come to stand in the line meanwhile.  Whoever waits there
 * comes in all the same.
 */
#include <latchkey/store.h>

#include "stores.h"

enum { READERS = 40 };

struct crowd {
	struct lk_manager *m[2];
	struct lk_owner *writer;   /* of the readers' process */
	struct lk_owner *stranger; /* of another */
	struct lk_owner *owner[READERS];
	pthread_t thread[READERS];
	pthread_t abroad;
	_Atomic uint32_t round;  /* in which the readers are, once the writer has the name */
	_Atomic uint32_t asking; /* who are on their way to the line */
	_Atomic uint32_t served; /* who have had it in this round */
	_Atomic bool over;
};

struct reader {
	struct crowd *c;
	uint32_t i;
};

static const struct lk_options patient = { .size = sizeof(patient), .timeout_ns = 60 * SECOND };

/* Some only try, before they wait. */
static void
read_once(struct lk_owner *w, bool tries)
{
	const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	lk_grant g = 0;
	int rc = tries ? lk_acquire(w, "n", LK_S, &nowait, &g) : LK_E_BUSY;

	must(rc == 0 || rc == LK_E_BUSY);
	if (rc != 0)
		must(lk_acquire(w, "n", LK_S, &patient, &g) == 0);
	must(lk_release(w, g) == 0);
}

static void *
read_in_each_round(void *arg)
{
	const struct reader *r = arg;
	struct crowd *c = r->c;
	uint32_t round = 0;

	for (;;) {
		while (atomic_load(&c->round) == round && !atomic_load(&c->over))
			sched_yield();
		if (atomic_load(&c->over))
			return NULL;
		round++;
		atomic_fetch_add(&c->asking, 1);
		read_once(c->owner[r->i], (r->i + round) % 3 == 0);
		atomic_fetch_add(&c->served, 1);
	}
}

static void *
write_abroad(void *arg)
{
	struct crowd *c = arg;
	lk_grant g;

	while (!atomic_load(&c->over)) {
		const uint32_t round = atomic_load(&c->round);

		must(lk_acquire(c->stranger, "n", LK_X, &patient, &g) == 0);
		must(lk_release(c->stranger, g) == 0);
		while (atomic_load(&c->round) == round && !atomic_load(&c->over))
			sched_yield();
	}
	return NULL;
}

/* The writer goes as some have asked, all, or none; then all come in. */
static void
one_round(struct crowd *c, uint32_t round)
{
	static const uint32_t first[] = { 0, READERS / 2, READERS, 1 };
	lk_grant g = 0;

	ok(lk_acquire(c->writer, "n", LK_X, &patient, &g));
	atomic_store(&c->asking, 0);
	atomic_store(&c->served, 0);
	atomic_fetch_add(&c->round, 1);
	while (atomic_load(&c->asking) < first[round % countof(first)])
		sched_yield();
	ok(lk_release(c->writer, g));
	while (atomic_load(&c->served) < READERS) /* the patience of each is its end */
		sched_yield();
}

static void
crowd_meets(const char *url, const char *other)
{
	static struct crowd c;
	struct reader reader[READERS];
	uint64_t until;
	uint32_t round = 0;

	memset(&c, 0, sizeof(c));
	c.m[0] = open_manager(url);
	open_owners(c.m[0], &c.writer, 1);
	open_owners(c.m[0], c.owner, READERS);
	if (other != NULL) {
		c.m[1] = open_manager(other);
		open_owners(c.m[1], &c.stranger, 1);
		must(pthread_create(&c.abroad, NULL, write_abroad, &c) == 0);
	}
	for (uint32_t i = 0; i < READERS; i++) {
		reader[i] = (struct reader){ &c, i };
		must(pthread_create(&c.thread[i], NULL, read_in_each_round, &reader[i]) == 0);
	}
	until = test_now() + (uint64_t)(test_seconds(0.25) * 1e9);
	do
		one_round(&c, round++);
	while (test_now() < until);
	atomic_store(&c.over, true);
	for (uint32_t i = 0; i < READERS; i++)
		pthread_join(c.thread[i], NULL);
	if (other != NULL) {
		pthread_join(c.abroad, NULL);
		close_all(c.m[1], &c.stranger, 1);
	}
	close_owners(c.owner, READERS);
	close_all(c.m[0], &c.writer, 1);
}

Test(linger, off_keeps_nobody_waiting_in_memory, .timeout = 200)
{
	crowd_meets("test:crowd?as=a&linger_ns=off", NULL);
}

Test(linger, off_keeps_nobody_waiting_beside_another, .timeout = 200)
{
	crowd_meets("test:crowd?as=a&linger_ns=off", "test:crowd?as=b&linger_ns=off");
}

Test(linger, off_keeps_nobody_waiting_in_a_folder, .timeout = 200)
{
	struct place p;
	char url[96];

	place_make(&p);
	snprintf(url, sizeof(url), "%s?linger_ns=off", p.url);
	crowd_meets(url, NULL);
	place_remove(&p);
}

Test(linger, off_keeps_nobody_waiting_beside_another_in_a_folder, .timeout = 200)
{
	struct place p;
	char url[96];

	place_make(&p);
	snprintf(url, sizeof(url), "%s?linger_ns=off", p.url);
	crowd_meets(url, url);
	place_remove(&p);
}
