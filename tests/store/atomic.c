/* SPDX-License-Identifier: MIT */
/* Several records, several threads, several processes: all or nothing, and nothing is lost. */
#include <sched.h>
#include <unistd.h>
#include <stdlib.h>

#include "check.h"

enum { ACCOUNTS = 24, START = 1000, MOST = 6, THREADS = 8, PROCESSES = 4 };

/* ------------------------------------------------------------------------ transfers */

/* Some accounts give to the first; the sum stays.  An account that has nothing gives nothing. */
struct transfer {
	int64_t fresh[MOST];
	unsigned runs;
};

static int64_t
read_amount(const struct lk_store_record *r)
{
	int64_t amount = START;

	CHECK(r->old_len == 0 || r->old_len == sizeof(amount), "another record");
	if (r->old_len == sizeof(amount))
		memcpy(&amount, r->old, sizeof(amount));
	return amount;
}

static int
move(void *arg, struct lk_store_record *r, size_t n)
{
	struct transfer *t = arg;

	t->runs++;
	t->fresh[0] = read_amount(&r[0]);
	for (size_t i = 1; i < n; i++) {
		t->fresh[i] = read_amount(&r[i]) - 1;
		t->fresh[0]++;
	}
	for (size_t i = 0; i < n; i++) {
		r[i].fresh = &t->fresh[i];
		r[i].fresh_len = sizeof(t->fresh[i]);
		r[i].changed = 1;
	}
	return 0;
}

/* n different accounts, in the order in which they are drawn. */
static void
draw_accounts(struct name *names, struct lk_store_record *r, size_t n, uint64_t *lot)
{
	bool is_taken[ACCOUNTS] = { false };

	for (size_t i = 0; i < n; i++) {
		unsigned k = (unsigned)(check_random(lot) % ACCOUNTS);

		while (is_taken[k])
			k = (k + 1) % ACCOUNTS;
		is_taken[k] = true;
		check_name(&names[i], "account", k);
		r[i] = (struct lk_store_record){ .name = names[i].bytes, .len = names[i].len };
	}
}

static void
transfer(struct lk_store *s, struct name *names, uint64_t *lot)
{
	const size_t n = 2 + check_random(lot) % (MOST - 1);
	struct lk_store_record r[MOST];
	struct transfer t = { .runs = 0 };

	draw_accounts(names, r, n, lot);
	OK(s->ops->update(s, r, n, move, &t, NEVER));
	CHECK(t.runs > 0, "never asked");
}

static int
add_up(void *arg, struct lk_store_record *r, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += read_amount(&r[i]);
	*(int64_t *)arg = sum;
	return 0;
}

static void
check_sum(struct lk_store *s, struct name *names)
{
	struct lk_store_record r[ACCOUNTS];
	int64_t sum = 0;

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		check_name(&names[i], "account", i);
		r[i] = (struct lk_store_record){ .name = names[i].bytes, .len = names[i].len };
	}
	OK(s->ops->read(s, r, ACCOUNTS, add_up, &sum, NEVER));
	CHECK(sum == ACCOUNTS * START, "the sum is %lld", (long long)sum);
}

/* -------------------------------------------------------------------------- counters */

struct counter {
	uint64_t fresh;
};

static int
add_one(void *arg, struct lk_store_record *r, size_t n)
{
	struct counter *c = arg;

	(void)n;
	c->fresh = 0;
	if (r->old_len == sizeof(c->fresh))
		memcpy(&c->fresh, r->old, sizeof(c->fresh));
	c->fresh++;
	r->fresh = &c->fresh;
	r->fresh_len = sizeof(c->fresh);
	r->changed = 1;
	return 0;
}

static void
count(struct lk_store *s, const struct name *name)
{
	struct lk_store_record r = { .name = name->bytes, .len = name->len };
	struct counter c;

	OK(s->ops->update(s, &r, 1, add_one, &c, NEVER));
}

static void
check_count(struct lk_store *s, uint64_t wanted)
{
	uint64_t found = 0;
	struct name n;

	(void)get_name(s, check_name(&n, "counter", 0), &found, sizeof(found));
	CHECK(found == wanted, "%llu of %llu were counted", (unsigned long long)found,
	      (unsigned long long)wanted);
}

/* --------------------------------------------------------------------------- threads */

struct worker {
	pthread_t thread;
	struct lk_store *s;
	uint64_t lot;
	unsigned rounds;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct name *names = malloc(ACCOUNTS * sizeof(*names));
	struct name counter;

	check_name(&counter, "counter", 0);
	for (unsigned i = 0; i < w->rounds; i++) {
		transfer(w->s, names, &w->lot);
		count(w->s, &counter);
		if (i % 8 == 0)
			check_sum(w->s, names);
	}
	free(names);
	return NULL;
}

static void
work_in_threads(struct lk_store *const *stores, size_t n_stores, unsigned n, unsigned rounds,
		uint64_t lot)
{
	struct worker w[THREADS];

	for (unsigned i = 0; i < n; i++) {
		w[i] = (struct worker){ .s = stores[i % n_stores],
					.lot = lot + i,
					.rounds = rounds };
		MUST(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(w[i].thread, NULL);
}

static void
check_all(struct lk_store *s, uint64_t counted)
{
	struct name *names = malloc(ACCOUNTS * sizeof(*names));

	check_sum(s, names);
	check_count(s, counted);
	free(names);
}

static void
threads_of_one_store(void)
{
	struct lk_store *s = check_open();

	work_in_threads(&s, 1, THREADS, 150, run.seed);
	check_all(s, THREADS * 150);
	lk_store_close(s);
}

static void
threads_of_several_openings(void)
{
	struct lk_store *s[3] = { check_open(), check_open(), check_open() };

	work_in_threads(s, 3, 6, 150, run.seed);
	check_all(s[1], 6 * 150);
	for (int i = 0; i < 3; i++)
		lk_store_close(s[i]);
}

/* ------------------------------------------------------------------------- processes */

static int
play_worker(const char *argument)
{
	struct lk_store *s = check_open();

	say('r');
	wait_for_word();
	work_in_threads(&s, 1, 2, 150, run.seed ^ strtoull(argument, NULL, 10) << 32);
	lk_store_close(s);
	return 0;
}

static void
several_processes(void)
{
	struct lk_store *s = check_open();
	struct other others[PROCESSES];

	for (unsigned i = 0; i < PROCESSES; i++) {
		char number[8];

		(void)snprintf(number, sizeof(number), "%u", i + 1);
		other_start(&others[i], "worker", number);
		MUST(other_next(&others[i]) == 'r', "it does not begin");
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		MUST(write(others[i].to, "g", 1) == 1, "it does not listen");
	work_in_threads(&s, 1, 1, 150, run.seed);
	for (unsigned i = 0; i < PROCESSES; i++)
		CHECK(other_wait(&others[i]) == 0, "process %u failed", i);
	check_all(s, PROCESSES * 2 * 150 + 150);
	lk_store_close(s);
}

/* --------------------------------------------------------------------- large batches */

struct large {
	unsigned char *bytes;
	size_t each;
	int rc;
};

static int
write_large(void *arg, struct lk_store_record *r, size_t n)
{
	struct large *l = arg;

	for (size_t i = 0; i < n; i++) {
		r[i].fresh = l->bytes + i;
		r[i].fresh_len = l->each;
		r[i].changed = 1;
	}
	return l->rc;
}

static int
compare_large(void *arg, struct lk_store_record *r, size_t n)
{
	struct large *l = arg;

	for (size_t i = 0; i < n; i++)
		CHECK(r[i].old_len == l->each && memcmp(r[i].old, l->bytes + i, l->each) == 0,
		      "record %u of the batch", (unsigned)i);
	return 0;
}

static void
a_batch_may_be_large(void)
{
	static struct name names[LK_STORE_BATCH_MAX];
	static struct lk_store_record r[LK_STORE_BATCH_MAX];
	struct large l = { malloc(LK_STORE_RECORD_MAX + 256), 5000, 0 };
	struct lk_store *s = check_open();

	memset(l.bytes, 'y', LK_STORE_RECORD_MAX + 256);
	for (unsigned i = 0; i < 256; i++)
		l.bytes[i] = (unsigned char)i;
	for (unsigned i = 0; i < LK_STORE_BATCH_MAX; i++) {
		check_name(&names[i], "large", i);
		r[i] = (struct lk_store_record){ .name = names[i].bytes, .len = names[i].len };
	}
	OK(s->ops->update(s, r, LK_STORE_BATCH_MAX, write_large, &l, NEVER));
	OK(s->ops->read(s, r, LK_STORE_BATCH_MAX, compare_large, &l, NEVER));
	l.each = LK_STORE_RECORD_MAX;
	OK(s->ops->update(s, r, 40, write_large, &l, NEVER));
	OK(s->ops->read(s, r, 40, compare_large, &l, NEVER));
	l.each = 10;
	l.rc = 5;
	IS(s->ops->update(s, r, 40, write_large, &l, NEVER), 5);
	l.each = LK_STORE_RECORD_MAX;
	OK(s->ops->read(s, r, 40, compare_large, &l, NEVER));
	free(l.bytes);
	lk_store_close(s);
}

const struct check_case cases_atomic[] = {
	{ "threads of one store", threads_of_one_store, 0, false },
	{ "threads of several openings", threads_of_several_openings, 0, false },
	{ "several processes", several_processes, 0, true },
	{ "a batch may be large", a_batch_may_be_large, 0, false },
	{ NULL, NULL, 0, false },
};

const struct role roles_atomic[] = { { "worker", play_worker }, { NULL, NULL } };
