/* SPDX-License-Identifier: MIT */
/* The calls of rcu.h, on liburcu-bp. */
#include <errno.h>
#include <pthread.h>

#include <urcu-bp.h>

#include "base/rcu.h"

/*
 * liburcu is not instrumented, so the thread sanitizer sees neither its barriers nor its
 * grace periods.  Sanitizer builds say the two hand-overs in its own terms.
 */
#if defined(__SANITIZE_THREAD__)
#define LK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LK_TSAN 1
#endif
#endif

#ifdef LK_TSAN
void __tsan_acquire(void *p);
void __tsan_release(void *p);
static char grace;
#define reader_left()  __tsan_release(&grace)
#define readers_left() __tsan_acquire(&grace)
#else
#define reader_left()  ((void)0)
#define readers_left() ((void)0)
#endif

void
shim_rcu_read_lock(void)
{
	urcu_bp_read_lock();
}

void
shim_rcu_read_unlock(void)
{
	reader_left();
	urcu_bp_read_unlock();
}

/*
 * liburcu waits with poll(), where a thread can be cancelled while it has liburcu's mutex and all signals
 * blocked: nobody would get any further.  And errno is the caller's.
 */
void
shim_rcu_synchronize(void)
{
	int saved = errno;
	int cancel_state;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	urcu_bp_synchronize_rcu();
	(void)pthread_setcancelstate(cancel_state, NULL);
	errno = saved;
	readers_left();
}

void
shim_rcu_before_fork(void)
{
	urcu_bp_before_fork();
}

void
shim_rcu_after_fork_parent(void)
{
	urcu_bp_after_fork_parent();
}

void
shim_rcu_after_fork_child(void)
{
	urcu_bp_after_fork_child();
}
