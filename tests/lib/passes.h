/* SPDX-License-Identifier: MIT */
/*
 * Who comes first when another process waits: requests of one manager stand in the line of "n", without threads, and are counted as
 * they are granted.  What the other one has is for the test to say.
 */
#ifndef TESTS_LIB_PASSES_H
#define TESTS_LIB_PASSES_H

#include "harness.h"

enum { PASSES_MOST = 16 };

struct passes {
	struct lk_manager *m;
	struct lk_queue *queue;
	struct lk_owner *holder; /* has it from the beginning … */
	lk_grant grant;
	struct lk_owner *w[PASSES_MOST]; /* … and these ask for it */
	unsigned asked;
	unsigned had; /* of those who asked: it was granted, and given back */
};

#define passes_ok(call)                                                            \
	do {                                                                       \
		const int passes_rc = (call);                                      \
		cr_assert(passes_rc == 0, "%s: %s", #call, lk_errname(passes_rc)); \
	} while (0)

static inline void
passes_begin(struct passes *p, struct lk_manager *m)
{
	*p = (struct passes){ .m = m };
	passes_ok(lk_queue_open(m, &p->queue));
	passes_ok(lk_owner_open(m, NULL, &p->holder));
	passes_ok(lk_acquire(p->holder, "n", LK_X, NULL, &p->grant));
}

/* One more asks for it. */
static inline void
passes_ask(struct passes *p, int32_t priority)
{
	const struct lk_options o = { .size = sizeof(o), .priority = priority };
	const unsigned i = p->asked++;

	cr_assert_lt(i, PASSES_MOST);
	passes_ok(lk_owner_open(p->m, NULL, &p->w[i]));
	passes_ok(lk_submit(p->queue, p->w[i], "n", LK_X, &o, NULL, NULL, NULL));
}

/* Whoever was granted it gives it back. */
static inline void
passes_serve(struct passes *p)
{
	struct lk_completion c = { .size = sizeof(c) };

	while (lk_queue_reap(p->queue, &c, 1) == 1) {
		passes_ok(c.code);
		passes_ok(lk_release(c.owner, c.grant));
		p->had++;
	}
}

static inline int
passes_note(void *arg, const struct lk_snapshot_row *row)
{
	if (row->wanted != LK_NL && strcmp(row->owner_label, "(another process)") == 0)
		*(uint32_t *)arg = row->position;
	return 0;
}

/* Where the others stand in the line here; 0: they do not. */
static inline uint32_t
passes_place(struct passes *p)
{
	uint32_t place = 0;

	passes_ok(lk_snapshot(p->m, passes_note, &place));
	return place;
}

static inline void
passes_end(struct passes *p)
{
	cr_expect_eq(p->had, p->asked);
	for (unsigned i = 0; i < p->asked; i++)
		passes_ok(lk_owner_close(p->w[i]));
	passes_ok(lk_owner_close(p->holder));
	passes_ok(lk_queue_close(p->queue));
}

/* What the other process does: asks for "n" in X, without waiting; has it; gives it back. */
struct passes_other {
	void *arg;
	void (*asks)(void *arg);
	bool (*has_it)(void *arg);
	void (*gives)(void *arg);
};

/* Six wait here when the other one asks: it is to stand at `place`, and to have it when `first` of ours had it. */
static inline void
passes_play(struct lk_manager *m, const struct passes_other *other, uint32_t place, unsigned first)
{
	struct passes p;

	passes_begin(&p, m);
	while (p.asked < 6)
		passes_ask(&p, 0);
	other->asks(other->arg);
	wait_until(passes_place(&p) == place);
	passes_ask(&p, 0); /* later */
	passes_ask(&p, 100);
	passes_ok(lk_release(p.holder, p.grant));
	wait_until((passes_serve(&p), other->has_it(other->arg)));
	cr_expect_eq(p.had, first, "%u of ours had it first, not %u", p.had, first);
	passes_serve(&p);
	cr_expect_eq(p.had, first);
	other->gives(other->arg);
	wait_until((passes_serve(&p), p.had == p.asked));
	passes_end(&p);
}

/* One that is another manager of this process: a request without a thread. */
struct passes_rival {
	struct lk_manager *m;
	struct lk_owner *w;
	struct lk_queue *queue;
	struct lk_completion had;
};

static inline void
rival_begin(struct passes_rival *r, struct lk_manager *m)
{
	*r = (struct passes_rival){ .m = m, .had = { .size = sizeof(r->had) } };
	passes_ok(lk_owner_open(m, NULL, &r->w));
	passes_ok(lk_queue_open(m, &r->queue));
}

static inline void
rival_asks(void *arg)
{
	struct passes_rival *r = arg;

	r->had.grant = 0;
	passes_ok(lk_submit(r->queue, r->w, "n", LK_X, NULL, NULL, NULL, NULL));
}

static inline bool
rival_has_it(void *arg)
{
	struct passes_rival *r = arg;

	if (r->had.grant == 0 && lk_queue_reap(r->queue, &r->had, 1) == 1)
		passes_ok(r->had.code);
	return r->had.grant != 0;
}

static inline void
rival_gives(void *arg)
{
	struct passes_rival *r = arg;

	passes_ok(lk_release(r->w, r->had.grant));
}

static inline void
rival_end(struct passes_rival *r)
{
	passes_ok(lk_queue_close(r->queue));
	passes_ok(lk_owner_close(r->w));
	passes_ok(lk_close(r->m));
}

/* What is said in the URL, and what comes of it. */
struct passes_bound {
	const char *parameters;
	uint32_t place;
	unsigned first;
};

static const struct passes_bound passes_bounds[] = {
	{ "", 7, 7 }, /* all who came before, and one for its priority */
	{ "max_local_passes=2", 3, 2 },
	{ "max_local_passes=6", 7, 6 },
	{ "max_cover_ns=1us", 1, 0 },
	{ "max_local_passes=4&max_cover_ns=1us", 1, 0 },
	{ "max_local_passes=4&max_cover_ns=3600s", 5, 4 },
};

#endif /* TESTS_LIB_PASSES_H */
