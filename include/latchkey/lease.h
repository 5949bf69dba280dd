/* SPDX-License-Identifier: MIT */
/*
 * Leases: grants that end by themselves.
 *
 * A grant with a lease is the owner's for so long, unless it is renewed.  At the end of that time it is
 * *lost*: the manager gives the name to whoever comes next, and the owner is told.  So a holder that hangs
 * does not keep a name for ever.
 *
 *   HELD      all is well
 *   SUSPECT   lk_config.suspect_pct of the time is over and nobody renewed it: still held, but start
 *             nothing new under it
 *   LOST      it is over, whoever holds the name now
 *
 * What this cannot do: stop a holder that goes on working after it lost its lease.  No lock can promise that
 * two never *execute* at a time.  Where that matters the data must look at the fence (lk_fence(3)): whoever
 * is granted the name in U, SIX or X later has a larger one.
 *
 * Time is CLOCK_BOOTTIME, which goes on while the machine is suspended; with lk_config.environment it is that
 * clock.  The time of a grant that did not have to wait counts from before it was made, and that of one that
 * waited from when its wait was over.
 *
 * Which grants have one: lk_options.lease_ns, else the setting lease_ns of the manager; LK_OFF: none.
 * lk_options.max_hold_ns, else the setting of that name, bounds it from the grant on, however often it is
 * renewed; alone, it makes a lease that cannot be renewed.  Each grant of a batch has one of its own.  With
 * LK_RENEW the manager renews it, at about a third of each term, as long as max_hold_ns lets it.
 *
 * What is lost: that grant, and with it what it needed above its name.  Grants that it implied below (see
 * Hierarchy in latchkey.h) are lost too, but for those that something else that the owner holds covers.
 *
 * Afterwards lk_check(), lk_renew(), lk_release(), lk_convert(), lk_grant_info() with that grant return
 * LK_E_LOST.  The first lk_release() that does is the last: then the grant is LK_E_STALE.  (Of implied grants that were lost
 * when memory was short nothing is remembered: they are LK_E_STALE at once.)  lk_release_all() and
 * lk_owner_close() forget losses without a word.  lk_fence() of a lost grant is its fence, which is stale now.
 * A guard or lk_with() whose grant was lost meanwhile ends with LK_E_LOST.
 */
#include <latchkey.h> /* all parts, in their order, whichever is asked for first */

#ifndef LATCHKEY_LEASE_H
#define LATCHKEY_LEASE_H

#ifdef __cplusplus
extern "C" {
#endif

/* A flag of struct lk_options: the manager renews the lease until it is released, or max_hold_ns is over. */
#define LK_RENEW 0x400u

/* The shortest lease. */
#define LK_LEASE_MIN_NS 1000u

enum lk_lease_state {
	LK_LEASE_NONE, /* the grant has no lease */
	LK_LEASE_HELD,
	LK_LEASE_SUSPECT,
	LK_LEASE_LOST
};

/*
 * With a store (stores.md) every grant of a process depends on the session of that process, whether it has a lease or not.  If
 * that can end by itself (redis:, not file: and sqlite:), a grant is SUSPECT once nothing was heard of the store for suspect_pct of
 * ttl_ns, and HELD again once it has answered.  The end of the session, and lk_break(), make it LOST.  The notices are the same,
 * and come once for each grant and each time.
 */

/* Why a grant was lost. */
enum lk_loss {
	LK_LOSS_NONE,
	LK_LOSS_EXPIRED,  /* it was not renewed in time */
	LK_LOSS_MAX_HOLD, /* max_hold_ns was over */
	LK_LOSS_COVER,    /* the grant that implied it was lost */
	/* Of any grant of a manager with a store: */
	LK_LOSS_SESSION,     /* the store says that the session of this process is over */
	LK_LOSS_UNREACHABLE, /* it did not answer before the session's time was over */
	LK_LOSS_BROKEN       /* the record says so: lk_break(), lk_repair() */
};

/*
 * lk_check - does the owner still hold this grant?
 *
 * Reads the clock by itself: never 0 at or after the end of the lease, or of the session.
 *
 * Threads     as all calls with the owner.
 * Blocking    no.
 * Returns     0 it does; LK_E_SUSPECT: it does, but not for long: start nothing new; LK_E_LOST; LK_E_STALE.
 */
LK_API LK_NODISCARD int lk_check(struct lk_owner *w, lk_grant g);

/*
 * lk_renew - another term for the lease of a grant, `lease_ns` from the beginning of this call on.
 *
 * `lease_ns` 0: as long as before.  It never ends later than max_hold_ns after the grant was made.  A grant
 * without a lease gets one.  Costs no more for many leases than for one.
 *
 * Threads     as all calls with the owner.
 * Blocking    no.
 * Returns     0: HELD; LK_E_LOST: it was over, even if nobody else was granted the name yet; LK_E_STALE;
 *             LK_E_INVAL: less than LK_LEASE_MIN_NS, LK_OFF, or 0 for a grant that has no term to repeat;
 *             LK_E_NOMEM (of a grant without a lease only): nothing changed.
 * Units       nanoseconds.
 */
LK_API LK_NODISCARD int lk_renew(struct lk_owner *w, lk_grant g, uint64_t lease_ns);

/* lk_lossname - "expired"; "?" for what is none. */
LK_API const char *lk_lossname(enum lk_loss loss);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_LEASE_H */
