/* SPDX-License-Identifier: MIT */
/* What is measured, and what is to be reached. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "affinity.h"
#include "bench.h"

enum bench_names {
	NAMES_UNIFORM, /* each equally often */
	NAMES_ZIPF,
	NAMES_ROOT, /* the root of the paths, all the time */
	NAMES_PATHS
};

/* What one operation of a case is. */
enum bench_unit {
	UNIT_PAIR,
	UNIT_LOCK,
	UNIT_UP_DOWN,
	UNIT_OWNER,
	UNIT_ACQUIRE,
	UNIT_RELEASE,
	UNIT_SEARCH
};

/* One thing that is measured. */
struct bench_case {
	const char *name;
	const char *group;
	const char *what;
	enum bench_by by;
	enum bench_loops loop;
	enum bench_unit unit;
	lk_mode mode;
	lk_mode to;            /* loops that convert */
	unsigned n_lanes;      /* threads */
	enum bench_names kind; /* BY_NAME */
	size_t n_names;        /* … of each thread */
	unsigned n_tables;     /* … NAMES_PATHS */
	bool shared;           /* all threads use the same names, or lock */
	bool guards;           /* … which guards something, though there is one thread */
	unsigned batch;        /* locks of a batch or transaction; 0: no such thing */
	unsigned section_ns;   /* how long the lock is held */
	unsigned n_x;          /* mixed loops: acquires in X out of N_MODES */
	unsigned
		hist_modes; /* the waits of acquires in these modes are noted, in samples of their own */
	size_t n_owners;         /* of the crowd, which shares the names; 0: there is none */
	enum bench_order order;  /* … and who waits for whom there */
	unsigned load_percent;   /* open loop: arrivals, by the contestant's own throughput … */
	double load;             /* … or so many a second, of all threads together */
	unsigned stretch;        /* a sample takes so many times as long as others; 0: once */
	unsigned n_samples_most; /* 0: as many as others */
	bool is_normal;          /* at normal priority */
	enum bench_affinity affinity;
	enum bench_realm realm;
	bool in_processes;  /* its lanes are processes … */
	unsigned n_threads; /* … of so many threads each; 0: of one */
	bool has_variants;  /* with contestants in settings of which nobody else wants to know */
	bool is_large;      /* only if it is asked for by its whole name */
	const char *twin;   /* the case that has the other half of what is measured (held) */
};

#define N_MODES 65536 /* length of a sequence of modes */

extern const struct bench_case bench_cases[];        /* ends with a NULL name */
extern const struct contestant *const contestants[]; /* NULL: known, but not built in */
extern const char *const contestant_names[];         /* of the same; ends with NULL */

/* The case of that name, or NULL. */
const struct bench_case *case_find(const char *name);

/* Can `c` do what `b` measures? */
bool case_suits(const struct bench_case *b, const struct contestant *c);

const char *case_unit(const struct bench_case *b);

/* At most so many locks are held at a time. */
size_t case_held(const struct bench_case *b);

/* A figure of a result. */
enum bench_figure {
	FIGURE_NS,         /* median of the samples */
	FIGURE_THREAD_NS,  /* … times the threads: what one operation takes one of them */
	FIGURE_THROUGHPUT, /* operations a second */
	FIGURE_SLOWEST,    /* the slowest thread's part of the mean */
	FIGURE_P50,        /* of the waits, ns */
	FIGURE_P99,
	FIGURE_P999,
	FIGURE_MAX,
	FIGURE_BYTES /* of a lock held */
};

/* Latchkey's figure in one case, on its own or as a multiple of another's, possibly in another case: see goal_judge(). */
struct bench_goal {
	const char *what;
	const char *ours;       /* case */
	const char *theirs;     /* case; NULL: the figure stands alone */
	const char *contestant; /* theirs; it may be Latchkey */
	enum bench_figure figure;
	bool at_least; /* else at most */
	double limit;
	const char *mine; /* which of Latchkey's contestants: "latchkey_…"; NULL: the plain one */
};

/* Whose figure it is about. */
static inline const char *
goal_mine(const struct bench_goal *g)
{
	return g->mine != NULL ? g->mine : "latchkey";
}

extern const struct bench_goal bench_goals[]; /* ends with a NULL what */

/* Is the one a case of which a goal asks how it compares with the other? */
bool goals_compare(const struct bench_case *ours, const struct bench_case *theirs);

#endif /* BENCH_CASES_H */
