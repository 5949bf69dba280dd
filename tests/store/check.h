/* SPDX-License-Identifier: MIT */
/* What the cases of latchkey-store-check share: the store under test, other processes, and what failed. */
#ifndef TESTS_STORE_CHECK_H
#define TESTS_STORE_CHECK_H

#include <latchkey.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define countof(a) (sizeof(a) / sizeof((a)[0]))

struct check_run {
	const char *url;
	uint64_t seed;
	char prefix[48]; /* of the names of this run */
	uint32_t capabilities;
	bool is_verbose;
};

extern struct check_run run;

/* ------------------------------------------------------------------------- results */

void check_failed(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define CHECK(cond, ...)                                               \
	do {                                                           \
		if (!(cond))                                           \
			check_failed(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* The result of a call is `wanted`. */
#define IS(call, wanted)                                                         \
	do {                                                                     \
		const int is_ = (call);                                          \
		CHECK(is_ == (wanted), "%s: %s, not %s", #call, lk_errname(is_), \
		      lk_errname(wanted));                                       \
	} while (0)
#define OK(call) IS(call, 0)

/* As CHECK, but nothing makes sense after it. */
#define MUST(cond, ...)                                                \
	do {                                                           \
		if (!(cond)) {                                         \
			check_failed(__FILE__, __LINE__, __VA_ARGS__); \
			check_give_up();                               \
		}                                                      \
	} while (0)

__attribute__((noreturn)) void check_give_up(void);

/* A case, and when it can be run. */
struct check_case {
	const char *name;
	void (*body)(void);
	uint32_t needs;   /* capabilities */
	bool is_for_many; /* needs other processes */
};

extern const struct check_case cases_records[], cases_atomic[], cases_sessions[], cases_hints[],
	cases_crash[], cases_locks[], cases_units[], cases_calls[], cases_many[];

/* ------------------------------------------------------------------------ the store */

struct lk_store *check_open(void);
struct lk_store *check_open_flags(uint32_t flags);

uint64_t check_now(void);
uint64_t check_random(uint64_t *state);
#define NEVER       UINT64_MAX
#define PATIENCE_NS UINT64_C(30000000000)

/* Yield until it is so; a failure after half a minute. */
#define WAIT_UNTIL(cond)                                                          \
	do {                                                                      \
		const uint64_t end_ = check_now() + PATIENCE_NS;                  \
		while (!(cond)) {                                                 \
			MUST(check_now() < end_, "waited in vain for %s", #cond); \
			sched_yield();                                            \
		}                                                                 \
	} while (0)

struct name {
	unsigned char bytes[LK_STORE_NAME_MAX];
	size_t len;
};

/* A name of this run: prefix, what, number. */
struct name *check_name(struct name *out, const char *what, unsigned number);

int put(struct lk_store *s, const void *name, size_t len, const void *bytes, size_t n);

/* As put(), a name of this run. */
int put_name(struct lk_store *s, const struct name *name, const void *bytes, size_t n);

/* Bytes of the record, of which `cap` are copied; or a code. */
ssize_t get(struct lk_store *s, const void *name, size_t len, void *buf, size_t cap);
ssize_t get_name(struct lk_store *s, const struct name *name, void *buf, size_t cap);

/* Remove what the run has left. */
void check_clean(void);

/* --------------------------------------------------------------------- other processes */

/* This program again, as `role`; its standard input and output are pipes. */
struct other {
	pid_t pid;
	int to;
	int from;
};

void other_start(struct other *o, const char *role, const char *argument);

/* What it says next: a byte, -1 at the end. */
int other_next(struct other *o);

/* Kill it, or wait for its end; its status. */
int other_kill(struct other *o);
int other_wait(struct other *o);

struct role {
	const char *name;
	int (*body)(const char *argument);
};

extern const struct role roles_atomic[], roles_sessions[], roles_hints[], roles_crash[],
	roles_calls[];

/* Of a role: say a byte, wait until the other one says something. */
void say(char byte);
void wait_for_word(void);

#endif /* TESTS_STORE_CHECK_H */
