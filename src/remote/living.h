/* SPDX-License-Identifier: MIT */
/*
 * Living: sessions of others that the store has just said to be alive.
 *
 * Who finds somebody in his way asks the store whether that one is dead.  Names that go from process to process are in somebody's
 * way thousands of times a second, and over a database each such question costs as much as the lock.
 *
 * LV1  that a session lives is believed for LIVING_NS from before the store was asked; and who believes it looks at the record
 *      again after a millisecond, and then asks.  So it takes a millisecond longer, and no more, to find out that it is dead.
 *      Of a store in which only time tells that somebody is dead, a second at least after he died, it is believed for LIVING_MORTAL_NS,
 *      and the record is looked at again as if it were not in doubt, but by then: so it takes so much longer, and no more.
 * LV2  it is believed only of those who keep somebody waiting: not where a death is to be told of, or would change what is told.
 */
#ifndef LK_REMOTE_LIVING_H
#define LK_REMOTE_LIVING_H

#include <latchkey/store.h>

#include <stdbool.h>

enum { LIVING_NS = 500000, LIVING_MORTAL_NS = 10000000, LIVING_MOST = 8 };

struct living {
	struct {
		struct lk_session_id id;
		uint64_t asked_at; /* on the clock of env_now(); 0: nobody */
	} one[LIVING_MOST];
	unsigned next;
};

/* With the latch of the remote: were all of these alive a moment ago, `for_ns` before `now` at most? */
bool living_are_all(const struct living *l, const struct lk_session_id *ids, size_t n, uint64_t now,
		    uint64_t for_ns);

/* … the store has said so. */
void living_note(struct living *l, const struct lk_session_id *id, uint64_t asked_at);

#endif /* LK_REMOTE_LIVING_H */
