/* SPDX-License-Identifier: MIT */
/* A lock schedule as text: sessions, steps, and orders of steps with what comes of each.  See README.md. */
#ifndef ISOLATION_SPEC_H
#define ISOLATION_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <latchkey.h>
#include <latchkey/deadlock.h>

enum {
	SPEC_WORD = 24,
	SPEC_TEXT = 128,
	SPEC_SESSIONS = 8,
	SPEC_STEPS = 64,
	SPEC_ITEMS = 4,
	SPEC_ORDERS = 12,
	SPEC_LINES = 48,
	SPEC_RESULTS = 8,
	SPEC_COUNTERS = 8,
};

enum { SPEC_WAITS = 1 }; /* an outcome that is no code: it is not over yet */

enum spec_verb {
	SPEC_ACQUIRE,
	SPEC_TRY,
	SPEC_MANY,
	SPEC_CONVERT,
	SPEC_UPGRADE,
	SPEC_DOWNGRADE,
	SPEC_RELEASE,
	SPEC_RELEASE_ALL,
	SPEC_CLOSE,
	SPEC_OPEN,
	SPEC_CANCEL,
	SPEC_OUTSIDE_BEGIN,
	SPEC_OUTSIDE_END,
	SPEC_VERBS
};

/* One call. */
struct spec_step {
	char label[SPEC_WORD];
	int session;
	enum spec_verb verb;
	unsigned n_items;
	char name[SPEC_ITEMS][SPEC_WORD];
	lk_mode mode[SPEC_ITEMS];
	bool nowait;
	bool parents;
	int64_t timeout_ns;
	int32_t priority;
	char other[SPEC_WORD]; /* a session that it is about */
	int other_session;
};

struct spec_session {
	char name[SPEC_WORD];
	int32_t priority;
	int first; /* its steps: first .. first + n - 1 */
	int n;
};

struct spec_result {
	int step;
	int outcome; /* SPEC_WAITS or a code */
};

enum spec_kind { SPEC_STEP, SPEC_PASS, SPEC_COUNT };

/* One line of an order; of a step the first result is its own. */
struct spec_line {
	enum spec_kind kind;
	unsigned at; /* line of the file */
	int step;
	uint64_t ns;
	int counter; /* of lk_stats: its place in LK_COUNTER_LIST */
	uint64_t value;
	unsigned n_results;
	struct spec_result result[SPEC_RESULTS];
};

struct spec_order {
	unsigned at;
	unsigned n;
	struct spec_line line[SPEC_LINES];
};

struct spec {
	char settings[SPEC_TEXT]; /* parameters of the URL */
	int n_sessions;
	int n_steps;
	int n_orders; /* 0: all are tried */
	struct spec_session session[SPEC_SESSIONS];
	struct spec_step step[SPEC_STEPS];
	struct spec_order order[SPEC_ORDERS];
};

/* NULL, or what is wrong with line `*at`. */
const char *spec_parse(struct spec *s, const char *text, unsigned *at);

/* A line of an order as it is written, with other results; without a newline. */
void spec_print(const struct spec *s, const struct spec_line *line,
		const struct spec_result *result, unsigned n, FILE *to);

/* "waits", "ok", "deadlock", … */
const char *spec_outcome(int outcome);

/* Counters of lk_stats by their place in the list. */
const char *spec_counter_name(int counter);
uint64_t spec_counter(const struct lk_stats *s, int counter);

#endif /* ISOLATION_SPEC_H */
