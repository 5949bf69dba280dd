/* SPDX-License-Identifier: MIT */
/*
 * Makes a contestant: its timed loops, each with direct calls of its primitives, and the structure that
 * the harness finds it by.  Included once for each contestant of a file, after these are defined, which it
 * undefines again:
 *
 *   PEER           the symbol is peer_<PEER>, and it is shown by this name
 *   PEER_NAME      "…": another name to show it by; optional
 *   PEER_WHAT      "…": one line on what it is and how it is set up
 *   PEER_BY        BY_HANDLE or BY_NAME
 *   PEER_MODES     bits of the modes in which it can lock; MODES_ALL if it knows one mode
 *   PEER_TRAITS    PEER_COLLIDES, PEER_KEEPS, PEER_SPINS, PEER_ALONE, PEER_HOLDS; optional
 *   PEER_TICKET    the type of what release wants to know of acquire.  Trivial: it may begin as zeros or
 *                  as anything, is never copied, and nothing is called when it goes
 *   PEER_ACQUIRE   void (void *session, const void *target, lk_mode mode, PEER_TICKET *ticket)
 *   PEER_RELEASE   void (void *session, const void *target, PEER_TICKET *ticket)
 *
 * All others are optional:
 *
 *   PEER_REALM           REALM_MEMORY, or another: it takes part in the cases of that realm only
 *
 *   PEER_OPEN            void *(size_t n_names, size_t n_held): a world of locks, in which about so many
 *                        names will be used, and at most so many held at a time
 *   PEER_CLOSE           void (void *world)
 *   PEER_TARGET_OPEN     void *(void *world, const char *name): a lock by handle, shared by the threads
 *   PEER_TARGET_CLOSE    void (void *world, void *target)
 *   PEER_SESSION_OPEN    void *(void *world, void *target, unsigned lane): what one thread needs, made in
 *                        that thread; else a session is the world.  `target` is NULL by name
 *   PEER_SESSION_CLOSE   void (void *session)
 *   PEER_CONVERT         void (void *session, const void *target, PEER_TICKET *ticket, lk_mode from,
 *                        lk_mode to)
 *   PEER_PATH_ACQUIRE    void (void *session, const struct bench_path *path, lk_mode mode,
 *                        PEER_TICKET *ticket), ticket[N_LEVELS]: the row in `mode`, and its ancestors in
 *                        the intents for it.  Without it: one acquire for each level
 *   PEER_PATH_RELEASE    void (void *session, const struct bench_path *path, PEER_TICKET *ticket)
 *   PEER_RELEASE_ALL     void (void *session): all that the session holds
 *   PEER_MANY_ACQUIRE    void (void *session, const struct bench_name *names, size_t n, lk_mode mode,
 *                        PEER_TICKET *ticket), ticket[n]: a batch in one call
 *   PEER_MANY_RELEASE    void (void *session, const struct bench_name *names, size_t n,
 *                        PEER_TICKET *ticket)
 *   PEER_OWNER_OPEN      void *(void *world): an owner, a transaction, a locker, for one piece of work.
 *                        It can be used as the session of an acquire
 *   PEER_OWNER_CLOSE     void (void *owner): gives back what it holds, and ends it
 *   PEER_CROWD_OPEN      void *(const struct bench_crowd *crowd): a world of its own, with owners of which each
 *                        holds names and waits, in a thread of its own, and none of which looks for a ring
 *   PEER_CROWD_CLOSE     void (void *crowd): a ring through all of them is found, then they end
 *   PEER_CROWD_SEARCH    void (void *crowd): look for a ring in which the root is; there is none
 *
 * Primitives are functions marked BENCH_INLINE, or macros.
 */
#include "bench.h"

#define BENCH_PASTE_2(a, b)  a##b
#define BENCH_PASTE(a, b)    BENCH_PASTE_2(a, b)
#define BENCH_STRING_2(text) #text
#define BENCH_STRING(text)   BENCH_STRING_2(text)
#define LOOP(name)           BENCH_PASTE(PEER, name)

#ifndef PEER_NAME
#define PEER_NAME BENCH_STRING(PEER)
#endif
#ifndef PEER_TRAITS
#define PEER_TRAITS PEER_DEFAULT
#endif
#ifndef PEER_REALM
#define PEER_REALM REALM_MEMORY
#endif
#ifndef PEER_OPEN
#define PEER_OPEN NULL
#endif
#ifndef PEER_CLOSE
#define PEER_CLOSE NULL
#endif
#ifndef PEER_TARGET_OPEN
#define PEER_TARGET_OPEN NULL
#endif
#ifndef PEER_TARGET_CLOSE
#define PEER_TARGET_CLOSE NULL
#endif
#ifndef PEER_SESSION_OPEN
#define PEER_SESSION_OPEN NULL
#endif
#ifndef PEER_SESSION_CLOSE
#define PEER_SESSION_CLOSE NULL
#endif
#ifndef PEER_CROWD_OPEN
#define PEER_CROWD_OPEN NULL
#endif
#ifndef PEER_CROWD_CLOSE
#define PEER_CROWD_CLOSE NULL
#endif

/*
 * Each loop works on a copy of the run whose address nobody else gets, so that the compiler can keep in
 * registers what the barriers would else make it read again.
 */

/* ----------------------------------------------------------------- one at a time */

static void
LOOP(_pairs)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		PEER_TICKET ticket;

		PEER_ACQUIRE(l.session, target, l.mode, &ticket);
		bench_inside(&l, l.mode);
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

static void
LOOP(_mixed)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		lk_mode mode = bench_next_mode(&l);
		PEER_TICKET ticket;

		PEER_ACQUIRE(l.session, target, mode, &ticket);
		bench_inside(&l, mode);
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

/* What an acquire waits is all that there is to say of a thread that asks again when it is done. */
static void
LOOP(_timed)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		lk_mode mode = bench_next_mode(&l);
		uint64_t since = bench_ticks();
		PEER_TICKET ticket;

		PEER_ACQUIRE(l.session, target, mode, &ticket);
		if ((l.hist_modes & MODE_BIT(mode)) != 0)
			hist_add(l.hist, bench_ticks() - since);
		bench_inside(&l, mode);
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

/* Requests come by a timetable; one that comes late because the last one took long has waited since then. */
static void
LOOP(_open_loop)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		PEER_TICKET ticket;

		l.due += l.gaps[l.gap_at];
		l.gap_at = l.gap_at + 1 == l.n_gaps ? 0 : l.gap_at + 1;
		while ((int64_t)(bench_ticks() - l.due) < 0)
			bench_barrier();
		PEER_ACQUIRE(l.session, target, l.mode, &ticket);
		hist_add(l.hist, bench_ticks() - l.due);
		bench_inside(&l, l.mode);
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

/* -------------------------------------------------------------------- conversions */

#ifdef PEER_CONVERT
static void
LOOP(_upgrade)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		PEER_TICKET ticket;

		PEER_ACQUIRE(l.session, target, l.mode, &ticket);
		bench_inside(&l, l.mode);
		PEER_CONVERT(l.session, target, &ticket, l.mode, l.to);
		bench_inside(&l, l.to);
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

static void
LOOP(_up_down_begin)(struct run *r)
{
	PEER_ACQUIRE(r->session, r->target, r->mode, (PEER_TICKET *)r->held);
}

static void
LOOP(_up_down)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.held;

	for (size_t i = l.n; i > 0; i--) {
		PEER_CONVERT(l.session, l.target, ticket, l.mode, l.to);
		bench_inside(&l, l.to);
		PEER_CONVERT(l.session, l.target, ticket, l.to, l.mode);
		bench_barrier();
	}
	*r = l;
}

static void
LOOP(_up_down_end)(struct run *r)
{
	PEER_RELEASE(r->session, r->target, (PEER_TICKET *)r->held);
}
#endif /* PEER_CONVERT */

/* ---------------------------------------------------------------------- hierarchy */

#ifdef PEER_PATH_ACQUIRE
#define LOOP_PATH_ACQUIRE PEER_PATH_ACQUIRE
#define LOOP_PATH_RELEASE PEER_PATH_RELEASE
#else
#define LOOP_PATH_ACQUIRE LOOP(_path_acquire)
#define LOOP_PATH_RELEASE LOOP(_path_release)

/* From the root down; whoever has no intents takes the ancestors in S, if it has that. */
BENCH_INLINE void
LOOP(_path_acquire)(void *session, const struct bench_path *path, lk_mode mode, PEER_TICKET *ticket)
{
	lk_mode intent = mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;

	if (((PEER_MODES)&MODE_BIT(intent)) == 0)
		intent = LK_S;
	for (int i = 0; i < N_LEVELS - 1; i++)
		PEER_ACQUIRE(session, path->level[i].text, intent, &ticket[i]);
	PEER_ACQUIRE(session, path->level[N_LEVELS - 1].text, mode, &ticket[N_LEVELS - 1]);
}

BENCH_INLINE void
LOOP(_path_release)(void *session, const struct bench_path *path, PEER_TICKET *ticket)
{
	for (int i = N_LEVELS - 1; i >= 0; i--)
		PEER_RELEASE(session, path->level[i].text, &ticket[i]);
}
#endif /* PEER_PATH_ACQUIRE */

static void
LOOP(_path)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.tickets;

	for (size_t i = l.n; i > 0; i--) {
		const struct bench_path *path = bench_next_path(&l);

		LOOP_PATH_ACQUIRE(l.session, path, l.mode, ticket);
		bench_inside(&l, l.mode);
		LOOP_PATH_RELEASE(l.session, path, ticket);
		bench_barrier();
	}
	*r = l;
}

/* The first path is held, so that the others find their ancestors held. */
static void
LOOP(_under_begin)(struct run *r)
{
	r->at = 1;
	LOOP_PATH_ACQUIRE(r->session, &r->paths[0], r->mode, (PEER_TICKET *)r->held);
}

static void
LOOP(_under)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *row = l.paths[l.at].level[N_LEVELS - 1].text;
		PEER_TICKET ticket;

		l.at = l.at + 1 == l.n_names ? 1 : l.at + 1;
		PEER_ACQUIRE(l.session, row, l.mode, &ticket);
		bench_inside(&l, l.mode);
		PEER_RELEASE(l.session, row, &ticket);
		bench_barrier();
	}
	*r = l;
}

static void
LOOP(_under_end)(struct run *r)
{
	LOOP_PATH_RELEASE(r->session, &r->paths[0], (PEER_TICKET *)r->held);
}

/* ------------------------------------------------------------------ several at once */

#ifdef PEER_RELEASE_ALL
#define LOOP_RELEASE_ALL(session, names, n, ticket) PEER_RELEASE_ALL(session)
#else
#define LOOP_RELEASE_ALL LOOP(_release_all)

BENCH_INLINE void
LOOP(_release_all)(void *session, const struct bench_name *names, size_t n, PEER_TICKET *ticket)
{
	while (n-- > 0)
		PEER_RELEASE(session, names[n].text, &ticket[n]);
}
#endif

static void
LOOP(_transactions)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.tickets;

	for (size_t i = l.n / l.batch; i > 0; i--) {
		const struct bench_name *names = bench_next_batch(&l);

		for (size_t k = 0; k < l.batch; k++)
			PEER_ACQUIRE(l.session, names[k].text, l.mode, &ticket[k]);
		bench_inside(&l, l.mode);
		LOOP_RELEASE_ALL(l.session, names, l.batch, ticket);
		bench_barrier();
	}
	*r = l;
}

#ifdef PEER_MANY_ACQUIRE
static void
LOOP(_batches)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.tickets;

	for (size_t i = l.n / l.batch; i > 0; i--) {
		const struct bench_name *names = bench_next_batch(&l);

		PEER_MANY_ACQUIRE(l.session, names, l.batch, l.mode, ticket);
		bench_inside(&l, l.mode);
		PEER_MANY_RELEASE(l.session, names, l.batch, ticket);
		bench_barrier();
	}
	*r = l;
}
#endif

/* What a million held locks cost: `tickets` has room for all. */
static void
LOOP(_hold)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.tickets;

	for (size_t i = 0; i < l.n; i++)
		PEER_ACQUIRE(l.session, l.names[i].text, l.mode, &ticket[i]);
}

static void
LOOP(_drop)(struct run *r)
{
	struct run l = *r;
	PEER_TICKET *ticket = (PEER_TICKET *)l.tickets;

	for (size_t i = 0; i < l.n; i++)
		PEER_RELEASE(l.session, l.names[i].text, &ticket[i]);
}

/* -------------------------------------------------------------------------- owners */

#ifdef PEER_OWNER_OPEN
static void
LOOP(_owners)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		void *owner = PEER_OWNER_OPEN(l.world);

		bench_barrier();
		PEER_OWNER_CLOSE(owner);
		bench_barrier();
	}
}

static void
LOOP(_owners_once)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		void *owner = PEER_OWNER_OPEN(l.world);
		PEER_TICKET ticket;

		PEER_ACQUIRE(owner, target, l.mode, &ticket);
		bench_inside(&l, l.mode);
		PEER_OWNER_CLOSE(owner);
		bench_barrier();
	}
	*r = l;
}
#endif /* PEER_OWNER_OPEN */

/* ------------------------------------------------------------------------ deadlocks */

#ifdef PEER_CROWD_SEARCH
static void
LOOP(_searches)(struct run *r)
{
	for (size_t i = r->n; i > 0; i--)
		PEER_CROWD_SEARCH(r->crowd);
}
#endif

/* ---------------------------------------------------------------- from lane to lane */

static void
LOOP(_hand_over)(struct run *r)
{
	struct run l = *r;

	for (size_t i = l.n; i > 0; i--) {
		const void *target = bench_next_target(&l);
		PEER_TICKET ticket;

		PEER_ACQUIRE(l.session, target, l.mode, &ticket);
		if (l.data->last != 0 && l.data->last != l.lane + 1)
			hist_add(l.hist, bench_ticks() - l.data->stamp);
		bench_inside(&l, l.mode);
		l.data->last = l.lane + 1;
		l.data->stamp = bench_ticks();
		PEER_RELEASE(l.session, target, &ticket);
		bench_barrier();
	}
	*r = l;
}

/* ------------------------------------------------------------------- the contestant */

#ifdef PEER_CONVERT
#define LOOP_CONVERSIONS                                                  \
	{ NULL, LOOP(_upgrade), NULL },                                   \
	{                                                                 \
		LOOP(_up_down_begin), LOOP(_up_down), LOOP(_up_down_end), \
	}
#else
#define LOOP_CONVERSIONS         \
	{ NULL, NULL, NULL },    \
	{                        \
		NULL, NULL, NULL \
	}
#endif
#ifdef PEER_MANY_ACQUIRE
#define LOOP_BATCHES                       \
	{                                  \
		NULL, LOOP(_batches), NULL \
	}
#else
#define LOOP_BATCHES             \
	{                        \
		NULL, NULL, NULL \
	}
#endif
#ifdef PEER_OWNER_OPEN
#define LOOP_OWNERS                            \
	{ NULL, LOOP(_owners), NULL },         \
	{                                      \
		NULL, LOOP(_owners_once), NULL \
	}
#else
#define LOOP_OWNERS              \
	{ NULL, NULL, NULL },    \
	{                        \
		NULL, NULL, NULL \
	}
#endif
#ifdef PEER_CROWD_SEARCH
#define LOOP_SEARCHES                       \
	{                                   \
		NULL, LOOP(_searches), NULL \
	}
#else
#define LOOP_SEARCHES            \
	{                        \
		NULL, NULL, NULL \
	}
#endif

#ifdef __cplusplus
extern "C" const struct contestant BENCH_PASTE(peer_, PEER);
#else
extern const struct contestant BENCH_PASTE(peer_, PEER);
#endif

/* In the order of the structure and of enum bench_loops, for C++ has no other way. */
const struct contestant BENCH_PASTE(peer_, PEER) = {
	PEER_NAME,
	PEER_WHAT,
	PEER_BY,
	PEER_MODES,
	PEER_TRAITS,
	sizeof(PEER_TICKET),
	PEER_OPEN,
	PEER_CLOSE,
	PEER_TARGET_OPEN,
	PEER_TARGET_CLOSE,
	PEER_SESSION_OPEN,
	PEER_SESSION_CLOSE,
	PEER_CROWD_OPEN,
	PEER_CROWD_CLOSE,
	{
		{ NULL, LOOP(_pairs), NULL },
		{ NULL, LOOP(_mixed), NULL },
		{ NULL, LOOP(_timed), NULL },
		{ NULL, LOOP(_open_loop), NULL },
		LOOP_CONVERSIONS,
		{ NULL, LOOP(_path), NULL },
		{ LOOP(_under_begin), LOOP(_under), LOOP(_under_end) },
		{ NULL, LOOP(_transactions), NULL },
		LOOP_BATCHES,
		LOOP_OWNERS,
		{ NULL, LOOP(_hold), NULL },
		{ NULL, LOOP(_drop), NULL },
		LOOP_SEARCHES,
		{ NULL, LOOP(_hand_over), NULL },
	},
	PEER_REALM,
};

#undef LOOP_CONVERSIONS
#undef LOOP_BATCHES
#undef LOOP_OWNERS
#undef LOOP_SEARCHES
#undef LOOP_PATH_ACQUIRE
#undef LOOP_PATH_RELEASE
#undef LOOP_RELEASE_ALL
#undef PEER
#undef PEER_NAME
#undef PEER_WHAT
#undef PEER_BY
#undef PEER_MODES
#undef PEER_TRAITS
#undef PEER_REALM
#undef PEER_TICKET
#undef PEER_ACQUIRE
#undef PEER_RELEASE
#undef PEER_OPEN
#undef PEER_CLOSE
#undef PEER_TARGET_OPEN
#undef PEER_TARGET_CLOSE
#undef PEER_SESSION_OPEN
#undef PEER_SESSION_CLOSE
#undef PEER_CONVERT
#undef PEER_PATH_ACQUIRE
#undef PEER_PATH_RELEASE
#undef PEER_RELEASE_ALL
#undef PEER_MANY_ACQUIRE
#undef PEER_MANY_RELEASE
#undef PEER_OWNER_OPEN
#undef PEER_OWNER_CLOSE
#undef PEER_CROWD_OPEN
#undef PEER_CROWD_CLOSE
#undef PEER_CROWD_SEARCH
