/* SPDX-License-Identifier: MIT */
/*
 * What the benchmark is made of: contestants, the cases they run in, and the loop that is timed.
 * README.md beside this file has the method.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <latchkey.h>

#define N_LANES_MAX 2  /* threads of a case */
#define NAME_SIZE   16 /* bytes of a name's cell: "user:1234567" and NULs */

/* How a case says what to lock.  A contestant is for one of them. */
enum bench_by {
	BY_HANDLE, /* a lock object, or a name resolved beforehand */
	BY_NAME,   /* a C string each time */
	BY_OWNER   /* nothing: what is opened and closed is an owner */
};

/* What a thread does in one call of the timed loop, and where it stands. */
struct run {
	void *session;
	void *target;                   /* BY_HANDLE */
	const char (*names)[NAME_SIZE]; /* BY_NAME: in the order of use */
	size_t n_names;
	size_t at;         /* the next of `names` */
	uint64_t *counter; /* bumped under the lock, to see that it excludes; or NULL */
	lk_mode mode;
	size_t n; /* pairs to make */
};

/* What `acquire` found that `release` wants to know: a grant, the number of a stripe. */
typedef uint64_t bench_ticket;

/*
 * One that can lock.  NULL calls mean: nothing to do; a session is then the world, and a target
 * is NULL.  What fails calls bench_die().
 *
 * world    a space of locks; made once for each case.
 * session  what a thread needs to lock in it; made in the thread, for each sample.
 * target   a lock by handle; shared by the threads.
 */
struct contestant {
	const char *name;
	enum bench_by by;
	unsigned modes; /* bit m: can lock in mode m */
	void *(*open)(void);
	void (*close)(void *world);
	void *(*target_open)(void *world, const char *name);
	void (*target_close)(void *world, void *target);
	void *(*session_open)(void *world);
	void (*session_close)(void *session);
	bench_ticket (*acquire)(void *session, const void *target, lk_mode mode);
	void (*release)(void *session, const void *target, bench_ticket ticket);
	void (*loop)(struct run *r); /* bench_loop() with the two calls above */
};

#define MODE_BIT(m) (1u << (m))
#define MODES_ALL   (MODE_BIT(LK_X + 1) - MODE_BIT(LK_IS))

/* One thing that is measured. */
struct bench_case {
	const char *name;
	const char *what;
	enum bench_by by;
	lk_mode mode;
	unsigned n_lanes;     /* threads */
	size_t n_names;       /* BY_NAME: of each thread */
	bool shared;          /* all threads use the same names, or lock */
	const char *baseline; /* the contestant that Latchkey is compared with; or NULL */
	double limit;         /* the ratio to reach; 0: none */
};

extern const struct contestant *const contestants[]; /* ends with NULL */
extern const struct bench_case bench_cases[];        /* ends with a NULL name */

extern const struct contestant latchkey_by_handle;
extern const struct contestant latchkey_by_name;
extern const struct contestant latchkey_owner;
extern const struct contestant pthread_mutex;
extern const struct contestant pthread_rwlock;
extern const struct contestant striped_mutex;
extern const struct contestant ck_rwlock;

/* Nothing may be moved across it, and memory may have changed behind it. */
static inline void
bench_barrier(void)
{
	__asm__ __volatile__("" : : : "memory");
}

/* The work under the lock: next to nothing, and the same for all. */
static inline void
bench_work(uint64_t *counter)
{
	bench_barrier();
	if (counter != NULL)
		(*counter)++;
	bench_barrier();
}

/*
 * The timed loop.  Inlined into each contestant's own `loop`, so that the calls in it are direct
 * ones: an indirect call costs as much as a third of an uncontended pair.
 */
static inline __attribute__((always_inline)) void
bench_loop(struct run *r, bench_ticket (*acquire)(void *, const void *, lk_mode),
	   void (*release)(void *, const void *, bench_ticket))
{
	void *session = r->session;
	uint64_t *counter = r->counter;
	const lk_mode mode = r->mode;
	size_t at = r->at;

	for (size_t i = r->n; i > 0; i--) {
		const void *target = r->target;
		bench_ticket ticket;

		if (r->names != NULL) {
			target = r->names[at];
			at = at + 1 == r->n_names ? 0 : at + 1;
		}
		ticket = acquire(session, target, mode);
		bench_work(counter);
		release(session, target, ticket);
		bench_barrier();
	}
	r->at = at;
}

/* names.c: `n` or more uses of `n` names beginning with number `first`, shuffled.  For free(). */
char (*names_make(size_t first, size_t n, uint64_t seed, size_t *n_uses))[NAME_SIZE];

/* main.c: say what failed, and end the program. */
void bench_die(const char *what, const char *why) __attribute__((noreturn));

#endif /* BENCH_H */
