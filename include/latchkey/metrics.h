/* SPDX-License-Identifier: MIT */
/*
 * Metrics: how long requests waited and grants were held, which names are in demand, and all of it as a report
 * or as OpenMetrics text.  They are read without stopping anybody.
 *
 * Waits    every wait in a line is measured: its clock was read anyway.
 * Holds    are sampled: of each owner's grants in a row of lk_config.sample_every one, chosen by chance, is timed, and
 *          counts as that many.  So what is said of holds is an estimate, without bias: of n samples, the share of any
 *          kind of grant is off by about 1 / sqrt(n).  In a manager with LK_TIMED all grants are timed and the numbers
 *          are exact; a request with LK_TIMED is timed and counts as one.
 * Names    the names that are waited for, or held, most often are found with little memory: see lk_top_each().
 *
 * All counts only grow, from lk_open() to lk_close(): take the difference of two readings for what happened between
 * them.
 */
#include <latchkey.h> /* before the guard: it includes this page where its turn is */
#ifndef LATCHKEY_METRICS_H
#define LATCHKEY_METRICS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Which times.  LK_HOLDS + mode: of grants that were in this mode when they ended; LK_HOLDS alone: of all. */
enum lk_times {
	LK_WAITS = 1,      /* all waits */
	LK_WAITS_GRANTED,  /* … that ended with a grant, or a conversion */
	LK_WAITS_TIMEDOUT, /* … with LK_E_TIMEDOUT */
	LK_WAITS_CANCELED, /* … with LK_E_CANCELED */
	LK_WAITS_DEADLOCK, /* … with LK_E_DEADLOCK */
	LK_WAITS_CLOSED,   /* … with LK_E_CLOSED */
	LK_HOLDS = 16
};

#define LK_HISTOGRAM_BUCKETS 252

/*
 * Times, by size.  A bucket is a quarter of what lies between two powers of two, so each time in it is within 25 % of
 * its bound (lk_histogram_bound()); times up to 7 ns have buckets of their own.
 */
struct lk_histogram {
	uint32_t size;
	uint32_t reserved;
	uint64_t samples; /* times that were measured */
	uint64_t count;   /* what they stand for: the sum of all buckets */
	uint64_t sum_ns;  /* … times their length; stays at UINT64_MAX once it is there */
	uint64_t max_ns;  /* the longest that was measured */
	uint64_t bucket[LK_HISTOGRAM_BUCKETS];
};

/*
 * lk_histogram - the times of one kind since the manager was opened.  Set `out->size`.
 *
 * Threads     any.
 * Returns     0; LK_E_INVAL: `which` is none of enum lk_times; LK_E_VERSION.
 */
LK_API LK_NODISCARD int lk_histogram(struct lk_manager *m, int which, struct lk_histogram *out);

/*
 * lk_histogram_bound - the longest time, in nanoseconds, that a bucket counts; it begins above the bound of the one
 * before it.  UINT64_MAX for the last bucket, and for numbers that are none.
 */
LK_API uint64_t lk_histogram_bound(unsigned bucket);

/*
 * lk_histogram_quantile - the time, in nanoseconds, within which the share `q` (0 to 1) of all counted ended: 0.99 for
 * the 99th percentile.
 *
 * That is the bound of the bucket in which it is, or the longest time if that is less: at most 25 % too much.  0 if
 * nothing was counted.  `h` may be the difference of two readings: only `bucket` and `max_ns` are looked at.
 */
LK_API uint64_t lk_histogram_quantile(const struct lk_histogram *h, double q);

/* How many grants there were in which mode, and since when. */
struct lk_counts {
	uint32_t size;
	uint32_t reserved;
	uint64_t uptime_ns;    /* since lk_open() */
	uint64_t sample_every; /* as it was set; LK_OFF: nothing is sampled */
	uint64_t samples;      /* grants that were timed */
	uint64_t grants[LK_X +
			1]; /* by mode, as asked for: estimated from those; exact with LK_TIMED */
};

/* lk_counts - set `out->size`.  For exact counts of everything else see lk_stats().  Returns 0; LK_E_VERSION. */
LK_API LK_NODISCARD int lk_counts(struct lk_manager *m, struct lk_counts *out);

#define LK_TOP_NAMES    64 /* names that a list has room for */
#define LK_TOP_NAME_MAX 64 /* bytes kept of a name */

enum lk_top {
	LK_TOP_WAITED = 1, /* by waits in its line; a batch waits in the lines of all its names */
	LK_TOP_HELD        /* by grants that have ended: estimated, as holds are */
};

/* One name of a list. */
struct lk_top_name {
	uint32_t size;
	uint32_t flags;    /* LK_NAME_IS_ID: the name is 8 bytes, a uint64_t */
	uint64_t count;    /* waits, or grants; at most `error` of them too many, never too few */
	uint64_t error;    /* 0: the name has been in the list from its first time on */
	uint64_t total_ns; /* waited for, or held, since it was entered in the list */
	uint64_t max_ns;   /* the longest of them */
	uint64_t hash;     /* lk_name_hash() of the name */
	const void *name;  /* valid during the call of `fn` only */
	size_t name_len;   /* of the whole name; the first LK_TOP_NAME_MAX bytes of it are kept */
};

/*
 * lk_top_each - call `fn` for each name of a list, the largest count first, until it returns non-zero.
 *
 * A list has room for LK_TOP_NAMES names.  Every name with more than 1 / LK_TOP_NAMES of all that was counted is in it;
 * a name that comes in when it is full takes the place, and the count, of the least, which is the `error` then.
 *
 * Threads     any.  `fn` gets a copy, and may call anything but lk_close().
 * Returns     0, or what `fn` returned; LK_E_NOMEM.
 * Source      Metwally, Agrawal, El Abbadi 2005 ("space-saving").
 */
LK_API LK_NODISCARD int lk_top_each(struct lk_manager *m, enum lk_top which,
				    int (*fn)(void *arg, const struct lk_top_name *name),
				    void *arg);

/*
 * lk_metrics - everything that is counted, as OpenMetrics 1.0 text, as Prometheus reads it: lk_stats(), lk_counts(),
 * histograms of waits by outcome and of holds by mode, and both lists of names.
 *
 * Serve it as "application/openmetrics-text; version=1.0.0; charset=utf-8".  If the manager has a label each series
 * bears it as `manager`.  Counters never go back.  Bytes of names that are not UTF-8, control characters and the
 * backslash are written as \xNN.
 *
 * Threads     any.  `write` is called with nothing locked.
 * Returns     0, or what `write` returned; LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_metrics(struct lk_manager *m, lk_write_fn *write, void *arg);

/*
 * lk_performance - a report: since when, how many, how fast, how long, what went wrong, which names.
 *
 * Threads     any.  `write` is called with nothing locked.
 * Returns     0, or what `write` returned; LK_E_INVAL: no format; LK_E_UNSUPPORTED: LK_DOT; LK_E_NOMEM.
 */
LK_API LK_NODISCARD int lk_performance(struct lk_manager *m, enum lk_format format,
				       lk_write_fn *write, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_METRICS_H */
