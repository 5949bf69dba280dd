/* SPDX-License-Identifier: MIT */
/* Processes that are killed in the middle of what they do. */
#include <sched.h>
#include <stdlib.h>

#include "check.h"

enum { CELLS = 12, ROUNDS = 50 };

/* All cells have the same number, and each is as long as the number says. */
struct write {
	uint64_t number;
	unsigned char bytes[CELLS][3000];
};

static size_t
len_of(uint64_t number, size_t cell)
{
	return sizeof(number) + (number * 37 + cell * 11) % 2900;
}

static uint64_t
number_of(const struct lk_store_record *r, size_t cell)
{
	uint64_t number = 0;

	if (r->old_len == 0)
		return 0;
	CHECK(r->old_len >= sizeof(number), "a piece of a record");
	memcpy(&number, r->old, sizeof(number));
	CHECK(r->old_len == len_of(number, cell), "a record of another length");
	for (size_t i = sizeof(number); i < r->old_len; i++)
		if (((const unsigned char *)r->old)[i] != (unsigned char)(number + cell)) {
			CHECK(false, "a torn record");
			break;
		}
	return number;
}

static int
look(void *arg, struct lk_store_record *r, size_t n)
{
	struct write *w = arg;

	w->number = number_of(&r[0], 0);
	for (size_t i = 1; i < n; i++)
		CHECK(number_of(&r[i], i) == w->number, "half of an update was made");
	return 0;
}

static int
next(void *arg, struct lk_store_record *r, size_t n)
{
	struct write *w = arg;

	(void)look(arg, r, n);
	w->number++;
	for (size_t i = 0; i < n; i++) {
		memset(w->bytes[i], (int)(w->number + i), sizeof(w->bytes[i]));
		memcpy(w->bytes[i], &w->number, sizeof(w->number));
		r[i].fresh = w->bytes[i];
		r[i].fresh_len = len_of(w->number, i);
		r[i].changed = 1;
	}
	return 0;
}

static struct name names[CELLS];

static void
set_up(struct lk_store_record *r)
{
	for (unsigned i = 0; i < CELLS; i++) {
		check_name(&names[i], "cell", i);
		r[i] = (struct lk_store_record){ .name = names[i].bytes, .len = names[i].len };
	}
}

static int
play_victim(const char *argument)
{
	static struct write w;
	struct lk_store_record r[CELLS];
	struct lk_store *s = check_open();

	(void)argument;
	set_up(r);
	say('r');
	while (s->ops->update(s, r, CELLS, next, &w, NEVER) == 0)
		;
	return 1;
}

static void
wait_a_little(uint64_t ns)
{
	const uint64_t end = check_now() + ns;

	while (check_now() < end)
		sched_yield();
}

static void
updates_are_whole_whenever_one_is_killed(void)
{
	static struct write w;
	struct lk_store_record r[CELLS];
	struct lk_store *s = check_open();
	uint64_t lot = run.seed, last = 0;

	set_up(r);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct other o;

		other_start(&o, "victim", "");
		MUST(other_next(&o) == 'r', "it does not begin");
		wait_a_little(check_random(&lot) % 2000000);
		(void)other_kill(&o);
		if (i % 3 == 0) { /* sometimes who comes next has seen nothing before */
			lk_store_close(s);
			s = check_open();
		}
		OK(s->ops->read(s, r, CELLS, look, &w, NEVER));
		CHECK(w.number >= last, "it went back from %llu to %llu", (unsigned long long)last,
		      (unsigned long long)w.number);
		OK(s->ops->update(s, r, CELLS, next, &w, NEVER));
		last = w.number;
	}
	CHECK(last > ROUNDS, "nobody but us wrote anything");
	lk_store_close(s);
}

const struct check_case cases_crash[] = {
	{ "updates are whole whenever one is killed", updates_are_whole_whenever_one_is_killed, 0,
	  true },
	{ NULL, NULL, 0, false },
};

const struct role roles_crash[] = { { "victim", play_victim }, { NULL, NULL } };
