/* SPDX-License-Identifier: MIT */
/* lk_tree(), lk_graph(), lk_deadlocks(): whole managers, in each format. */
#include "text.h"

typedef int view_fn(struct lk_manager *m, enum lk_format format, lk_write_fn *write, void *arg);

static struct lk_owner *
open_labelled(struct lk_manager *m, const char *label)
{
	struct lk_owner_options o = { .size = sizeof(o), .label = label };
	struct lk_owner *w;

	ok(lk_owner_open(m, &o, &w));
	return w;
}

/* What the view writes now; well-formed. */
static const char *
view(view_fn *fn, struct lk_manager *m, enum lk_format format, struct page *p)
{
	page_clear(p);
	ok(fn(m, format, page_write, p));
	if (format == LK_JSON)
		cr_assert(is_json(p), "%s", page_text(p));
	if (format == LK_DOT)
		cr_assert(is_dot(p), "%s", page_text(p));
	return page_text(p);
}

struct ids {
	const char *label[8];
	uint64_t id[8];
	size_t n;
};

static int
note_id(void *arg, const struct lk_snapshot_row *row)
{
	struct ids *ids = arg;
	size_t i = 0;

	while (i < ids->n && strcmp(ids->label[i], row->owner_label) != 0)
		i++;
	if (i < ids->n)
		ids->id[i] = row->owner_id;
	return 0;
}

/* The text with `@label` for each number of an owner with that label, and without ages and fences. */
static const char *
plain(struct lk_manager *m, struct page *p)
{
	struct ids ids = { .label = { "a", "b", "c", "d" }, .n = 4 };
	const char *from = page_text(p);
	char *to = p->text;

	ok(lk_snapshot(m, note_id, &ids));
	while (*from != '\0') {
		const char *end = from;
		size_t i = 0;

		if (strncmp(from, ", for ", 6) == 0 && from[6] >= '0' && from[6] <= '9') {
			from += 6 + strcspn(from + 6, ",\n");
			continue;
		}
		if (strncmp(from, ", fence ", 8) == 0) {
			from += 8 + strcspn(from + 8, ",\n");
			continue;
		}
		for (; i < ids.n; i++) {
			char number[24];
			int len = snprintf(number, sizeof(number), "%llu",
					   (unsigned long long)ids.id[i]);

			if (ids.id[i] != 0 && strncmp(from, number, (size_t)len) == 0) {
				*to++ = '@';
				*to++ = ids.label[i][0];
				end = from + len;
				break;
			}
		}
		if (end == from)
			*to++ = *from++;
		else
			from = end;
	}
	if (to != NULL)
		*to = '\0';
	return page_text(p);
}

static void
expect_text(const char *got, const char *wanted)
{
	cr_expect_str_eq(got, wanted, "it is\n%s\nand not\n%s", got, wanted);
}

/* ------------------------------------------------------------------------- trees */

Test(tree, of_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct page p = { 0 };

	expect_text(view(lk_tree, m, LK_TEXT, &p), "");
	expect_text(view(lk_tree, m, LK_JSON, &p), "{\"names\":[]}\n");
	expect_text(view(lk_tree, m, LK_DOT, &p),
		    "digraph tree {\n\trankdir=LR;\n\tnode [shape=box];\n}\n");
	page_clear(&p);
	ok(lk_close(m));
}

/* In the order of paths, where "db-x" does not come between "db" and what is below it. */
Test(tree, is_in_the_order_of_paths)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_labelled(m, "a"), open_labelled(m, "b") };
	struct page p = { 0 };

	take(w[0], "db-x", LK_S);
	take(w[0], "db/t/2", LK_X);
	take(w[1], "db/t/1", LK_S);
	ok(lk_acquire_id(w[1], 42, LK_U, NULL, NULL));
	take(w[0], "db/t/2", LK_S);
	view(lk_tree, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "#42\n"
				  "  - held in U by owner @b \"b\"\n"
				  "db\n"
				  "  - held in IX by owner @a \"a\", for what is below\n"
				  "  - held in IS by owner @b \"b\", for what is below\n"
				  "  t\n"
				  "    - held in IX by owner @a \"a\", for what is below\n"
				  "    - held in IS by owner @b \"b\", for what is below\n"
				  "    1\n"
				  "      - held in S by owner @b \"b\"\n"
				  "    2\n"
				  "      - held in X by owner @a \"a\", 2 times\n"
				  "db-x\n"
				  "  - held in S by owner @a \"a\"\n");
	page_clear(&p);
	close_all(m, w, 2);
}

/* A name between two that are held, that nobody holds. */
Test(tree, shows_names_on_the_way)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w = open_labelled(m, "a");
	struct page p = { 0 };

	take(w, "t", LK_S);
	take(w, "t/x/y", LK_S);
	take(w, "u", LK_S);
	view(lk_tree, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "t\n"
				  "  - held in S by owner @a \"a\"\n"
				  "  x\n"
				  "    y\n"
				  "      - held in S by owner @a \"a\", implied by a hold above\n"
				  "u\n"
				  "  - held in S by owner @a \"a\"\n");
	view(lk_tree, m, LK_JSON, &p);
	cr_expect(page_has(&p, "{\"name\":\"t/x\",\"segment\":\"x\",\"holders\":[],\"waiters\":[],"
			       "\"below\":[{\"name\":\"t/x/y\",\"segment\":\"y\""));
	cr_expect(page_has(&p, "\"implied\":true"));
	view(lk_tree, m, LK_DOT, &p);
	cr_expect(page_has(
		&p, "\t\"name t/x\" -> \"name t/x/y\";\n\t\"name t/x/y\" [label=\"y\\nS: owner "));
	page_clear(&p);
	close_all(m, &w, 1);
}

Test(tree, has_no_levels_without_a_separator)
{
	struct lk_manager *m = open_manager("memory:?separator=off");
	struct lk_owner *w = open_labelled(m, "a");
	struct page p = { 0 };

	take(w, "db/t", LK_X);
	view(lk_tree, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "db/t\n  - held in X by owner @a \"a\"\n");
	page_clear(&p);
	close_all(m, &w, 1);
}

Test(tree, shows_who_waits)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_labelled(m, "a"), open_labelled(m, "b") };
	struct lk_options o = { .size = sizeof(o), .tag = "why", .tag_len = 3 };
	struct page p = { 0 };
	struct asker asks;

	take(w[0], "n", LK_X);
	ask_with(m, &asks, w[1], "n", LK_S, &o);
	view(lk_tree, m, LK_TEXT, &p);
	expect_text(plain(m, &p),
		    "n\n"
		    "  - held in X by owner @a \"a\"\n"
		    "  - wanted in S by owner @b \"b\", first in the line, tag \"why\"\n");
	view(lk_tree, m, LK_JSON, &p);
	cr_expect(page_has(&p, "\"waiters\":[{\"wanted\":\"S\",\"owner\":"));
	cr_expect(page_has(&p, "\"label\":\"b\",\"held\":\"NL\",\"position\":1,\"age_ns\":"));
	cr_expect(page_has(&p, "\"tag\":\"why\"}]"));
	view(lk_tree, m, LK_DOT, &p);
	cr_expect(page_has(&p, "\\nwaits for S: owner "));
	page_clear(&p);
	ok(lk_release_all(w[0]));
	(void)granted(&asks);
	close_all(m, w, 2);
}

/* Bytes of all kinds, on every level, in names, labels and tags; the longest name there is, deep. */
Test(tree, names_of_any_bytes)
{
	static const char odd[] = "a\"\\&\n\x01\xff\xc3\xa4 /b/<\"c\">";
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w = open_labelled(m, "\"\\\xff&");
	struct lk_options o = { .size = sizeof(o), .tag = odd, .tag_len = sizeof(odd) };
	char longest[LK_NAME_MAX];
	struct page p = { 0 };

	ok(lk_acquire_bytes(w, odd, sizeof(odd), LK_X, &o, NULL)); /* with its NUL */
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 || i > 200 ? '\xfe' : '/';
	ok(lk_acquire_bytes(w, longest, sizeof(longest), LK_S, NULL, NULL));
	view(lk_tree, m, LK_TEXT, &p);
	cr_expect(page_has(&p, "a\"\\x5c&\\x0a\\x01\\xff\\xc3\\xa4 \n"));
	cr_expect(page_has(&p, "    <\"c\">\\x00\n"));
	view(lk_tree, m, LK_JSON, &p);
	cr_expect(page_has(&p, "{\"name\":\"a\\\"\\\\&\\u000a\\u0001\\u00ff\xc3\xa4 \""));
	cr_expect(page_has(&p, "\"segment\":\"<\\\"c\\\">\\u0000\""));
	view(lk_tree, m, LK_DOT, &p);
	cr_expect(page_has(&p, "\"name a\\\"\\\\x5c&amp;\\\\x0a\\\\x01\\\\xff"));
	page_clear(&p);
	close_all(m, &w, 1);
}

/* -------------------------------------------------------------------------- graphs */

Test(graph, of_nothing_and_of_holders_alone)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w;
	struct page p = { 0 };

	open_owners(m, &w, 1);
	for (int held = 0; held < 2; held++) {
		expect_text(view(lk_graph, m, LK_TEXT, &p), "nobody waits\n");
		expect_text(view(lk_graph, m, LK_JSON, &p), "{\"owners\":[],\"edges\":[]}\n");
		expect_text(view(lk_graph, m, LK_DOT, &p),
			    "digraph waits {\n\trankdir=LR;\n\tnode [shape=box];\n}\n");
		take(w, "db/n", LK_X);
	}
	page_clear(&p);
	close_all(m, &w, 1);
}

/*
 * "a" holds S, "b" waits for X, "c" for S behind it; "d" holds what conflicts with nobody.
 */
struct queue {
	struct lk_manager *m;
	struct lk_owner *w[4];
	struct asker b;
	struct asker c;
};

static void
set_queue(struct queue *q)
{
	q->m = open_manager("memory:?strict=1");
	q->w[0] = open_labelled(q->m, "a");
	q->w[1] = open_labelled(q->m, "b");
	q->w[2] = open_labelled(q->m, "c");
	q->w[3] = open_labelled(q->m, "d");
	take(q->w[0], "db/n", LK_S);
	take(q->w[3], "db/other", LK_X);
	ask(q->m, &q->b, q->w[1], "db/n", LK_X);
	ask(q->m, &q->c, q->w[2], "db/n", LK_S);
}

static void
end_queue(struct queue *q)
{
	ok(lk_release_all(q->w[0]));
	(void)granted(&q->b);
	ok(lk_release_all(q->w[1]));
	(void)granted(&q->c);
	close_all(q->m, q->w, 4);
}

Test(graph, holders_are_hard_and_the_line_is_soft)
{
	struct page p = { 0 };
	struct queue q;

	set_queue(&q);
	view(lk_graph, q.m, LK_TEXT, &p);
	expect_text(plain(q.m, &p), "owner @b \"b\" waits for X on db/n, first in the line\n"
				    "  owner @a \"a\" holds S\n"
				    "owner @c \"c\" waits for S on db/n, number 2 in the line\n"
				    "  owner @b \"b\" is ahead and wants X\n");
	view(lk_graph, q.m, LK_JSON, &p);
	cr_expect_eq(page_count(&p, "\"kind\":\"owner\""), 3, "%s", p.text);
	cr_expect_eq(page_count(&p, "\"kind\":\"hard\""), 1);
	cr_expect_eq(page_count(&p, "\"kind\":\"soft\""), 1);
	cr_expect_eq(page_count(&p, "\"waits\":true"), 2);
	cr_expect(page_has(&p, "\"label\":\"a\",\"waits\":false}"));
	cr_expect(page_has(&p, "\"wanted\":\"X\",\"held\":\"S\",\"position\":1"));
	cr_expect(page_has(&p, "\"wanted\":\"S\",\"ahead\":\"X\",\"position\":2"));
	view(lk_graph, q.m, LK_DOT, &p);
	cr_expect_eq(page_count(&p, " -> "), 2);
	cr_expect(page_has(&p, "[label=\"X on db/n\\nheld in S\"];"));
	cr_expect(page_has(&p, "[label=\"S on db/n\\nbehind X\", style=dashed];"));
	cr_expect(page_has(&p, "\\na\", style=bold];"));
	page_clear(&p);
	end_queue(&q);
}

/* A ring: each holds what the other waits for. */
Test(graph, shows_a_ring)
{
	struct lk_manager *m = open_manager("memory:?deadlock_delay_ns=off");
	struct lk_owner *w[2] = { open_labelled(m, "a"), open_labelled(m, "b") };
	struct asker asks[2];
	struct page p = { 0 };

	take(w[0], "x", LK_X);
	take(w[1], "y", LK_X);
	ask(m, &asks[0], w[0], "y", LK_S);
	ask(m, &asks[1], w[1], "x", LK_S);
	view(lk_graph, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "owner @b \"b\" waits for S on x, first in the line\n"
				  "  owner @a \"a\" holds X, and waits itself\n"
				  "owner @a \"a\" waits for S on y, first in the line\n"
				  "  owner @b \"b\" holds X, and waits itself\n");
	page_clear(&p);
	ok(lk_owner_cancel(w[0]));
	is(answer(&asks[0]), LK_E_CANCELED);
	ok(lk_release_all(w[0]));
	(void)granted(&asks[1]);
	close_all(m, w, 2);
}

/* A conversion waits for the other holders, not for its own hold. */
Test(graph, a_conversion_does_not_wait_for_itself)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[2] = { open_labelled(m, "a"), open_labelled(m, "b") };
	struct page p = { 0 };
	struct asker asks;
	lk_grant g;

	g = take(w[0], "n", LK_S);
	take(w[1], "n", LK_S);
	ask_convert(m, &asks, w[0], g, LK_X);
	view(lk_graph, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "owner @a \"a\" waits for X on n, first in the line\n"
				  "  owner @b \"b\" holds S\n");
	page_clear(&p);
	ok(lk_release_all(w[1]));
	ok(answer(&asks));
	close_all(m, w, 2);
}

/* A wait outside is an edge, until its end, or that of the owner it waits for. */
Test(graph, shows_waits_outside)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_owner *w[3] = { open_labelled(m, "a"), open_labelled(m, "b"),
				  open_labelled(m, "c") };
	struct page p = { 0 };

	take(w[0], "x", LK_S); /* so that they are known by their labels */
	take(w[1], "x", LK_S);
	take(w[2], "x", LK_S);
	ok(lk_external_wait_begin(w[0], w[1]));
	ok(lk_external_wait_begin(w[1], w[2]));
	view(lk_graph, m, LK_TEXT, &p);
	expect_text(plain(m, &p), "owner @a \"a\" waits outside\n"
				  "  for owner @b \"b\", which waits itself\n"
				  "owner @b \"b\" waits outside\n"
				  "  for owner @c \"c\"\n");
	view(lk_graph, m, LK_JSON, &p);
	cr_expect_eq(page_count(&p, "\"kind\":\"owner\""), 3);
	cr_expect_eq(page_count(&p, "{\"kind\":\"external\",\"from\":"), 2);
	cr_expect_eq(page_count(&p, "\"waits\":true"), 2);
	view(lk_graph, m, LK_DOT, &p);
	cr_expect_eq(page_count(&p, "[label=\"outside\", style=dotted];"), 2);
	cr_expect(!page_has(&p, "on x"));
	view(lk_tree, m, LK_JSON, &p);
	cr_expect(page_has(&p, "{\"names\":[{\"name\":\"x\""));
	ok(lk_owner_close(w[2]));
	ok(lk_external_wait_end(w[0]));
	expect_text(view(lk_graph, m, LK_TEXT, &p), "nobody waits\n");
	ok(lk_external_wait_end(w[1]));
	page_clear(&p);
	close_all(m, w, 2);
}

/* ----------------------------------------------------------------------- deadlocks */

Test(deadlocks, of_nothing)
{
	struct lk_manager *m = open_manager(NULL);
	struct page p = { 0 };

	expect_text(view(lk_deadlocks, m, LK_TEXT, &p), "no deadlocks\n");
	expect_text(view(lk_deadlocks, m, LK_JSON, &p), "{\"deadlocks\":[]}\n");
	expect_text(view(lk_deadlocks, m, LK_DOT, &p),
		    "digraph deadlocks {\n\tnode [shape=box];\n}\n");
	page_clear(&p);
	ok(lk_close(m));
}

/* Two owners, each of which holds what the other wants; the one of lower priority is the victim. */
static void
make_ring(struct lk_manager *m, struct lk_report *report)
{
	struct lk_owner_options low = { .size = sizeof(low), .label = "b", .priority = -1 };
	struct lk_options o = { .size = sizeof(o), .report = report };
	struct lk_owner *w[2] = { open_labelled(m, "a"), NULL };
	struct asker asks[2];

	ok(lk_owner_open(m, &low, &w[1]));
	take(w[0], "db/x", LK_X);
	take(w[1], "db/y", LK_S);
	ask(m, &asks[0], w[0], "db/y", LK_X);
	asks[1] = (struct asker){ .owner = w[1], .name = "db/x", .mode = LK_S, .options = &o };
	asker_start(&asks[1]);
	is(answer(&asks[1]), LK_E_DEADLOCK);
	ok(lk_release_all(w[1]));
	(void)granted(&asks[0]);
	close_owners(w, 2);
}

Test(deadlocks, are_told_and_the_report_says_which)
{
	struct lk_manager *m = open_manager(NULL);
	struct lk_report report = LK_REPORT_INIT;
	struct page p = { 0 };

	for (uint64_t number = 1; number <= 2; number++) {
		make_ring(m, &report);
		cr_expect_eq(report.code, LK_E_DEADLOCK);
		cr_expect_eq(report.deadlock, number);
		cr_assert_eq(report.n, 1);
		cr_expect_eq(report.blocker[0].why, LK_WHY_HELD);
		cr_expect_str_eq(report.blocker[0].owner_label, "a");
		cr_expect_eq(report.blocker[0].held, LK_X);
	}
	ok(lk_report_text(&report, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, "(deadlock 2):\n"), "%s", p.text);
	view(lk_deadlocks, m, LK_TEXT, &p);
	cr_expect_eq(page_count(&p, " of 2 owners, "), 2, "%s", p.text);
	cr_expect_eq(page_count(&p, ": its request was ended\n"), 2);
	cr_expect_eq(page_count(&p, " \"a\" waited for X on db/y, held by owner "), 2);
	cr_expect_eq(page_count(&p, " \"b\" waited for S on db/x, held by owner "), 2);
	cr_expect_eq(page_count(&p, ", priority -1"), 2);
	view(lk_deadlocks, m, LK_JSON, &p);
	cr_expect_eq(page_count(&p, "\"kind\":\"deadlock\""), 2);
	cr_expect_eq(page_count(&p, "\"victim\":true"), 2);
	page_clear(&p);
	ok(lk_deadlocks(m, LK_DOT, page_write, &p));
	cr_expect_eq(page_count(&p, "\tsubgraph cluster_"), 2);
	cr_expect_eq(page_count(&p, " -> "), 4);
	page_clear(&p);
	ok(lk_close(m));
}

Test(deadlocks, without_memory_say_so)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct page p = { 0 };
	struct page refused = { .refuse_at = 1 };

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	make_ring(m, NULL);
	test_heap_fail(&heap, 1, false);
	is(lk_deadlocks(m, LK_TEXT, page_write, &p), LK_E_NOMEM);
	cr_expect_eq(p.calls, 0);
	test_heap_fail(&heap, 0, false);
	is(lk_deadlocks(m, LK_TEXT, page_write, &refused), PAGE_REFUSED);
	ok(lk_close(m));
	cr_expect_eq(heap.blocks, 0);
}

/* ----------------------------------------------------------------------------- all */

static view_fn *const views[] = { lk_tree, lk_graph, lk_deadlocks };
enum { LARGE = 2 }; /* so many of them have something to tell of a queue */

Test(views, arguments_are_checked)
{
	struct lk_manager *m = open_manager(NULL);
	struct page p = { 0 };

	for (size_t i = 0; i < countof(views); i++) {
		is(views[i](NULL, LK_TEXT, page_write, &p), LK_E_INVAL);
		is(views[i](m, LK_TEXT, NULL, &p), LK_E_INVAL);
		is(views[i](m, (enum lk_format)0, page_write, &p), LK_E_INVAL);
		is(views[i](m, (enum lk_format)4, page_write, &p), LK_E_INVAL);
		is(views[i](m, (enum lk_format) - 1, page_write, &p), LK_E_INVAL);
	}
	cr_expect_eq(p.calls, 0);
	ok(lk_close(m));
}

/* Whichever allocation fails: nothing is written, nothing is lost. */
Test(views, without_memory_say_so)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct asker asks;
	struct page p = { 0 };

	test_heap_init(&heap);
	m = open_with("memory:?event_ring=off", &heap,
		      NULL); /* or who waits may need memory meanwhile */
	open_owners(m, w, 2);
	for (int i = 0; i < 600; i++) { /* more rows than fit into one piece */
		char name[32];

		(void)snprintf(name, sizeof(name), "db/row %d", i);
		take(w[0], name, LK_X);
	}
	ask(m, &asks, w[1], "db/row 1", LK_X);
	for (size_t i = 0; i < LARGE; i++) {
		for (enum lk_format f = LK_TEXT; f <= LK_DOT; f++) {
			uint64_t blocks = heap.blocks;
			uint64_t calls = heap.calls;
			uint64_t needed;

			page_clear(&p);
			ok(views[i](m, f, page_write, &p));
			needed = heap.calls - calls;
			cr_assert_ge(needed, 4);
			cr_assert_eq(heap.blocks, blocks);
			for (uint64_t nth = 1; nth <= needed; nth++) {
				page_clear(&p);
				test_heap_fail(&heap, nth, false);
				is(views[i](m, f, page_write, &p), LK_E_NOMEM);
				test_heap_fail(&heap, 0, false);
				cr_assert_eq(p.calls, 0, "allocation %d", (int)nth);
				cr_assert_eq(heap.blocks, blocks);
			}
		}
	}
	page_clear(&p);
	ok(lk_owner_cancel(w[1]));
	is(answer(&asks), LK_E_CANCELED);
	close_all(m, w, 2);
	cr_expect_eq(heap.blocks, 0);
}

/* The same of waits outside alone, which are asked for in another way. */
Test(views, without_memory_for_waits_outside_say_so)
{
	struct test_heap heap;
	struct lk_manager *m;
	struct lk_owner *w[2];
	struct page p = { 0 };
	uint64_t calls;
	uint64_t needed;

	test_heap_init(&heap);
	m = open_with(NULL, &heap, NULL);
	open_owners(m, w, 2);
	ok(lk_external_wait_begin(w[0], w[1]));
	calls = heap.calls;
	ok(lk_graph(m, LK_TEXT, page_write, &p));
	cr_expect(page_has(&p, " waits outside\n"));
	needed = heap.calls - calls;
	for (uint64_t nth = 1; nth <= needed; nth++) {
		page_clear(&p);
		test_heap_fail(&heap, nth, false);
		is(lk_graph(m, LK_TEXT, page_write, &p), LK_E_NOMEM);
		test_heap_fail(&heap, 0, false);
		cr_assert_eq(p.calls, 0);
	}
	ok(lk_external_wait_end(w[0]));
	close_all(m, w, 2);
	cr_expect_eq(heap.blocks, 0);
}

Test(views, end_when_the_writer_says_no)
{
	struct queue q;
	struct lk_owner *w;

	set_queue(&q);
	open_owners(q.m, &w, 1);
	for (int i = 0; i < 100; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "db/row %d", i);
		take(w, name, LK_X);
	}
	for (size_t i = 0; i < LARGE; i++) {
		for (enum lk_format f = LK_TEXT; f <= LK_DOT; f++) {
			struct page p = { .refuse_at = i == 0 ? 2 : 1 };

			is(views[i](q.m, f, page_write, &p), PAGE_REFUSED);
			cr_expect_eq(p.calls, p.refuse_at);
			page_clear(&p);
		}
	}
	close_owners(&w, 1);
	end_queue(&q);
}

/* The writer may call Latchkey: nothing is locked. */
struct meddler {
	struct lk_manager *m;
	struct lk_owner *w;
	struct page inner;
	bool begun;
};

static int
meddle(void *arg, const char *text, size_t len)
{
	struct meddler *md = arg;
	lk_grant g;

	(void)text;
	(void)len;
	if (md->begun)
		return 0;
	md->begun = true;
	must(lk_acquire(md->w, "db/meddled", LK_X, NULL, &g) == 0);
	must(lk_tree(md->m, LK_JSON, page_write, &md->inner) == 0);
	must(lk_graph(md->m, LK_JSON, page_write, &md->inner) == 0);
	must(lk_release(md->w, g) == 0);
	return 0;
}

Test(views, the_writer_may_call_latchkey)
{
	struct meddler md = { .begun = false };
	struct queue q;

	set_queue(&q);
	md.m = q.m;
	open_owners(q.m, &md.w, 1);
	for (size_t i = 0; i < countof(views); i++) {
		md.begun = false;
		ok(views[i](q.m, LK_TEXT, meddle, &md));
		cr_expect(md.begun);
		cr_expect(page_has(&md.inner, "db/meddled"));
		page_clear(&md.inner);
	}
	close_owners(&md.w, 1);
	end_queue(&q);
}

/* --------------------------------------------------------------------- concurrency */

enum { CROWD = 3, ROUNDS = 1500 };

struct crowd {
	struct lk_manager *m;
	atomic_uint left;
};

/* Owners and names come and go, some of them wait. */
static void
crowd_work(void *arg, unsigned index)
{
	struct crowd *c = arg;
	uint64_t seed = index + 1;

	for (int i = 0; i < ROUNDS; i++) {
		struct lk_options o = {
			.size = sizeof(o), .timeout_ns = 50000, .tag = "crowd", .tag_len = 5
		};
		struct lk_owner *w = NULL;
		char name[80];

		must(lk_owner_open(c->m, NULL, &w) == 0);
		(void)!lk_acquire(w, "db/hot", test_random(&seed) % 2 == 0 ? LK_S : LK_X, &o, NULL);
		(void)snprintf(name, sizeof(name), "db/%u/a name that has a block of its own %d",
			       index, i);
		(void)!lk_acquire(w, name, LK_X, &o, NULL);
		must(lk_owner_close(w) == 0);
	}
	atomic_fetch_sub(&c->left, 1);
}

static int
count_blocker(void *arg, const struct lk_blocker *b)
{
	(void)arg;
	must(b->owner_id != 0 && b->why >= LK_WHY_HELD && b->why <= LK_WHY_CLOSED);
	return 0;
}

Test(views, are_well_formed_while_others_work, .timeout = 120)
{
	struct test_thread threads[CROWD];
	struct page p = { 0 };
	struct crowd c;

	c.m = open_manager("memory:?max_idle=4");
	atomic_init(&c.left, CROWD);
	test_spawn(threads, CROWD, crowd_work, &c);
	while (atomic_load(&c.left) > 0) {
		for (size_t i = 0; i < countof(views); i++) {
			view(views[i], c.m, LK_TEXT, &p);
			view(views[i], c.m, LK_JSON, &p);
			view(views[i], c.m, LK_DOT, &p);
		}
		ok(lk_why(c.m, "db/hot", 6, LK_X, count_blocker, NULL));
		page_clear(&p);
		ok(lk_why_text(c.m, "db/hot", 6, LK_X, LK_JSON, page_write, &p));
		cr_assert(is_json(&p), "%s", p.text);
	}
	test_join(threads, CROWD);
	expect_text(view(lk_tree, c.m, LK_TEXT, &p), "");
	page_clear(&p);
	ok(lk_close(c.m));
}
