/* SPDX-License-Identifier: MIT */
/* The short ways in, out and over of wait/line.h: one compare-and-swap, or nothing at all. */
#include "harness.h"

#include "wait/line.h"

static struct lk_resource one;

/* The word of a resource is this. */
#define word_is(r, expected)                                                        \
	do {                                                                        \
		char is_[256], should_[256];                                        \
		word_format(shim_load(&(r)->word, SHIM_RELAXED), is_, sizeof(is_)); \
		word_format((expected), should_, sizeof(should_));                  \
		cr_assert_str_eq(is_, should_, "line %d", __LINE__);                \
	} while (0)

static uint32_t lost;

/* What a step without the latch does, on a word of flags and one holder. */
Test(line_quick, flags)
{
	static const struct {
		uint64_t flags;
		bool enter;
		bool give_up;
		bool exchange; /* a change that gives up and takes */
	} rows[] = {
		{ 0, true, true, true },
		{ 7 * WORD_GEN_ONE, true, true, true },
		{ WORD_WAITERS, true, false, false },
		{ WORD_WAITERS | WORD_AWAKE, true, true, false },
		{ WORD_WAITERS | WORD_CLOSED, false, false, false },
		{ WORD_WAITERS | WORD_AWAKE | WORD_CLOSED, false, false, false },
		{ WORD_SPREAD, false, true, false },
		{ WORD_FREEZE, false, true, false },
		{ WORD_DEAD, false, true, false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t w = rows[i].flags + WORD_IS_ONE;

		shim_store(&one.word, w, SHIM_RELAXED);
		cr_expect_eq(line_try_enter(&one, LK_S), rows[i].enter, "row %zu", i);
		word_is(&one, w + (rows[i].enter ? WORD_S_ONE : 0));

		shim_store(&one.word, w, SHIM_RELAXED);
		cr_expect_eq(line_try_take(&one, LK_IS, LK_S, &lost), rows[i].enter, "row %zu", i);
		word_is(&one, rows[i].enter ? rows[i].flags + WORD_S_ONE : w);

		w = rows[i].flags + WORD_S_ONE;
		shim_store(&one.word, w, SHIM_RELAXED);
		cr_expect_eq(line_weaken(&one, LK_S, LK_IS), rows[i].give_up, "row %zu", i);
		word_is(&one, rows[i].flags + WORD_IS_ONE);

		shim_store(&one.word, w, SHIM_RELAXED);
		cr_expect_eq(line_exit(&one, LK_S, &(uint64_t){ 0 }), rows[i].give_up, "row %zu",
			     i);
		word_is(&one, rows[i].flags);

		shim_store(&one.word, w, SHIM_RELAXED);
		cr_expect_eq(line_try_take(&one, LK_S, LK_IX, &lost), rows[i].exchange, "row %zu",
			     i);
		word_is(&one, rows[i].exchange ? rows[i].flags + WORD_IX_ONE : w);
	}
}

Test(line_quick, conflicts)
{
	shim_store(&one.word, WORD_S_ONE, SHIM_RELAXED);
	cr_expect_not(line_try_enter(&one, LK_X));
	cr_expect_not(line_try_enter(&one, LK_IX));
	cr_expect(line_try_take(&one, LK_S, LK_X, &lost), "its own");
	word_is(&one, WORD_X);
	cr_expect(line_weaken(&one, LK_X, LK_S));
	cr_expect(line_try_enter(&one, LK_S));
	cr_expect_not(line_try_take(&one, LK_S, LK_X, &lost), "another's");
	cr_expect(line_try_take(&one, LK_S, LK_U, &lost));
	word_is(&one, WORD_S_ONE + WORD_U);
}
