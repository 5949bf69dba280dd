/* SPDX-License-Identifier: MIT */
/*
 * Every result code of Latchkey, once.  LK_ERROR_LIST is the only place where a
 * code, its number and its text are written down: the enum below, lk_errname(),
 * lk_strerror() and the test that provokes each code are made from it.
 *
 * Numbers are -errno where POSIX has the idea, and a private block from -10000
 * down where it has not.  They are frozen once released; the gaps are kept for codes to come.
 */
#ifndef LATCHKEY_ERROR_H
#define LATCHKEY_ERROR_H

#include <errno.h>

/* X(name, number, what happened; the state afterwards is with each call) */
#define LK_ERROR_LIST(X)                                                                           \
	X(BUSY, -EBUSY, "the lock is taken and waiting was not wanted, or something is in use")    \
	X(TIMEDOUT, -ETIMEDOUT, "the deadline passed before the lock could be granted")            \
	X(CANCELED, -ECANCELED, "the wait was ended by lk_owner_cancel")                           \
	X(DEADLOCK, -EDEADLK,                                                                      \
	  "the request was chosen to end a ring of owners that wait for each other")               \
	X(IO, -EIO, "text could not be written, or a file not be read")                            \
	X(PERM, -EACCES, "a hook refused the request, or the grant is not strong enough for that") \
	X(INVAL, -EINVAL, "an argument, option, setting or URL is not valid")                      \
	X(NOENT, -ENOENT, "there is nothing of that name")                                         \
	X(NOMEM, -ENOMEM, "out of memory")                                                         \
	X(UNSUPPORTED, -ENOTSUP, "this version, or this kind of manager, cannot do that")          \
	X(STALE, -10000, "not a grant that this owner holds now")                                  \
	X(CONVERSION_DEADLOCK, -10001,                                                             \
	  "two conversions of one lock: each stands in the other's way")                           \
	X(LOST, -10002, "the lease of the grant is over: it is not held any more")                 \
	X(SUSPECT, -10003, "the lease of the grant ends soon: it is held, but start nothing new")  \
	X(LIMIT, -10004, "a limit was reached: re-entry, holders of one name, or grants")          \
	X(CLOSED, -10005, "the manager is shutting down")                                          \
	X(FORKED, -10006, "the manager belongs to the parent process; open another after fork()")  \
	X(STORE, -10007, "the store failed: nothing was written, see its own words")               \
	X(BREAKER, -10008, "the store failed too often: it is not asked again for a while")        \
	X(UNKNOWN, -10009, "the store gave no answer: what was asked was done, or not")            \
	X(CORRUPT, -10010, "what the store keeps of that is damaged")                              \
	X(CONDITION, -10011, "the condition of the request was not true")                          \
	X(VERSION, -10012, "a structure is from a newer version of the header")                    \
	X(NAME, -10013, "a name must have 1 to LK_NAME_MAX bytes")                                 \
	X(MOVED, -10014, "the locks of this store are in another one now")

enum lk_error {
	LK_OK = 0,
#define LK_ERROR_ENUM(name, number, text) LK_E_##name = (number),
	LK_ERROR_LIST(LK_ERROR_ENUM)
#undef LK_ERROR_ENUM
};

#endif /* LATCHKEY_ERROR_H */
