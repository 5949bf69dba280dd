/* SPDX-License-Identifier: MIT */
/* lk_why() and its texts: who would be in the way. */
#include "text.h"

enum { MOST = 64 };

struct list {
	struct lk_blocker at[MOST];
	size_t n;
	size_t stop_at;
};

static int
list_add(void *arg, const struct lk_blocker *b)
{
	struct list *l = arg;

	cr_assert_lt(l->n, MOST);
	l->at[l->n++] = *b;
	return l->n == l->stop_at ? -77 : 0;
}

static struct list
why(struct lk_manager *m, const char *name, lk_mode mode)
{
	struct list l = { .n = 0 };

	ok(lk_why(m, name, strlen(name), mode, list_add, &l));
	return l;
}

static void
expect_blocker(const struct lk_blocker *b, uint32_t cause, const char *name, lk_mode held,
	       lk_mode wanted, lk_mode asked, uint32_t flags)
{
	cr_expect_eq(b->why, cause, "why %u", b->why);
	cr_expect_eq(b->name_len, strlen(name));
	cr_expect_eq(memcmp(b->name, name, strlen(name)), 0, "%.64s", (const char *)b->name);
	cr_expect_eq(b->held, held, "held %s", lk_modename(b->held));
	cr_expect_eq(b->wanted, wanted, "wanted %s", lk_modename(b->wanted));
	cr_expect_eq(b->asked, asked, "asked %s", lk_modename(b->asked));
	cr_expect_eq(b->flags, flags, "flags %x", b->flags);
}

Test(why, nobody_is_in_the_way_of_a_free_name)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	lk_grant g;

	open_owners(m, &w, 1);
	cr_expect_eq(why(m, "never/seen", LK_X).n, 0);
	g = take(w, "n", LK_X);
	cr_expect_eq(why(m, "n", LK_IS).n, 1);
	ok(lk_release(w, g));
	cr_expect_eq(why(m, "n", LK_X).n, 0);
	close_all(m, &w, 1);
}

/* Against the table, for every pair of modes: also what the library then does. */
Test(why, a_holder_is_in_the_way_exactly_when_modes_conflict)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2];

	open_owners(m, w, 2);
	for (lk_mode held = LK_IS; held <= LK_X; held++) {
		lk_grant g = take(w[0], "n", held);

		for (lk_mode mode = LK_IS; mode <= LK_X; mode++) {
			struct list l = why(m, "n", mode);

			cr_expect_eq(l.n, !compatible[mode][held], "%s beside %s", mode_name(mode),
				     mode_name(held));
			cr_expect_eq(l.n == 0, is_open_to(w[1], "n", mode));
			if (l.n != 0)
				expect_blocker(&l.at[0], LK_WHY_HELD, "n", held, LK_NL, mode, 0);
		}
		ok(lk_release(w[0], g));
	}
	close_all(m, w, 2);
}

/* From the root down; what a leaf needs above is an intent. */
Test(why, holders_of_ancestors_come_first)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3];
	struct list l;

	open_owners(m, w, 3);
	take(w[0], "db/t/r", LK_S);
	take(w[1], "db/t", LK_S);
	take(w[2], "db", LK_S);
	l = why(m, "db/t/r", LK_X);
	cr_assert_eq(l.n, 3);
	expect_blocker(&l.at[0], LK_WHY_HELD, "db", LK_S, LK_NL, LK_IX, LK_ON_ANCESTOR);
	expect_blocker(&l.at[1], LK_WHY_HELD, "db/t", LK_S, LK_NL, LK_IX, LK_ON_ANCESTOR);
	expect_blocker(&l.at[2], LK_WHY_HELD, "db/t/r", LK_S, LK_NL, LK_X, 0);
	cr_expect_eq(why(m, "db/t/r", LK_S).n, 0);
	/* A name that was never used below one that is held. */
	l = why(m, "db/t/new/deep", LK_U);
	cr_assert_eq(l.n, 2);
	expect_blocker(&l.at[1], LK_WHY_HELD, "db/t", LK_S, LK_NL, LK_IX, LK_ON_ANCESTOR);
	close_all(m, w, 3);
}

/* A grant that is implied is in no word: its cover is in the way, and alone. */
Test(why, an_implied_hold_is_not_in_the_way_itself)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct list l;

	open_owners(m, &w, 1);
	take(w, "t", LK_X);
	take(w, "t/r", LK_S);
	l = why(m, "t/r", LK_X);
	cr_assert_eq(l.n, 1);
	expect_blocker(&l.at[0], LK_WHY_HELD, "t", LK_X, LK_NL, LK_IX, LK_ON_ANCESTOR);
	close_all(m, &w, 1);
}

Test(why, numbers_have_no_ancestors)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct list l = { .n = 0 };
	uint64_t id;

	memcpy(&id, "a/b/c/de", 8); /* bytes that would be a path */
	open_owners(m, &w, 1);
	take(w, "a", LK_X);
	ok(lk_why_id(m, id, LK_S, list_add, &l));
	cr_expect_eq(l.n, 0);
	ok(lk_acquire_id(w, id, LK_U, NULL, NULL));
	ok(lk_why_id(m, id, LK_U, list_add, &l));
	cr_assert_eq(l.n, 1);
	cr_expect_eq(l.at[0].flags, LK_NAME_IS_ID);
	cr_expect_eq(l.at[0].held, LK_U);
	close_all(m, &w, 1);
}

/* Those in a line are told in its order; in a strict line they cannot be overtaken. */
Test(why, who_waits_is_ahead)
{
	struct lk_manager *m = open_manager("memory:?strict=1");
	struct asker first;
	struct asker second;
	struct lk_owner *w[3];
	struct list l;

	open_owners(m, w, 3);
	take(w[0], "n", LK_S);
	ask(m, &first, w[1], "n", LK_X);
	ask(m, &second, w[2], "n", LK_S);
	l = why(m, "n", LK_X);
	cr_assert_eq(l.n, 3);
	expect_blocker(&l.at[0], LK_WHY_HELD, "n", LK_S, LK_NL, LK_X, 0);
	expect_blocker(&l.at[1], LK_WHY_CLOSED, "n", LK_NL, LK_X, LK_X, 0);
	expect_blocker(&l.at[2], LK_WHY_CLOSED, "n", LK_NL, LK_S, LK_X, 0);
	cr_expect_eq(l.at[1].position, 1);
	cr_expect_eq(l.at[2].position, 2);
	/* For S only the writer that waits is in the way. */
	l = why(m, "n", LK_S);
	cr_assert_eq(l.n, 1);
	expect_blocker(&l.at[0], LK_WHY_CLOSED, "n", LK_NL, LK_X, LK_S, 0);
	ok(lk_release_all(w[0]));
	(void)granted(&first);
	ok(lk_release_all(w[1]));
	(void)granted(&second);
	close_all(m, w, 3);
}

/* In an open line a newcomer may overtake: it could be had. */
Test(why, who_waits_in_an_open_line_may_be_overtaken)
{
	struct test_world world;
	struct lk_manager *m;
	struct asker first;
	struct lk_owner *w[3];
	struct page p = { 0 };
	struct list l;

	test_world_init(&world);
	world.manual = true; /* nobody grows impatient */
	m = open_with("memory:?spin_ns=off", NULL, &world);
	open_owners(m, w, 3);
	take(w[0], "n", LK_S);
	ask(m, &first, w[1], "n", LK_X);
	l = why(m, "n", LK_S);
	cr_assert_eq(l.n, 1);
	expect_blocker(&l.at[0], LK_WHY_AHEAD, "n", LK_NL, LK_X, LK_S, 0);
	cr_expect(is_open_to(w[2], "n", LK_S));
	ok(lk_why_text(m, "n", 1, LK_S, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, "n can be had in S:\n"), "%s", p.text);
	cr_expect(page_has(&p, "first in the line (may be overtaken)\n"), "%s", p.text);
	page_clear(&p);
	ok(lk_release_all(w[0]));
	(void)granted(&first);
	close_all(m, w, 3);
}

/* More than fits at once, and exactly as many as there are. */
Test(why, tells_of_all)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[60];

	open_owners(m, w, (int)countof(w));
	for (size_t i = 0; i < countof(w); i++) {
		take(w[i], "n", LK_S);
		cr_assert_eq(why(m, "n", LK_X).n, i + 1);
	}
	close_all(m, w, (int)countof(w));
}

Test(why, ends_when_the_caller_says_so)
{
	struct lk_manager *m = open_manager(NULL);
	struct list l = { .stop_at = 2 };
	struct lk_owner *w[4];

	open_owners(m, w, 4);
	for (size_t i = 0; i < countof(w); i++)
		take(w[i], "n", LK_S);
	is(lk_why(m, "n", 1, LK_X, list_add, &l), -77);
	cr_expect_eq(l.n, 2);
	close_all(m, w, 4);
}

Test(why, arguments_are_checked)
{
	struct lk_manager *m = open_manager(NULL);
	static char name[LK_NAME_MAX + 1];
	struct page p = { 0 };
	struct list l = { .n = 0 };

	is(lk_why(NULL, "n", 1, LK_X, list_add, &l), LK_E_INVAL);
	is(lk_why(m, NULL, 1, LK_X, list_add, &l), LK_E_INVAL);
	is(lk_why(m, "n", 1, LK_NL, list_add, &l), LK_E_INVAL);
	is(lk_why(m, "n", 1, (lk_mode)(LK_X + 1), list_add, &l), LK_E_INVAL);
	is(lk_why(m, "n", 1, LK_X, NULL, &l), LK_E_INVAL);
	is(lk_why(m, "n", 0, LK_X, list_add, &l), LK_E_NAME);
	is(lk_why(m, name, sizeof(name), LK_X, list_add, &l), LK_E_NAME);
	is(lk_why_id(NULL, 1, LK_X, list_add, &l), LK_E_INVAL);
	is(lk_why_id(m, 1, LK_NL, list_add, &l), LK_E_INVAL);
	is(lk_why_id(m, 1, LK_X, NULL, &l), LK_E_INVAL);
	is(lk_why_text(NULL, "n", 1, LK_X, LK_TEXT, page_write, &p), LK_E_INVAL);
	is(lk_why_text(m, "n", 1, LK_X, LK_TEXT, NULL, &p), LK_E_INVAL);
	is(lk_why_text(m, "n", 1, LK_X, (enum lk_format)0, page_write, &p), LK_E_INVAL);
	is(lk_why_text(m, "n", 1, LK_X, (enum lk_format)4, page_write, &p), LK_E_INVAL);
	is(lk_why_text(m, "n", 1, LK_X, LK_DOT, page_write, &p), LK_E_UNSUPPORTED);
	is(lk_why_text(m, "n", 0, LK_X, LK_TEXT, page_write, &p), LK_E_NAME);
	is(lk_why_id_text(m, 1, LK_NL, LK_TEXT, page_write, &p), LK_E_INVAL);
	is(lk_why_id_text(m, 1, LK_X, LK_DOT, page_write, &p), LK_E_UNSUPPORTED);
	cr_expect_eq(p.calls, 0);
	cr_expect_eq(l.n, 0);
	ok(lk_close(m));
}

/* ----------------------------------------------------------------------- its texts */

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

static int
first_id(void *arg, const struct lk_snapshot_row *row)
{
	*(uint64_t *)arg = row->owner_id;
	return 1;
}

Test(why, in_words)
{
	struct test_world world;
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_options o = {
		.size = sizeof(o), .flags = LK_TIMED, .tag = "night\"ly", .tag_len = 8
	};
	struct page p = { 0 };
	char wanted[300];
	uint64_t id;

	test_world_init(&world);
	world.manual = true;
	world.time_ns = 5;
	m = open_with(NULL, NULL, &world);
	w = open_labelled(m, "import");
	ok(lk_acquire(w, "orders/42", LK_S, &o, NULL));
	is(lk_snapshot(m, first_id, &id), 1);
	test_world_advance(&world, 3200000000);
	ok(lk_why_text(m, "orders/42", 9, LK_X, LK_TEXT, page_write, &p));
	(void)snprintf(
		wanted, sizeof(wanted),
		"orders/42 cannot be had in X:\n  orders/42 is held in S by owner %llu \"import\", "
		"for 3.2s, tag \"night\\x22ly\"\n",
		(unsigned long long)id);
	cr_expect_str_eq(p.text, wanted, "%s", p.text);
	page_clear(&p);
	ok(lk_why_text(m, "orders", 6, LK_S, LK_TEXT, page_write, &p));
	cr_expect_str_eq(p.text, "orders can be had in S\n");
	page_clear(&p);
	ok(lk_why_text(m, "orders/42", 9, LK_X, LK_JSON, page_write, &p));
	(void)snprintf(
		wanted, sizeof(wanted),
		"{\"name\":\"orders/42\",\"mode\":\"X\",\"free\":false,\"blockers\":[{\"name\":"
		"\"orders/42\",\"why\":\"held\",\"ancestor\":false,\"owner\":%llu,\"label\":"
		"\"import\",\"held\":\"S\",\"wanted\":\"NL\",\"asked\":\"X\",\"position\":0,"
		"\"age_ns\":3200000000,\"tag\":\"night\\\"ly\"}]}\n",
		(unsigned long long)id);
	cr_expect_str_eq(p.text, wanted, "%s", p.text);
	page_clear(&p);
	ok(lk_acquire_id(w, UINT64_MAX, LK_S, NULL, NULL));
	ok(lk_why_id_text(m, UINT64_MAX, LK_X, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, "#18446744073709551615 cannot be had in X:\n"), "%s", p.text);
	page_clear(&p);
	ok(lk_why_id_text(m, UINT64_MAX, LK_X, LK_JSON, page_write, &p));
	cr_expect(page_has(&p, "{\"id\":\"18446744073709551615\",\"mode\""), "%s", p.text);
	cr_expect(is_json(&p));
	page_clear(&p);
	close_all(m, &w, 1);
}

Test(why, a_text_ends_when_the_writer_says_no)
{
	struct lk_manager *m = open_manager(NULL);
	struct page p = { .refuse_at = 2 };
	struct lk_owner *w[40];

	open_owners(m, w, (int)countof(w));
	for (size_t i = 0; i < countof(w); i++)
		take(w[i], "n", LK_S);
	is(lk_why_text(m, "n", 1, LK_X, LK_JSON, page_write, &p), PAGE_REFUSED);
	cr_expect_eq(p.calls, 2);
	page_clear(&p);
	close_all(m, w, (int)countof(w));
}

Test(why, a_report_in_words)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_report r = LK_REPORT_INIT;
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT, .report = &r };
	struct lk_owner *w[13];
	struct page p = { 0 };

	open_owners(m, w, (int)countof(w));
	ok(lk_acquire(w[0], "n", LK_S, &o, NULL));
	ok(lk_report_text(&r, LK_TEXT, page_write, &p));
	cr_expect_str_eq(p.text, "nobody was in the way\n");
	page_clear(&p);
	for (size_t i = 1; i < countof(w) - 1; i++)
		take(w[i], "n", LK_S);
	is(lk_acquire(w[12], "n", LK_X, &o, NULL), LK_E_BUSY);
	ok(lk_report_text(&r, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, "LK_E_BUSY: "), "%s", p.text);
	cr_expect_eq(page_count(&p, "  n is held in S by owner "), LK_REPORT_BLOCKERS);
	cr_expect(page_has(&p, "  and 4 more\n"), "%s", p.text);
	page_clear(&p);
	ok(lk_report_text(&r, LK_JSON, page_write, &p));
	cr_expect(is_json(&p), "%s", p.text);
	cr_expect(page_has(&p, "{\"code\":\"LK_E_BUSY\",\"n\":12,\"deadlock\":0,"), "%s", p.text);
	page_clear(&p);
	is(lk_report_text(&r, LK_DOT, page_write, &p), LK_E_UNSUPPORTED);
	is(lk_report_text(NULL, LK_TEXT, page_write, &p), LK_E_INVAL);
	is(lk_report_text(&r, LK_TEXT, NULL, &p), LK_E_INVAL);
	r.kept = LK_REPORT_BLOCKERS + 1;
	is(lk_report_text(&r, LK_TEXT, page_write, &p), LK_E_INVAL);
	r.kept = 0;
	r.size = 8;
	is(lk_report_text(&r, LK_TEXT, page_write, &p), LK_E_INVAL);
	close_all(m, w, (int)countof(w));
}

/* --------------------------------------------------------------------------- memory */

Test(why, without_memory_says_so_and_calls_nobody)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[40];
	struct page p = { 0 };
	struct list l = { .n = 0 };

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, w, (int)countof(w));
	for (size_t i = 0; i < 10; i++)
		take(w[i], "n", LK_S);
	test_heap_fail(&heap, 1, true);
	ok(lk_why(m, "n", 1, LK_X, list_add, &l)); /* few need no memory */
	cr_expect_eq(l.n, 10);
	test_heap_fail(&heap, 0, false);
	for (size_t i = 10; i < countof(w); i++)
		take(w[i], "n", LK_S);
	test_heap_fail(&heap, 1, true);
	l.n = 0;
	is(lk_why(m, "n", 1, LK_X, list_add, &l), LK_E_NOMEM);
	is(lk_why_text(m, "n", 1, LK_X, LK_TEXT, page_write, &p), LK_E_NOMEM);
	cr_expect_eq(l.n, 0);
	cr_expect_eq(p.calls, 0);
	test_heap_fail(&heap, 0, false);
	close_all(m, w, (int)countof(w));
	cr_expect_eq(heap.blocks, 0);
}
