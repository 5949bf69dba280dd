/* SPDX-License-Identifier: MIT */
/*
 * Migration: the locks of one store move to another, while processes use them.
 *
 *   1  `to` is closed to all, and must be empty; in `from` no new names come to be
 *   2  each name is asked for, in its turn, and frozen as soon as no process has it: who wants it then waits
 *   3  what there is of it is written to `to`: fences, values, detached grants (tokens), a writer's death that nobody was told
 *   4  one durable step in `from`: it has moved.  From now on nobody is granted anything there
 *   5  `to` is opened to all
 *
 * Processes do not follow: what they have is waited for, and who waited hears LK_E_MOVED; their sessions, and their waits, stay
 * behind.  They open the new URL.  Whoever opens the old one is told LK_E_MOVED, and where the locks are.
 *
 * At every moment at most one of the stores grants locks.  If it is killed before step 4 the old one goes on as if nothing had
 * been, as soon as its session is seen to be dead; after it, only the new one counts, but opens to nobody before the
 * migration was run again, which does step 5 and no more.  It may be run again at any time.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_MIGRATE_H
#define LATCHKEY_MIGRATE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_MIGRATE_DRY_RUN 0x1u /* lk_migration.flags: look only, and say what there is */

/* How, and what came of it.  Zero is a good choice for all that goes in, but `size`. */
struct lk_migration {
	uint32_t size;
	uint32_t flags;      /* LK_MIGRATE_DRY_RUN */
	uint64_t timeout_ns; /* after that it is given up; 0: one minute, LK_FOREVER */
	uint64_t
		freeze_ns; /* so long at most names that are free are kept from others while one that is held is waited
			        for; then all are let go, and it begins anew after a pause.  0: two seconds */
	const struct lk_allocator *allocator; /* NULL: malloc */
	char *report;                         /* one sentence on why it failed, or "" */
	size_t report_cap;

	/* What came of it. */
	uint64_t names; /* that were in `from` */
	uint64_t
		copied; /* … of which there was something to keep but the number of the last fence */
	uint64_t tokens;   /* detached grants */
	uint64_t in_use;   /* names that processes had, or waited for, at the last look */
	uint64_t attempts; /* how often all was frozen, or tried to be */
	uint64_t floor;    /* all fences in `to` will be above it */
};

/*
 * lk_migrate - move the locks of the store `from` to the store `to`, both by URL; settings of managers in them do not matter.
 *
 * `to` may be a store that does not exist yet, one without locks and values, or one from which locks were moved away.
 *
 * Leases of tokens, and delays after the end of a lock, begin anew in `to`, as clocks differ.
 *
 * Ownership   `how` is the caller's, and may be NULL.
 * Threads     any; not in a thread that holds locks of either store, as it would wait for itself.
 * Blocking    until no process has any lock of `from` for a moment, at most timeout_ns.  A process that keeps names that none of its
 *             threads has gives them back.
 * Returns     0: it is done, by this call or by an earlier one.
 *             LK_E_TIMEDOUT: some name was held whenever it was looked at; all is as it was.
 *             LK_E_BUSY: somebody else moves locks from or to one of them, or `to` is in use, or not empty.
 *             LK_E_MOVED: the locks of `from` are in a third store already.
 *             LK_E_INVAL: it is one store, or no store; LK_E_UNSUPPORTED: there are tokens, and `to` has no clock for their leases.
 *             LK_E_CORRUPT: a record of `from` is damaged: see lk_repair(); all is as it was.
 *             LK_E_UNKNOWN: the stores do not say whether it is done: run it again.
 *             LK_E_LOST: it was held up for so long that others took it for dead; all is as it was.
 *             LK_E_STORE, LK_E_PERM, LK_E_LIMIT, LK_E_NOMEM, LK_E_VERSION, and what lk_store_open() returns: all is as it was.
 */
LK_API LK_NODISCARD int lk_migrate(const char *from, const char *to, struct lk_migration *how);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_MIGRATE_H */
