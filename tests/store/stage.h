/* SPDX-License-Identifier: MIT */
/*
 * Three managers on the store under test, as processes would have them, with two owners each; and threads that wait.  Names
 * are this run's own, and plain: no store, and no other user of it, sees a difference.
 */
#ifndef TESTS_STORE_STAGE_H
#define TESTS_STORE_STAGE_H

#include <latchkey/health.h>
#include <latchkey/semaphore.h>
#include <latchkey/transfer.h>

#include "check.h"

enum { MANAGERS = 3 };

struct stage {
	struct lk_manager *m[MANAGERS];
	struct lk_owner *w[MANAGERS][2];
};

void stage_open(struct stage *s);
void stage_open_with(struct stage *s, const char *parameter);
void stage_close(struct stage *s); /* all that is held goes back */

/* A name of this run: in memory that stays until the end of the case. */
const char *stage_name(const char *what);

/* Granted in the end: what others keep without using it is given back. */
lk_grant take(struct lk_owner *w, const char *name, lk_mode mode);
lk_grant take_units(struct lk_owner *w, const char *name, uint32_t units, uint32_t permits);
void give(struct lk_owner *w, lk_grant g);

/* Not granted, as somebody has it, or waits for it: LK_NOWAIT. */
int attempt(struct lk_owner *w, const char *name, lk_mode mode, lk_grant *out);
bool is_barred(struct lk_owner *w, const char *name, lk_mode mode);

/* So many managers wait for it, as the store says; who is refused at once may have been in somebody's way, not in the line. */
unsigned n_waiting(const struct stage *s, const char *name);

/* A thread that makes one request. */
struct asker {
	pthread_t thread;
	struct lk_owner *w;
	const char *name;
	lk_mode mode;
	struct lk_options o;
	lk_grant grant; /* to be converted; then what it got */
	bool converts;
	int rc;
	_Atomic bool is_done;
};

void ask(struct asker *a, struct lk_owner *w, const char *name, lk_mode mode);
void ask_units(struct asker *a, struct lk_owner *w, const char *name, uint32_t units,
	       uint32_t permits);
void ask_convert(struct asker *a, struct lk_owner *w, lk_grant g, lk_mode mode);

/* What it came to: waits for that. */
int answer(struct asker *a);
lk_grant granted(struct asker *a);

#endif /* TESTS_STORE_STAGE_H */
