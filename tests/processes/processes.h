/* SPDX-License-Identifier: MIT */
/* What the tests of processes share: a place for a store, other processes, and what is in the store at the end. */
#ifndef TESTS_PROCESSES_H
#define TESTS_PROCESSES_H

#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "harness.h"

#include "board.h"

#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, lk_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

#define SECOND   INT64_C(1000000000)

/* A folder of the test's own, and in it a store: of LK_TEST_STORE ("file"), which is a scheme that takes a path. */
struct ground {
	char top[40];
	char path[96]; /* the store's */
	char url[256];
};

/* `parameters`: "" or "?…". */
void ground_make(struct ground *g, const char *parameters);
void ground_make_in(struct ground *g, const char *scheme, const char *parameters);
void ground_remove(struct ground *g);

/* The path of something in it. */
const char *ground_file(const struct ground *g, const char *name, char buf[128]);

/* Is the store of this scheme? */
bool ground_is(const char *scheme);

/* A number of the environment, or what is the rule. */
uint64_t test_number(const char *variable, uint64_t standard);

/* Start the child program; `in` and `out` may be NULL: as the test's own.  Its id. */
pid_t child_start(char *const args[], int *in, int *out);
pid_t child_start_by(const char *how, char *const args[], int *in, int *out);

/* By the kernel's word: is it gone, or as good as gone (a zombie)? */
bool child_is_gone(pid_t pid);

/* Nobody holds or awaits anything in any record. */
void store_is_empty(const struct ground *g);

/* -------------------------------------------------------------------------- puppets */

/* A process that does what it is told. */
struct puppet {
	pid_t pid;
	int in;
	int out;
	char answer[600]; /* the latest, without the number before it */
	char url[128];
};

/* With the store open; `url` NULL: without. */
void puppet_start(struct puppet *p, const char *url);

/* Tell it something; hear what came of it.  The number is a code. */
void puppet_tell(struct puppet *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
int puppet_hear(struct puppet *p);

/* One that other programs start: `how` is a command of the shell in which "$0" "$@" is the puppet. */
void puppet_start_by(struct puppet *p, const char *how);

/* Both. */
int puppet_does(struct puppet *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Has it answered? */
bool puppet_has_answered(struct puppet *p);

/* It gives back all and ends, or is killed: the end has been seen. */
void puppet_end(struct puppet *p);
void puppet_kill(struct puppet *p);

#endif /* TESTS_PROCESSES_H */
