/* SPDX-License-Identifier: MIT */
/* Decisions on several records at once: all or nothing. */
#include "decide.h"

/* ------------------------------------------------------------------------------ batches */

static struct record fresh[3];
static struct decide_part part[3];

static void
batch_of(const struct record *const *old, size_t n, uint32_t flags)
{
	static const char *const names[] = { "x", "y", "z" };

	memset(part, 0, sizeof(part));
	for (size_t i = 0; i < n; i++) {
		part[i].old = old[i];
		part[i].fresh = &fresh[i];
		part[i].q = ask(DECIDE_ACQUIRE, 'a', 77);
		part[i].q.name = names[i];
		part[i].q.name_len = 1;
		part[i].q.mode = LK_X;
		part[i].q.flags = flags;
	}
}

static void
taken_by(struct record *r, const char *name, char who)
{
	struct decide_request q = ask(DECIDE_ACQUIRE, who, 5);

	q.name = name;
	q.name_len = 1;
	q.mode = LK_X;
	cr_assert_eq(decide(NULL, &q, &view, r, &out), 0);
}

Test(decide, a_batch_is_all_or_nothing, .init = begin)
{
	static struct record y;
	const struct record *old[3] = { NULL, NULL, NULL };
	enum decide_result result;
	size_t first;

	batch_of(old, 3, 0);
	cr_assert_eq(decide_many(part, 3, &view, &result, &first), 0);
	cr_expect_eq(result, DECIDE_GRANTED);
	for (int i = 0; i < 3; i++)
		cr_expect(part[i].out.held == LK_X && part[i].out.changed &&
			  part[i].out.fence != 0);
	taken_by(&y, "y", 'b');
	old[1] = &y;
	batch_of(old, 3, 0);
	cr_assert_eq(decide_many(part, 3, &view, &result, &first), 0);
	cr_expect(result == DECIDE_BUSY && first == 1);
	for (int i = 0; i < 3; i++)
		cr_expect(!part[i].out.changed && part[i].out.held == LK_NL);
	cr_assert_eq(decide_many(part, 0, &view, &result, &first), 0);
	cr_expect_eq(result, DECIDE_GRANTED);
	part[1].q.request++;
	cr_expect_eq(decide_many(part, 3, &view, &result, &first), LK_E_INVAL);
}

Test(decide, a_batch_waits_in_one_line_and_holds_nothing_meanwhile, .init = begin)
{
	static struct record y, z;
	const struct record *old[3] = { NULL, &y, &z };
	struct decide_request q = ask(DECIDE_RELEASE, 'b', 0);
	enum decide_result result;
	size_t first;

	taken_by(&y, "y", 'b');
	taken_by(&z, "z", 'c');
	batch_of(old, 3, DECIDE_WAIT);
	cr_assert_eq(decide_many(part, 3, &view, &result, &first), 0);
	cr_expect(result == DECIDE_WAITS && first == 1);
	cr_expect(!part[0].out.changed && !part[2].out.changed && fresh[1].n_waiters == 1);

	/* It gets y, finds z in the way, gives y back, and waits for z. */
	q.name = "y";
	q.name_len = 1;
	cr_assert_eq(decide(&fresh[1], &q, &view, &y, &out), 0);
	cr_assert(record_id_is(&y.holder[0].who, &part[0].q.who));
	batch_of(old, 3, DECIDE_WAIT);
	cr_assert_eq(decide_many(part, 3, &view, &result, &first), 0);
	cr_expect(result == DECIDE_WAITS && first == 2);
	cr_expect_eq(fresh[1].n_holders, 0u);
	cr_expect_eq(fresh[2].n_waiters, 1u);

	/* It gets z; all is free now. */
	record_copy(&y, &fresh[1]);
	q.name = "z";
	q.who = id_of('c');
	cr_assert_eq(decide(&fresh[2], &q, &view, &z, &out), 0);
	batch_of(old, 3, DECIDE_WAIT);
	cr_assert_eq(decide_many(part, 3, &view, &result, &first), 0);
	cr_expect_eq(result, DECIDE_GRANTED);
	cr_expect(part[2].out.held == LK_X && !part[2].out.changed && part[1].out.changed);
}

Test(decide, a_batch_leaves_alone_what_its_session_had_before, .init = begin)
{
	static struct record x, y;
	const struct record *old[2] = { &x, &y };
	enum decide_result result;
	size_t first;

	taken_by(&x, "x", 'a');
	taken_by(&y, "y", 'b');
	batch_of(old, 2, DECIDE_WAIT);
	cr_assert_eq(decide_many(part, 2, &view, &result, &first), 0);
	cr_expect(result == DECIDE_WAITS && first == 1);
	cr_expect(!part[0].out.changed && fresh[0].n_holders == 1);
}
