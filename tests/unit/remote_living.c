/* SPDX-License-Identifier: MIT */
/* Sessions that were alive a moment ago.  (LV1) */
#include "remote/living.h"

#include "harness.h"

static struct lk_session_id
session(unsigned char n)
{
	struct lk_session_id id = { { 0 } };

	id.bytes[0] = n;
	return id;
}

Test(remote_living, is_believed_for_a_moment)
{
	const struct lk_session_id a = session(1);
	struct living l = { .next = 0 };
	uint64_t now = 1000;

	cr_expect_not(living_are_all(&l, &a, 1, now, LIVING_NS));
	living_note(&l, &a, now);
	cr_expect(living_are_all(&l, &a, 1, now + LIVING_NS - 1, LIVING_NS));
	cr_expect_not(living_are_all(&l, &a, 1, now + LIVING_NS, LIVING_NS));
	living_note(&l, &a, now + LIVING_NS);
	cr_expect(living_are_all(&l, &a, 1, now + LIVING_NS, LIVING_NS));
}

Test(remote_living, is_believed_for_as_long_as_is_asked)
{
	const struct lk_session_id a = session(1);
	struct living l = { .next = 0 };

	living_note(&l, &a, 1);
	cr_expect(living_are_all(&l, &a, 1, LIVING_MORTAL_NS, LIVING_MORTAL_NS));
	cr_expect_not(living_are_all(&l, &a, 1, LIVING_MORTAL_NS, LIVING_NS));
	cr_expect_not(living_are_all(&l, &a, 1, 1 + LIVING_MORTAL_NS, LIVING_MORTAL_NS));
}

Test(remote_living, is_everybody_or_not)
{
	struct lk_session_id all[3] = { session(1), session(2), session(3) };
	const struct lk_session_id nobody = session(0);
	struct living l = { .next = 0 };

	living_note(&l, &all[0], 10);
	living_note(&l, &all[2], 10);
	cr_expect_not(living_are_all(&l, all, 3, 10, LIVING_NS));
	cr_expect_not(living_are_all(&l, &nobody, 1, 10, LIVING_NS), "an empty place is nobody's");
	cr_expect_not(living_are_all(&l, all, 0, 10, LIVING_NS));
	living_note(&l, &all[1], 10);
	cr_expect(living_are_all(&l, all, 3, 10, LIVING_NS));
}

/* … and of two, one is not remembered twice. */
Test(remote_living, is_the_latest_of_many)
{
	struct living l = { .next = 0 };

	for (unsigned char i = 1; i <= 2 * LIVING_MOST; i++) {
		const struct lk_session_id id = session(i);

		living_note(&l, &id, i);
		living_note(&l, &id, i);
	}
	for (unsigned char i = 1; i <= 2 * LIVING_MOST; i++) {
		const struct lk_session_id id = session(i);

		cr_expect_eq(living_are_all(&l, &id, 1, 100, LIVING_NS), i > LIVING_MOST, "%d", i);
	}
}
