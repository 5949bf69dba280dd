/* SPDX-License-Identifier: MIT */
/*
 * Whom a waiting party keeps waiting beyond what this process sees: for rings that go through others (remote/knots.h).
 * The search is the one for rings; instead of coming back to its root it tells of the names on its way.
 */
#ifndef LK_DEADLOCK_REACH_H
#define LK_DEADLOCK_REACH_H

#include "deadlock/detector.h"

/*
 * `r` is held in `mode` by one who waits for the root, or by the root; and others wait for it.  `print` is another whenever
  * any of those from there to the root does not wait, or does not hold, as it did.  `by_order`: the root is only ahead of the
 * first of them.  With the detector's latch.
 */
typedef void reach_fn(void *arg, struct lk_resource *r, lk_mode mode, uint64_t print,
		      bool by_order);

/* `p` waits for the root, through others or not, in the line of `r`; NULL: outside.  The rest as above. */
typedef void reach_party_fn(void *arg, const struct party *p, struct lk_resource *r, uint64_t print,
			    bool by_order);

struct reach_told {
	reach_fn *hold;
	reach_party_fn *party;
	void *arg;
};

/* `p` was seen to wait in the line of `r`.  False: it does not any more, or is in a ring here, or somebody else looks. */
bool reach_search(struct detector *d, struct sighting p, struct lk_resource *r,
		  const struct reach_told *told);

/* What of it counts for who is to end, by the manager's policy; larger is more.  LK_VICTIM_REQUESTER: `since_ns`. */
uint64_t reach_merit(struct detector *d, struct party *p, uint64_t since_ns);

/* Its request, in the line of `r`, ends with LK_E_DEADLOCK, if it still waits as it was seen to; `report` is kept. */
bool reach_end(struct detector *d, struct sighting p, struct lk_resource *r,
	       struct lk_deadlock *report);

#endif /* LK_DEADLOCK_REACH_H */
