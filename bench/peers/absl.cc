/* SPDX-License-Identifier: MIT */
/*
 * Abseil's Mutex, by handle: a word, spinning and then a queue, readers and writers.  It knows no names,
 * owners, conversions, intents or fences; it has deadlines and conditions, which nobody uses here.
 *
 * Debian builds it without NDEBUG, so that by default each acquire is entered into a graph of the orders
 * in which mutexes were taken (absl_mutex_checked).  What it costs without that is absl_mutex:
 * SetMutexDeadlockDetectionMode(kIgnore), which leaves of the debug build a load and a branch on each
 * side, a look at the word in Unlock(), and asserts on the slow path; a release build from source would be
 * a nanosecond or so better still.  The mode is one for the process: a session sets it while no mutex is
 * held, so that a sample has the mode that it needs.
 *
 * Needs: libabsl-dev <absl/synchronization/mutex.h> pkg-config:absl_synchronization
 * Not under: thread
 */
#include <absl/synchronization/mutex.h>

#include <new>

#include "peers/lines.h"

static void *
mutex_open(void *, const char *)
{
	return new (lines(sizeof(absl::Mutex))) absl::Mutex;
}

static void
mutex_close(void *, void *target)
{
	static_cast<absl::Mutex *>(target)->~Mutex();
	free(target);
}

/* Contestants take turns in one process. */
static void *
session_ignore(void *, void *, unsigned)
{
	absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
	return nullptr;
}

static void *
session_abort(void *, void *, unsigned)
{
	absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kAbort);
	return nullptr;
}

static inline absl::Mutex *
mutex_of(const void *target)
{
	return static_cast<absl::Mutex *>(const_cast<void *>(target));
}

BENCH_INLINE void
mutex_acquire(void *, const void *target, lk_mode mode, lk_mode *ticket)
{
	if (mode == LK_S)
		mutex_of(target)->ReaderLock();
	else
		mutex_of(target)->Lock();
	*ticket = mode;
}

BENCH_INLINE void
mutex_release(void *, const void *target, lk_mode *ticket)
{
	if (*ticket == LK_S)
		mutex_of(target)->ReaderUnlock();
	else
		mutex_of(target)->Unlock();
}

#define PEER              absl_mutex
#define PEER_WHAT         "absl::Mutex, the check of lock orders turned off"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  mutex_open
#define PEER_TARGET_CLOSE mutex_close
#define PEER_SESSION_OPEN session_ignore
#define PEER_ACQUIRE      mutex_acquire
#define PEER_RELEASE      mutex_release
#include "contestant.h"

#define PEER              absl_mutex_checked
#define PEER_WHAT         "absl::Mutex as Debian builds it: checks the order of locks"
#define PEER_BY           BY_HANDLE
#define PEER_MODES        MODES_SX
#define PEER_TICKET       lk_mode
#define PEER_TARGET_OPEN  mutex_open
#define PEER_TARGET_CLOSE mutex_close
#define PEER_SESSION_OPEN session_abort
#define PEER_ACQUIRE      mutex_acquire
#define PEER_RELEASE      mutex_release
#include "contestant.h"
