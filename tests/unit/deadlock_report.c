/* SPDX-License-Identifier: MIT */
/* What is written down of a ring, and which of them are kept. */
#include "rings.h"

static struct rings t;

static void
set_up(void)
{
	rings_open(&t, "memory:?spin_ns=off", NULL, NULL);
}

static void
tear_down(void)
{
	rings_close(&t);
}

#define ReportTest(name) Test(deadlock_report, name, .init = set_up, .fini = tear_down)

static struct lk_deadlock report;

/* The ring as owner `i` finds it, with `victim`; false: it is none any more. */
static bool
reports(int i, int victim)
{
	struct ring_search s;

	cr_assert_neq(search_from(&t, &s, i, EDGES_HARD), 0);
	memset(&report, 0xff, sizeof(report));
	return report_ring(&s, victim >= 0 ? &t.w[victim]->party : NULL, 5000, &report);
}

static uint64_t
id_of(int i)
{
	return shim_load(&t.w[i]->id, SHIM_RELAXED);
}

ReportTest(says_who_waits_for_whom)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	const struct lk_deadlock_member *a = &report.member[0];
	const struct lk_deadlock_member *b = &report.member[1];

	ok(lk_owner_close(t.w[1]));
	o.label = "second";
	o.priority = -3;
	ok(lk_owner_open(t.m, &o, &t.w[1]));
	has(&t, 0, "n", LK_S);
	has(&t, 1, "n", LK_S);
	has(&t, 1, "b", LK_U);
	has(&t, 1, "b", LK_U);
	wants(&t, 0, "b", LK_IX);
	t.q[0].face.tag = "why";
	t.q[0].face.tag_len = 3;
	atomic_fetch_add(&t.world.time_ns, 100);
	wants(&t, 1, "n", LK_X);
	cr_assert(reports(0, 1));
	cr_assert_eq(report.size, sizeof(report));
	cr_assert_eq(report.n, 2);
	cr_assert_eq(report.kept, 2);
	cr_assert_eq(report.victim, 1);
	cr_assert_eq(report.at_ns, 5000);

	cr_assert_eq(a->owner_id, id_of(0));
	cr_assert_eq(a->priority, 0);
	cr_assert_eq(a->flags, 0);
	cr_assert_eq(a->held, LK_NL);
	cr_assert_eq(a->wanted, LK_IX);
	cr_assert_eq(a->blocked, LK_U);
	cr_assert_eq(a->n_grants, 1);
	cr_assert_eq(a->waited_ns, 5000 - t.q[0].since_ns);
	cr_assert_eq(a->name_len, 1);
	cr_assert_eq(a->name[0], 'b');
	cr_assert_eq(a->tag_len, 3);
	cr_assert_eq(memcmp(a->tag, "why", 3), 0);
	cr_assert_str_eq(a->owner_label, "");

	cr_assert_eq(b->owner_id, id_of(1));
	cr_assert_eq(b->priority, -3);
	cr_assert_eq(b->flags, LK_VICTIM);
	cr_assert_eq(b->held, LK_S);
	cr_assert_eq(b->wanted, LK_X);
	cr_assert_eq(b->blocked, LK_S);
	cr_assert_eq(b->n_grants, 3, "two holds, and one grant more");
	cr_assert_eq(b->waited_ns, a->waited_ns - 100);
	cr_assert_eq(b->tag_len, 0);
	cr_assert_str_eq(b->owner_label, "second");
}

ReportTest(keeps_the_beginning_of_long_names_and_tags)
{
	unsigned char tag[LK_TAG_MAX];
	char name[201];

	for (size_t i = 0; i < sizeof(tag); i++)
		tag[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = (char)('a' + i % 26);
	name[sizeof(name) - 1] = '\0';
	has(&t, 0, name, LK_X);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	wants(&t, 1, name, LK_X);
	t.q[1].face.tag = tag;
	t.q[1].face.tag_len = sizeof(tag);
	cr_assert(reports(0, 0));
	cr_assert_eq(report.member[1].name_len, sizeof(name) - 1);
	cr_assert_eq(memcmp(report.member[1].name, name, LK_DEADLOCK_NAME_MAX), 0);
	cr_assert_eq(report.member[1].tag_len, sizeof(tag));
	cr_assert_eq(memcmp(report.member[1].tag, tag, LK_DEADLOCK_NAME_MAX), 0);
}

ReportTest(says_that_a_name_is_a_number)
{
	const uint64_t id = 77;
	uint64_t seen;
	lk_grant g;

	ok(lk_acquire_id(t.w[0], id, LK_X, NULL, &g));
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	cr_assert_eq(asks_on(&t, 1, hold_resource(hold_at(&t.w[0]->holds, 0)), LK_X), LINE_JOINED);
	cr_assert(reports(0, 0));
	memcpy(&seen, report.member[1].name, sizeof(seen));
	cr_assert_eq(seen, id);
	cr_assert_eq(report.member[1].name_len, sizeof(id));
	cr_assert_eq(report.member[1].flags, LK_NAME_IS_ID);
}

ReportTest(says_that_the_next_one_is_only_ahead)
{
	struct ring_search s;

	t.m->lot.strict = true;
	has(&t, 0, "a", LK_S);
	has(&t, 1, "b", LK_X);
	wants(&t, 0, "b", LK_X);
	wants(&t, 2, "a", LK_X);
	wants(&t, 1, "a", LK_S);
	cr_assert_eq(search_from(&t, &s, 0, EDGES_ALL), 3);
	cr_assert(report_ring(&s, NULL, 5000, &report));
	cr_assert_eq(report.n, 3);
	cr_assert_eq(report.member[0].blocked, LK_X);
	cr_assert_eq(report.member[1].owner_id, id_of(1));
	cr_assert_eq(report.member[1].blocked, LK_NL);
	cr_assert_eq(report.member[2].blocked, LK_S);
}

ReportTest(says_who_waits_outside)
{
	has(&t, 1, "b", LK_X);
	ok(lk_external_wait_begin(t.w[1], t.w[0]));
	wants(&t, 0, "b", LK_X);
	cr_assert(reports(0, 0));
	cr_assert_eq(report.member[1].flags, LK_EXTERNAL);
	cr_assert_eq(report.member[1].wanted, LK_NL);
	cr_assert_eq(report.member[1].name_len, 0);
	cr_assert_eq(report.member[1].owner_id, id_of(1));
	ok(lk_external_wait_end(t.w[1]));
}

/* Whoever the victim is, and however many there are, it is there, and members stand in the order of the ring. */
ReportTest(keeps_the_victim_of_a_ring_that_is_too_long)
{
	for (int n = LK_DEADLOCK_MEMBERS_MAX - 1; n <= LK_DEADLOCK_MEMBERS_MAX + 6; n++) {
		const uint32_t kept =
			(uint32_t)(n < LK_DEADLOCK_MEMBERS_MAX ? n : LK_DEADLOCK_MEMBERS_MAX);

		make_ring(&t, n);
		for (int victim = 0; victim < n; victim++) {
			unsigned victims = 0;

			cr_assert(reports(0, victim));
			cr_assert_eq(report.n, (uint32_t)n);
			cr_assert_eq(report.member[report.victim].owner_id, id_of(victim));
			for (uint32_t i = 0; i < report.kept; i++)
				victims += (report.member[i].flags & LK_VICTIM) != 0;
			cr_assert_eq(victims, 1);
			cr_assert((report.member[report.victim].flags & LK_VICTIM) != 0);
			cr_assert_eq(report.kept, kept);
			for (uint32_t i = 0; i + 1 < report.kept; i++)
				cr_assert_eq(report.member[i].owner_id, id_of((int)i));
		}
		for (int i = 0; i < n; i++) {
			stops(&t, i);
			ok(lk_release_all(t.w[i]));
		}
	}
}

ReportTest(is_none_if_any_member_went_on)
{
	enum { LONG = LK_DEADLOCK_MEMBERS_MAX + 4 };

	for (int gone = 1; gone < LONG; gone++) {
		struct ring_search s;

		make_ring(&t, LONG);
		cr_assert_eq(search_from(&t, &s, 0, EDGES_HARD), LONG);
		cr_assert(report_ring(&s, &t.w[0]->party, 5000, &report));
		stops(&t, gone);
		cr_assert(!report_ring(&s, &t.w[0]->party, 5000, &report), "member %d", gone);
		for (int i = 0; i < LONG; i++) {
			stops(&t, i);
			ok(lk_release_all(t.w[i]));
		}
	}
}

struct numbers {
	uint64_t number[DEADLOCKS_KEPT + 1];
	uint32_t size[DEADLOCKS_KEPT + 1];
	unsigned n;
	unsigned most;
};

static int
note_number(void *arg, const struct lk_deadlock *d)
{
	struct numbers *n = arg;

	n->size[n->n] = d->n;
	n->number[n->n++] = d->number;
	return n->n == n->most ? 42 : 0;
}

ReportTest(is_kept_as_one_of_the_latest)
{
	for (int k = 0; k < 2 * DEADLOCKS_KEPT + 1; k++) {
		struct numbers seen = { .n = 0 };
		const int kept = k < DEADLOCKS_KEPT ? k : DEADLOCKS_KEPT;

		ok(lk_deadlock_each(t.m, note_number, &seen));
		cr_assert_eq(seen.n, (unsigned)kept);
		for (int i = 0; i < kept; i++) {
			cr_assert_eq(seen.number[i], (uint64_t)(k - kept + 1 + i));
			cr_assert_eq(seen.size[i], 2 + (uint32_t)(k - kept + i) % 3);
		}
		make_ring(&t, 2 + k % 3);
		cr_assert(looks(&t, 0));
		cr_assert(is_victim(&t, 0));
		cr_assert_eq(t.w[0]->party.verdict, (uint64_t)k + 1);
		for (int i = 0; i < 4; i++) {
			stops(&t, i);
			ok(lk_release_all(t.w[i]));
		}
	}
}

ReportTest(is_shown_until_the_caller_has_seen_enough)
{
	struct numbers seen = { .most = 2 };

	for (int k = 0; k < 3; k++) {
		make_ring(&t, 2);
		cr_assert(looks(&t, 0));
		stops(&t, 0);
		stops(&t, 1);
		ok(lk_release_all(t.w[0]));
		ok(lk_release_all(t.w[1]));
	}
	is(lk_deadlock_each(t.m, note_number, &seen), 42);
	cr_assert_eq(seen.n, 2);
	is(lk_deadlock_each(NULL, note_number, &seen), LK_E_INVAL);
	is(lk_deadlock_each(t.m, NULL, &seen), LK_E_INVAL);
}
