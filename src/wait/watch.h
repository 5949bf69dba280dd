/* SPDX-License-Identifier: MIT */
/*
 * Watch: a request that waits for a writer to leave one of its names, as its condition was not true.  It is in
 * no line and holds nothing.  It has a *watcher* in the lot for each of its names and of their ancestors.
 *
 * CW1  the watchers are there before the request gives back what it held while it asked.  What that was kept
 *     writers out, so none has left between the answer and the watchers; whoever leaves later finds them.
 * CW2  while a name is watched its word has WAITERS and has not AWAKE: so whoever leaves it comes for the
 *     latch (line_is_quiet).  Both begin with one compare-and-swap, a plan's, under the latch.
 * CW3  whoever leaves a name in U, SIX or X, or weakens such a hold, takes its watchers out of the list under the
 *     latch, and wakes them; those that come while he does so watch for the next.
 * CW4  who gives back what he took only to ask wrote nothing, and wakes no watcher: or two who ask in X would wake
 *     each other for ever.
 * CW5  others touch a watcher only in its list, under the latch of its bucket.  watch_leave() takes all these
 *     latches once more, so after it the memory is its thread's alone.
 * CW6  with other processes (abroad.h), whose writers nobody here sees leave, a request asks again from time to time.
 */
#ifndef LK_WAIT_WATCH_H
#define LK_WAIT_WATCH_H

#include "wait/plan.h"

enum watch_news {
	WATCH_NONE,
	WATCH_STIRRED,
	WATCH_CLOSED,
	WATCH_INTERRUPTED, /* its thread has something else to do, and then asks again */
	WATCH_CANCELED,
	WATCH_TIMEDOUT
};

struct watch;

struct watcher {
	struct cds_list_head node;
	struct lk_resource *r;
	struct watch *of;
	uint64_t number; /* in its bucket, from 1 up */
	bool is_listed;  /* under the latch */
};

struct watch {
	struct party *party;
	a32 news; /* enum watch_news: changes once */
	size_t n;
	struct watcher *at;
};

/* `at` has room for all watchers. */
void watch_init(struct watch *v, struct party *party, struct watcher *at);
void watch_add(struct watch *v, struct lk_resource *r);

/* From now on it is told.  False: nobody waits for anything any more.  watch_leave() in any case. */
bool watch_join(struct lot *l, struct watch *v);
void watch_leave(struct lot *l, struct watch *v);

/* Its thread, which holds nothing of it any more: sleep until there is news.  `parks` counts the sleeps. */
enum watch_news watch_sleep(struct lot *l, struct watch *v, uint64_t deadline_ns, a64 *parks);

/* Another thread: end its sleep.  True: it was not ended before, and is to be woken. */
bool watch_interrupt(struct watch *v);

/*
 * Under the latch: watchers of `r` up to number `last` are told, and taken out of the list, as many as a
 * plan may wake at once.  True: there are more.
 */
bool watch_stir(struct lot_bucket *b, const struct lk_resource *r, uint64_t last,
		struct plan *plan);

/* All watchers there are told that nobody waits any more.  The gate is shut already. */
void watch_close_all(struct lot *l, struct lot_bucket *b);

/* Under the latch. */
bool watch_any(const struct lot_bucket *b, const struct lk_resource *r);

LK_HOT bool
watch_is_on(const struct lot_bucket *b, const struct lk_resource *r)
{
	return unlikely(b->watchers.next != &b->watchers) && watch_any(b, r);
}

#endif /* LK_WAIT_WATCH_H */
