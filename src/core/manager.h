/* SPDX-License-Identifier: MIT */
/*
 * Manager: one space of locks, and what its calls share.
 *
 * Everything hangs off it; lk_close() frees it all.  The first line is read by every call and written
 * hardly ever.
 */
#ifndef LK_CORE_MANAGER_H
#define LK_CORE_MANAGER_H

#include "base/process.h"
#include "base/table.h"
#include "core/service.h"
#include "core/settings.h"
#include "core/says.h"
#include "core/tracer.h"
#include "deadlock/detector.h"
#include "owner/owner.h"
#include "remote/remote.h"
#include "trace/times.h"

struct lk_manager {
	struct member member; /* its gate: 0, or the code that every call returns */
	uint32_t flags;       /* LK_STRICT, LK_TIMED: also if events need the owners noted (N2) */
	a64 max_reentry; /* this and what follows may change at any time: it is read once for a request */
	a64 timeout_ns; /* of requests that say nothing; LK_OFF: none */
	a64 fair_after_ns;
	a64 spin_ns; /* 0: adaptive; LK_OFF: not at all */
	bool many_cpus;
	struct env env;
	struct tracer tracer;
	struct lot lot;
	struct index index;
	struct spread spread;
	struct detector detector;
	struct service service;
	struct remote *remote;   /* NULL: there is no store */
	struct breaker *breaker; /* in front of it; NULL: there is none */
	struct service errands;  /* what is to be done about the store */
	a64 linger_ns;           /* … how long covers stay that nobody uses */
	a64 max_local_passes; /* … what comes first here when others wait; LK_OFF: as the line has it */
	a64 max_cover_ns;        /* … and for how long */
	struct says says;        /* … and what it says of itself */
	struct timer sweep;      /* … now and then (core/upkeep.h) */
	uint64_t sweep_ns;       /* LK_OFF: never */
	uint64_t opened_wall_ms; /* when it was opened, by two clocks */
	uint64_t opened_boot_ns;
	a64 deadlock_delay_ns; /* LK_OFF: nobody looks for deadlocks */
	bool notes_opening;    /* of owners: a policy for victims wants it */
	struct hold_memory hold_memory;
	struct slab owners LK_ALIGNED; /* its list is a line of its own, whatever comes before it */
	struct slab extras;
	struct slab tags;
	struct slab leases;
	struct slab queues;  /* (A4) */
	struct slab pending; /* requests without a thread */
	struct slab notices;
	a32 n_queues; /* open */
	struct slab pools;
	struct slab turns; /* of those who wait for an owner of a pool */
	a32 n_pools;       /* open */
	struct slab semaphores;
	a64 request_numbers;            /* of those that were submitted */
	struct latch told_latch;        /* of what follows */
	struct cds_list_head told;      /* owners that want to know whom they block */
	a32 n_told;                     /* … how many */
	struct cds_list_head listeners; /* … who wants notices, with a store (core/alarm.h) */
	uint32_t alarm_round;
	a32 n_listeners;
	struct timer alarm;
	uint64_t lease_ns;      /* of grants that say nothing; LK_OFF: none */
	uint64_t max_hold_ns;   /* … */
	uint64_t lock_delay_ns; /* LK_OFF: none */
	uint32_t suspect_pct;
	a64 escalate_after; /* LK_OFF: nothing is escalated */
	lk_escalate_fn *on_escalate;
	void *on_escalate_arg;
	uint64_t sample_every; /* of so many grants of an owner one is timed; LK_OFF: none */
	uint64_t opened_ns;
	char label[LK_LABEL_MAX + 1];
	a64 stamps LK_ALIGNED; /* handed out in blocks (H1) */
	a64 owner_numbers;
	a64 handles;
	aptr guards;      /* struct table, made by the first lk_fence_pass() */
	aptr values;      /* struct table, made by the first lk_value_write() */
	aptr tokens;      /* struct tokens, made by the first lk_token() */
	aptr detached;    /* struct detached, made by the first lk_detach() without a store */
	uint64_t floor;   /* where fences, and versions of values, begin */
	a64 last_version; /* the highest of any value */
	a64 grants_told;  /* the most that lk_stats() has said */
	/* What has no owner (handles, sweeps) shares one cache. */
	struct latch cache_latch;
	struct index_cache cache;
	struct latch guards_latch;
	struct latch settings_latch;
	struct settings settings; /* in force; under the latch */
	struct times times LK_ALIGNED;
} LK_ALIGNED;

/* Visit owners that are open. */
void manager_each_owner(struct lk_manager *m, void (*visit)(struct lk_owner *w, void *arg),
			void *arg);

LK_HOT int
manager_gate(const struct lk_manager *m)
{
	return (int)shim_load(&m->member.gate, SHIM_ACQUIRE);
}

/*
 * Sizes of structures that callers fill in: `size` 0 or too small for `size` itself is not valid, and
 * what we do not know must be zero.
 */
int check_struct(const void *p, uint32_t size, size_t known);

/* What each call begins with that reads `m` into the caller's structure: 0 or the code to return. */
int check_reading(const struct lk_manager *m, const void *out, size_t known);

/* Copy out as much as the caller's structure has room for; `size` stays the caller's. */
void copy_struct(void *to, const void *from, size_t known);

#endif /* LK_CORE_MANAGER_H */
