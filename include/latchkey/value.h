/* SPDX-License-Identifier: MIT */
/* Value blocks: a few bytes that go with a name, and a version that says whether they are still the same. */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_VALUE_H
#define LATCHKEY_VALUE_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_VALUE_MAX     64   /* bytes in a value */
#define LK_VALUE_INVALID 0x1u /* lk_value.flags: a writer ended while it held the name */

/*
 * The value of a name.  Versions of a name only grow, with each write, also when the manager is opened anew (as
 * long as the wall clock did not go back in between): so who keeps a version with what he has cached learns by
 * it whether that is still good.
 *
 * With a store the value is the name's for all processes that share it, with these versions.  A process that holds the
 * name in X keeps what it writes to itself until another process may look at it, or for `poll_max_ns`: if it is killed
 * before that, the value in the store is the one before, and LK_VALUE_INVALID; if there was none before, there is none.  So it
 * is after any process that was killed with the name in a mode that writes.  Versions of values that were lost so are not given again.
 */
struct lk_value {
	uint32_t size;
	uint32_t
		flags; /* LK_VALUE_INVALID: perhaps not what it should be; the next write makes it good */
	uint64_t version; /* 0: never written */
	size_t len;
	unsigned char bytes[LK_VALUE_MAX]; /* the first `len`; the rest is 0 */
};

/*
 * lk_value_read - the value of the name that `g` is a grant on.  Set `out->size`.
 *
 * Threads     one call at a time per owner.  Reads and writes of one name are atomic to each other.
 * Blocking    no; with a store as long as that takes to answer, if another process may write at the same time (the owner
 *             holds S or IS), or if it is an ancestor's grant that the name is held by.
 * Returns     0; LK_E_STALE; LK_E_VERSION; with a store LK_E_LOST, what the store says (LK_E_STORE, LK_E_TIMEDOUT,
 *             LK_E_CORRUPT, LK_E_NOMEM), and LK_E_BUSY: held by an ancestor's grant only, and another process did not give
 *             back within two seconds what nobody there uses.  Any grant will do, an intent too: as U admits readers and may write,
 *             the value may be another one a moment later unless the grant is stronger than U.
 */
LK_API LK_NODISCARD int lk_value_read(struct lk_owner *w, lk_grant g, struct lk_value *out);

/*
 * lk_value_write - give the name that `g` is a grant on a value of `len` bytes, with a new version.
 *
 * What the owner holds on the name counts, in all its grants together and by what it holds above, and must be U,
 * SIX or X.  A value stays until lk_close(), whatever becomes of the locks on its name; with a store, as long as that
 * keeps it.
 *
 * Ownership   `bytes` are copied; may be NULL if `len` is 0.
 * Threads     one call at a time per owner.
 * Blocking    no; with a store, as lk_value_read(), unless the owner holds X.
 * Returns     0; LK_E_INVAL: `len` is above LK_VALUE_MAX; LK_E_STALE; LK_E_PERM: the owner does not hold the
 *             name in U, SIX or X; LK_E_NOMEM: only for the first write of a name; with a store
 *             LK_E_LOST, LK_E_BUSY as above.  Nothing has changed then.  With a store also what that says (LK_E_STORE,
 *             LK_E_UNKNOWN, LK_E_TIMEDOUT, LK_E_CORRUPT): this process has the new value, and others will have it as
 *             soon as the store answers, at the latest before one of them may write.
 * Source      value blocks of the VMS lock manager and of libdlm.
 */
LK_API LK_NODISCARD int lk_value_write(struct lk_owner *w, lk_grant g, const void *bytes,
				       size_t len);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_VALUE_H */
