/* SPDX-License-Identifier: MIT */
/*
 * "test:NAME", a store in the memory of the process that fails when it is told to: for tests of what a program does when its
 * store does not answer, forgets, or comes back.
 *
 * All who open the same NAME meet there, each as a process of its own would.  The parameter `as` names one of
 * them, so that it can be spoken of: "test:orders?as=a".  Sessions end with their time to live.  When the last one
 * closes it, all is gone.
 *
 * What fails is drawn by lot from `seed`: the same calls of one thread fail in the same way each time.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_TEST_STORE_H
#define LATCHKEY_TEST_STORE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_TEST_PARTITIONED 0x1u /* lk_test_faults.flags: no call comes through, no hint either */

/* Of a thousand calls, updates or hints so many; 0: none, 1000: all. */
struct lk_test_faults {
	uint32_t size;
	uint32_t flags;       /* LK_TEST_PARTITIONED */
	uint64_t seed;        /* the lot begins here */
	uint64_t delay_ns;    /* each call takes so long, on the opener's clock */
	uint32_t fail;        /* calls: LK_E_STORE, and nothing is done */
	uint32_t lose_before; /* updates: LK_E_UNKNOWN, and nothing is written */
	uint32_t lose_after;  /* updates: LK_E_UNKNOWN, and it is written */
	uint32_t again;       /* updates: the function runs twice */
	uint32_t hints_lost;
	uint32_t hints_late; /* hints: told after the next one */
	uint32_t hints_twice;
	uint32_t reserved;
};

/*
 * lk_test_store_faults - from now on the store fails like that, for those who opened it `as`, or with NULL: for all who have it
 * open now.
 *
 * Threads     any; as the three below.
 * Returns     0; LK_E_NOENT: nobody has it open, or nobody as that; LK_E_VERSION; LK_E_INVAL.
 */
LK_API LK_NODISCARD int lk_test_store_faults(const char *name, const char *as,
					     const struct lk_test_faults *faults);

/*
 * lk_test_store_crash - as if the process of those who opened it `as` were killed now: their sessions are dead, what they have
 * under way is not written, and every call of theirs is LK_E_STORE until they open it anew.
 *
 * Returns     0; LK_E_NOENT; LK_E_INVAL.
 */
LK_API LK_NODISCARD int lk_test_store_crash(const char *name, const char *as);

/*
 * lk_test_store_step - the store's clock jumps, forwards or back.  Sessions whose time is over then are dead.
 *
 * Returns     0; LK_E_NOENT; LK_E_INVAL.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_test_store_step(const char *name, int64_t ns);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_TEST_STORE_H */
