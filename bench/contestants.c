/* SPDX-License-Identifier: MIT */
/* Who takes part, and in what: the two tables that later work adds lines to. */
#include "bench.h"

/*
 * The thread sanitizer does not see into ck's inline assembly and would report what ck guards.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BENCH_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define BENCH_TSAN 1
#endif

/* Latchkey first: the others are what it is compared with. */
const struct contestant *const contestants[] = {
	&latchkey_by_handle, &pthread_mutex, &pthread_rwlock,
#ifndef BENCH_TSAN
	&ck_rwlock,
#endif
	&latchkey_by_name,   &striped_mutex, &latchkey_owner, NULL,
};

#define HANDLE_CASE(m, text)                                                            \
	{                                                                               \
		.name = "handle/" #m, .what = (text), .by = BY_HANDLE, .mode = LK_##m,  \
		.n_lanes = 1, .shared = true, .baseline = "pthread_mutex", .limit = 1.5 \
	}

#define NAME_CASE(count, text)                                                                     \
	{                                                                                          \
		.name = "name/" #count, .what = (text), .by = BY_NAME, .mode = LK_X, .n_lanes = 1, \
		.n_names = (count), .baseline = "striped_mutex", .limit = 3.5                      \
	}

const struct bench_case bench_cases[] = {
	HANDLE_CASE(IS, "one lock in IS, nobody else"),
	HANDLE_CASE(IX, "one lock in IX, nobody else"),
	HANDLE_CASE(S, "one lock in S, nobody else"),
	HANDLE_CASE(SIX, "one lock in SIX, nobody else"),
	HANDLE_CASE(U, "one lock in U, nobody else"),
	HANDLE_CASE(X, "one lock in X, nobody else"),
	NAME_CASE(1, "one name in X, nobody else"),
	NAME_CASE(1000, "a thousand names in X, in random order"),
	NAME_CASE(1000000, "a million names in X, in random order"),
	{
		.name = "own-names/2-threads",
		.what = "two threads, each with a thousand names of its own, in X",
		.by = BY_NAME,
		.mode = LK_X,
		.n_lanes = 2,
		.n_names = 1000,
		.baseline = "striped_mutex",
	},
	{
		.name = "same-name/2-threads",
		.what = "two threads that lock the same name in X",
		.by = BY_NAME,
		.mode = LK_X,
		.n_lanes = 2,
		.n_names = 1,
		.shared = true,
		.baseline = "striped_mutex",
	},
	{
		.name = "same-handle/2-threads",
		.what = "two threads that lock the same handle in X",
		.by = BY_HANDLE,
		.mode = LK_X,
		.n_lanes = 2,
		.shared = true,
		.baseline = "pthread_mutex",
	},
	{
		.name = "owner",
		.what = "an owner opened and closed",
		.by = BY_OWNER,
		.mode = LK_X,
		.n_lanes = 1,
	},
	{ 0 },
};
