/* SPDX-License-Identifier: MIT */
/* Is a manager well?  And what its store has of names. */
#include "stores.h"
#include "text.h"

/* However busy the machine is. */
static struct lk_health
health_of(struct lk_manager *m)
{
	struct lk_health h = { .size = sizeof(h), .slow_ns = 600 * (uint64_t)SECOND };

	ok(lk_health(m, &h));
	return h;
}

/* That part alone is not well. */
static void
expect_only(const struct lk_health *h, uint32_t part, uint32_t status, const char *words)
{
	for (uint32_t i = 0; i < LK_HEALTH_PARTS; i++) {
		const struct lk_health_part *p = &h->part[i];

		cr_expect_eq(p->status, i == part ? status : LK_HEALTH_OK, "%s: %s %s",
			     lk_healthpartname(i), lk_healthname(p->status), p->words);
		cr_expect_neq(p->words[0], '\0', "%s", lk_healthpartname(i));
	}
	cr_expect_eq(h->status, status);
	cr_expect(strstr(h->part[part].words, words) != NULL, "%s", h->part[part].words);
}

Test(health, of_a_manager_in_memory)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_health h;
	struct lk_owner *w;

	open_owners(m, &w, 1);
	get(w, "n", LK_X);
	h = health_of(m);
	expect_only(&h, LK_HEALTH_PART_store, LK_HEALTH_OK, "no store");
	cr_expect_eq(h.part[LK_HEALTH_PART_manager].value, 1);
	close_all(m, &w, 1);
}

Test(health, of_a_manager_with_a_store)
{
	struct lk_health h;
	struct pair p;

	pair_open(&p, "&ttl_ns=3600s");
	get(p.w[0], "a/b", LK_X);
	h = health_of(p.m[0]);
	expect_only(&h, LK_HEALTH_PART_session, LK_HEALTH_OK, "lives");
	cr_expect_eq(h.part[LK_HEALTH_PART_covers].value, 2);
	cr_expect_eq(h.part[LK_HEALTH_PART_hints].value, 1);
	cr_expect_gt(h.part[LK_HEALTH_PART_deadline].value, 2000 * (uint64_t)SECOND);
	cr_expect_lt(h.part[LK_HEALTH_PART_deadline].value, 3600 * (uint64_t)SECOND);
	pair_close(&p);
}

Test(health, of_one_whose_store_does_not_answer)
{
	struct lk_health h;
	struct pair p;

	pair_open(&p, "&ttl_ns=3600s");
	cut_off("a", true);
	h = health_of(p.m[0]);
	cut_off("a", false);
	expect_only(&h, LK_HEALTH_PART_store, LK_HEALTH_BAD, "store");
	h = health_of(p.m[0]);
	cr_expect_eq(h.status, LK_HEALTH_OK);
	pair_close(&p);
}

Test(health, of_one_whose_store_is_slow)
{
	struct lk_test_faults f = { .size = sizeof(f), .delay_ns = 2000000 };
	struct lk_health h = { .size = sizeof(h), .slow_ns = 1000000 };
	struct pair p;

	pair_open(&p, "");
	ok(lk_test_store_faults("pair", "a", &f));
	ok(lk_health(p.m[0], &h));
	cr_expect_eq(h.part[LK_HEALTH_PART_store].status, LK_HEALTH_WARN, "%s",
		     h.part[LK_HEALTH_PART_store].words);
	cr_expect_ge(h.part[LK_HEALTH_PART_store].value, 2000000);
	pair_close(&p);
}

Test(health, of_one_whose_floor_is_damaged)
{
	struct lk_health h;
	struct lk_store *s;
	struct pair p;

	pair_open(&p, "");
	s = open_vandal("test:pair?as=v");
	put_record(s, "f", "abc", 3, LK_STORE_DURABLE);
	h = health_of(p.m[0]);
	cr_expect_eq(h.part[LK_HEALTH_PART_store].status, LK_HEALTH_BAD);
	lk_store_close(s);
	pair_close(&p);
}

/* The session is over, and as the store cannot be reached there is no other. */
Test(health, of_one_whose_session_is_over)
{
	struct lk_health h;
	struct pair p;

	pair_open(&p, "&manual=1&ttl_ns=3600s");
	get(p.w[0], "n", LK_X);
	ok(lk_test_store_step("pair", 7200 * SECOND));
	h = health_of(p.m[0]);
	cr_expect_eq(h.part[LK_HEALTH_PART_session].status, LK_HEALTH_BAD);
	cr_expect(strstr(h.part[LK_HEALTH_PART_session].words, "dead") != NULL);
	cr_expect_eq(h.status, LK_HEALTH_BAD);
	(void)!lk_release_all(p.w[0]);
	pair_close(&p);
}

/* Time is the test's, and nobody serves. */
Test(health, of_one_whose_clockwork_is_late)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct lk_manager *m;
	struct lk_health h;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	ok(lk_open("test:pair?manual=1&ttl_ns=30s", &cfg, &m));
	test_world_advance(&world, 25 * (uint64_t)SECOND); /* ten of them are a beat */
	h = (struct lk_health){ .size = sizeof(h) };
	ok(lk_health(m, &h));
	cr_expect_eq(h.slow_ns, SECOND);
	cr_expect_eq(h.part[LK_HEALTH_PART_service].status, LK_HEALTH_WARN);
	cr_expect_ge(h.part[LK_HEALTH_PART_service].value, 15 * (uint64_t)SECOND);
	cr_expect_eq(h.part[LK_HEALTH_PART_deadline].status, LK_HEALTH_WARN, "%s",
		     h.part[LK_HEALTH_PART_deadline].words);
	ok(lk_serve(m, NULL));
	h = health_of(m);
	cr_expect_eq(h.status, LK_HEALTH_OK);
	ok(lk_close(m));
}

/* How long the session lives without another sign of life, so many seconds later. */
static uint64_t
left_after(struct test_world *world, struct lk_manager *m, uint64_t seconds)
{
	test_world_advance(world, seconds * SECOND);
	ok(lk_serve(m, NULL));
	return health_of(m).part[LK_HEALTH_PART_deadline].value;
}

static void
beats(const char *parameter, uint64_t every)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct test_world world;
	struct lk_manager *m;
	uint64_t life;
	char url[64];

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	snprintf(url, sizeof(url), "test:pair?manual=1&ttl_ns=30s%s", parameter);
	ok(lk_open(url, &cfg, &m));
	life = left_after(&world, m, 0);
	cr_expect_gt(life, 29 * (uint64_t)SECOND);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(left_after(&world, m, every - 1), life - (every - 1) * SECOND);
		cr_expect_eq(left_after(&world, m, 1), life);
	}
	ok(lk_close(m));
}

Test(health, of_a_session_that_is_renewed_as_often_as_it_is_said)
{
	beats("", 10);
	beats("&heartbeat_ns=4s", 4);
	beats("&heartbeat_ns=10001ms", 10); /* three in its life at least */
	beats("&heartbeat_ns=9s", 9);
}

Test(health, of_one_where_somebody_waits_for_long)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_health h = { .size = sizeof(h),
			       .slow_ns = 600 * (uint64_t)SECOND,
			       .stuck_ns = 10 * (uint64_t)SECOND };
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker a;
	lk_grant g;

	test_world_init(&world);
	world.manual = true;
	cfg.environment = &world.environment;
	ok(lk_open("memory:?deadlock_delay_ns=off", &cfg, &m));
	open_owners(m, w, 2);
	g = take(w[0], "the name", LK_X);
	ask(m, &a, w[1], "the name", LK_S);
	ok(lk_health(m, &h));
	expect_only(&h, LK_HEALTH_PART_lines, LK_HEALTH_OK, "in lines: 1");
	cr_expect_eq(h.part[LK_HEALTH_PART_lines].value, 1);
	test_world_advance(&world, 11 * (uint64_t)SECOND);
	ok(lk_health(m, &h));
	cr_expect_eq(h.status, LK_HEALTH_WARN);
	cr_expect_eq(h.part[LK_HEALTH_PART_lines].status, LK_HEALTH_WARN);
	cr_expect_eq(h.part[LK_HEALTH_PART_holders].status, LK_HEALTH_WARN);
	cr_expect_eq(h.part[LK_HEALTH_PART_holders].value, 1);
	cr_expect(strstr(h.part[LK_HEALTH_PART_holders].words, "\"the.name\"") != NULL, "%s",
		  h.part[LK_HEALTH_PART_holders].words);
	give(w[0], g);
	is(answer(&a), 0);
	close_all(m, w, 2);
}

Test(health, of_one_that_shuts_down)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_health h;

	ok(lk_shutdown(m, NULL));
	h = health_of(m);
	expect_only(&h, LK_HEALTH_PART_manager, LK_HEALTH_BAD, "no requests");
	ok(lk_close(m));
}

Test(health, in_words)
{
	struct lk_health limits = { .size = sizeof(limits), .slow_ns = 600 * (uint64_t)SECOND };
	struct page p = { 0 };
	struct pair s;

	pair_open(&s, "&ttl_ns=3600s");
	ok(lk_health_text(s.m[0], &limits, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, "ok\n  manager   ok    open\n"), "%s", page_text(&p));
	page_clear(&p);
	limits.slow_ns = 1;
	ok(lk_health_text(s.m[0], &limits, LK_JSON, page_write, &p));
	cr_expect(is_json(&p), "%s", page_text(&p));
	cr_expect(page_has(&p, "{\"status\":\"warn\",\"parts\":{\"manager\":{\"status\":\"ok\""),
		  "%s", page_text(&p));
	page_clear(&p);
	is(lk_health_text(s.m[0], NULL, LK_DOT, page_write, &p), LK_E_UNSUPPORTED);
	is(lk_health_text(s.m[0], NULL, LK_TEXT, NULL, &p), LK_E_INVAL);
	is(lk_health_text(NULL, NULL, LK_TEXT, page_write, &p), LK_E_INVAL);
	p.refuse_at = 1;
	is(lk_health_text(s.m[0], NULL, LK_TEXT, page_write, &p), PAGE_REFUSED);
	page_clear(&p);
	cr_expect_str_eq(lk_healthname(LK_HEALTH_WARN), "warn");
	cr_expect_str_eq(lk_healthname(77), "?");
	cr_expect_str_eq(lk_healthpartname(LK_HEALTH_PARTS), "?");
	pair_close(&s);
}

Test(health, without_memory)
{
	for (uint32_t at = 0;; at++) {
		struct lk_health h = { .size = sizeof(h) };
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		int rc;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		ok(lk_open("test:pair", &cfg, &m));
		test_heap_fail(&heap, at + 1, true);
		rc = lk_health(m, &h);
		test_heap_fail(&heap, 0, false);
		ok(lk_close(m));
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
		cr_expect_eq(h.status, 0);
	}
}

/* ---------------------------------------------------------------------------- records */

static struct lk_record_info
record_of(struct lk_manager *m, const char *name)
{
	struct lk_record_info info = { .size = sizeof(info) };

	ok(lk_record_info(m, name, strlen(name), &info));
	cr_expect_neq(info.words[0], '\0');
	return info;
}

Test(record_info, of_a_name_that_is_held_waited_for_and_left)
{
	struct lk_record_info i;
	struct asker a;
	struct pair p;
	uint64_t fence;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms&linger_ns=off");
	i = record_of(p.m[1], "n");
	cr_expect(i.status == LK_HEALTH_OK && i.holders == 0 && i.fence == 0, "%s", i.words);
	g = get(p.w[0], "n", LK_X);
	fence = lk_fence(p.w[0], g);
	ask(p.m[1], &a, p.w[1], "n", LK_S);
	wait_until(record_of(p.m[1], "n").waiters == 1);
	i = record_of(p.m[1], "n");
	cr_expect(i.status == LK_HEALTH_OK && i.holders == 1 && i.dead == 0 && i.flags == 0);
	cr_expect_ge(i.fence, fence);
	cr_expect_eq(record_of(p.m[0], "n").flags, LK_RECORD_OURS);
	give(p.w[0], g);
	is(answer(&a), 0);
	wait_until(record_of(p.m[1], "n").waiters == 0);
	give(p.w[1], a.grant);
	wait_until(record_of(p.m[1], "n").holders == 0);
	pair_close(&p);
}

Test(record_info, of_a_record_that_is_damaged)
{
	struct lk_record_info i;
	struct lk_store *s;
	struct pair p;

	pair_open(&p, "");
	s = open_vandal("test:pair?as=v");
	put_record(s, "nbad", "garbage", 7, 0);
	i = record_of(p.m[0], "bad");
	cr_expect(i.status == LK_HEALTH_BAD && i.flags == LK_RECORD_DAMAGED, "%s", i.words);
	lk_store_close(s);
	pair_close(&p);
}

Test(record_info, what_cannot_be)
{
	struct lk_record_info i = { .size = sizeof(i) };
	struct lk_manager *m = open_manager(NULL);
	struct pair p;

	is(lk_record_info(m, "n", 1, &i), LK_E_UNSUPPORTED);
	ok(lk_close(m));
	pair_open(&p, "");
	is(lk_record_info(NULL, "n", 1, &i), LK_E_INVAL);
	is(lk_record_info(p.m[0], NULL, 1, &i), LK_E_INVAL);
	is(lk_record_info(p.m[0], "n", 1, NULL), LK_E_INVAL);
	is(lk_record_info(p.m[0], "n", 0, &i), LK_E_NAME);
	is(lk_record_info(p.m[0], "n", LK_NAME_MAX + 1, &i), LK_E_NAME);
	cut_off("a", true);
	is(lk_record_info(p.m[0], "n", 1, &i), LK_E_STORE);
	cut_off("a", false);
	pair_close(&p);
}

struct census {
	unsigned rows;
	unsigned ours;
	unsigned dead;
	unsigned damaged;
	unsigned ids;
	unsigned modes[MODES];
	unsigned waiting;
	char who[100];
};

static int
count_row(void *arg, const struct lk_record_row *row)
{
	struct census *c = arg;

	cr_expect_eq(row->size, sizeof(*row));
	c->rows++;
	c->ours += (row->flags & LK_RECORD_OURS) != 0;
	c->dead += (row->flags & LK_RECORD_DEAD) != 0;
	c->damaged += (row->flags & LK_RECORD_DAMAGED) != 0;
	c->ids += (row->flags & LK_RECORD_ID) != 0;
	c->modes[row->held]++;
	c->waiting += row->wanted != LK_NL && row->position == 1;
	snprintf(c->who, sizeof(c->who), "%s", row->who);
	return 0;
}

static struct census
census_of(struct lk_manager *m, const char *prefix)
{
	struct census c = { 0 };

	ok(lk_record_each(m, prefix, strlen(prefix), count_row, &c));
	return c;
}

Test(record_each, tells_of_all_processes)
{
	struct census c;
	struct asker a;
	struct lk_store *s;
	struct pair p;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms&label=me");
	s = open_vandal("test:pair?as=v");
	get(p.w[0], "db/a", LK_S);
	get(p.w[1], "db/a", LK_S);
	g = get(p.w[0], "db/b", LK_X);
	ok(lk_acquire_id(p.w[1], 7, LK_U, NULL, NULL));
	ask(p.m[1], &a, p.w[1], "db/b", LK_U);
	wait_until(census_of(p.m[0], "db/b").waiting == 1);
	c = census_of(p.m[0], "db/");
	cr_expect(c.rows == 4 && c.ours == 2 && c.modes[LK_S] == 2 && c.modes[LK_X] == 1 &&
			  c.modes[LK_NL] == 1 && c.ids == 0,
		  "%u", c.rows);
	cr_expect(strncmp(c.who, "me@", 3) == 0, "%s", c.who);
	c = census_of(p.m[1], "");
	cr_expect(c.rows == 7 && c.ids == 1 && c.modes[LK_IX] + c.modes[LK_IS] == 2, "%u",
		  c.rows); /* "db" too */
	put_record(s, "ndb/c", "garbage", 7, 0);
	cr_expect_eq(census_of(p.m[1], "db/").damaged, 1);
	give(p.w[0], g);
	is(answer(&a), 0);
	ok(lk_test_store_crash("pair", "a"));
	c = census_of(p.m[1], "db/a");
	cr_expect(c.rows == 2 && c.dead == 1, "%u %u", c.rows, c.dead);
	lk_store_close(s);
	pair_close(&p);
}

static int
stop_at_once(void *arg, const struct lk_record_row *row)
{
	(void)arg;
	(void)row;
	return 4711;
}

Test(record_each, stops_when_it_is_told_to)
{
	struct lk_manager *m = open_manager(NULL);
	struct census c = { 0 };
	struct pair p;

	is(lk_record_each(m, NULL, 0, count_row, &c), LK_E_UNSUPPORTED);
	ok(lk_close(m));
	pair_open(&p, "");
	get(p.w[0], "n", LK_X);
	is(lk_record_each(p.m[0], NULL, 0, stop_at_once, NULL), 4711);
	is(lk_record_each(p.m[0], NULL, 0, NULL, NULL), LK_E_INVAL);
	is(lk_record_each(p.m[0], NULL, 1, count_row, &c), LK_E_INVAL);
	cut_off("a", true);
	is(lk_record_each(p.m[0], NULL, 0, count_row, &c), LK_E_STORE);
	cut_off("a", false);
	pair_close(&p);
}

/* The function may lock and look. */
static int
lock_something(void *arg, const struct lk_record_row *row)
{
	struct pair *p = arg;

	if (memcmp(row->name, "n", 1) == 0 && row->name_len == 1) {
		give(p->w[0], get(p->w[0], "m", LK_X));
		cr_expect_eq(census_of(p->m[0], "n").rows, 1);
	}
	return 0;
}

Test(record_each, may_call_anything)
{
	struct pair p;

	pair_open(&p, "");
	get(p.w[0], "n", LK_X);
	ok(lk_record_each(p.m[0], "n", 1, lock_something, &p));
	pair_close(&p);
}

Test(record_each, in_words)
{
	struct page out = { 0 };
	struct lk_store *s;
	struct asker a;
	struct pair p;
	lk_grant g;

	pair_open(&p, "&poll_max_ns=10ms&label=me");
	s = open_vandal("test:pair?as=v");
	g = get(p.w[0], "n\"", LK_X);
	ask(p.m[1], &a, p.w[1], "n\"", LK_S);
	wait_until(census_of(p.m[0], "n").waiting == 1);
	put_record(s, "nnbad", "garbage", 7, 0);
	ok(lk_record_text(p.m[0], "n", 1, LK_TEXT, page_write, &out));
	cr_expect(page_has(&out, "n\": X"), "%s", page_text(&out));
	cr_expect(page_has(&out, ", ours\n"), "%s", page_text(&out));
	cr_expect(page_has(&out, "n\": waits for S, first in the line"), "%s", page_text(&out));
	cr_expect(page_has(&out, "nbad, damaged\n"), "%s", page_text(&out));
	page_clear(&out);
	ok(lk_record_text(p.m[0], NULL, 0, LK_JSON, page_write, &out));
	cr_expect(is_json(&out), "%s", page_text(&out));
	cr_expect(page_has(&out, "\"name\":\"n\\\"\",\"held\":\"X\""), "%s", page_text(&out));
	page_clear(&out);
	is(lk_record_text(p.m[0], NULL, 0, LK_DOT, page_write, &out), LK_E_UNSUPPORTED);
	is(lk_record_text(NULL, NULL, 0, LK_TEXT, page_write, &out), LK_E_INVAL);
	out.refuse_at = 1;
	is(lk_record_text(p.m[0], NULL, 0, LK_JSON, page_write, &out), PAGE_REFUSED);
	page_clear(&out);
	give(p.w[0], g);
	is(answer(&a), 0);
	lk_store_close(s);
	pair_close(&p);
}

Test(record_each, in_a_folder)
{
	struct lk_manager *m;
	struct lk_owner *w;
	struct place at;
	struct census c;

	place_make(&at);
	m = open_manager(at.url);
	open_owners(m, &w, 1);
	get(w, "a/b", LK_X);
	c = census_of(m, "a");
	cr_expect(c.rows == 2 && c.modes[LK_X] == 1 && c.modes[LK_IX] == 1 && c.ours == 2);
	cr_expect_eq(health_of(m).status, LK_HEALTH_OK);
	close_all(m, &w, 1);
	place_remove(&at);
}

Test(record_each, without_memory)
{
	for (uint32_t at = 0;; at++) {
		struct lk_record_info i = { .size = sizeof(i) };
		struct census c = { 0 };
		struct test_heap heap;
		struct lk_config cfg = LK_CONFIG_INIT;
		struct lk_manager *m;
		struct lk_owner *w;
		int rc;

		test_heap_init(&heap);
		cfg.allocator = &heap.allocator;
		ok(lk_open("test:pair", &cfg, &m));
		open_owners(m, &w, 1);
		get(w, "n", LK_X);
		test_heap_fail(&heap, at + 1, true);
		rc = lk_record_each(m, NULL, 0, count_row, &c);
		if (rc == 0)
			rc = lk_record_info(m, "n", 1, &i);
		if (rc == 0)
			rc = lk_break(m, "n", 1, NULL, NULL);
		test_heap_fail(&heap, 0, false);
		(void)!lk_release_all(w);
		close_all(m, &w, 1);
		if (rc == 0)
			break;
		is(rc, LK_E_NOMEM);
	}
}
