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
#include "core/tracer.h"
#include "deadlock/detector.h"
#include "owner/owner.h"
#include "trace/times.h"

struct lk_manager {
	struct member member; /* its gate: 0, or the code that every call returns */
	uint32_t flags;       /* LK_STRICT, LK_TIMED: also if events need the owners noted (N2) */
	uint64_t max_reentry;
	uint64_t timeout_ns; /* of requests that say nothing; LK_OFF: none */
	struct wait_limits limits;
	struct env env;
	struct tracer tracer;
	struct lot lot;
	struct index index;
	struct spread spread;
	struct detector detector;
	struct service service;
	uint64_t deadlock_delay_ns; /* LK_OFF: nobody looks for deadlocks */
	bool notes_opening;         /* of owners: a policy for victims wants it */
	struct slab owners;
	struct slab extras;
	struct slab tags;
	struct slab leases;
	struct slab queues;  /* (A4) */
	struct slab pending; /* requests without a thread */
	struct slab notices;
	a32 n_queues;              /* open */
	a64 request_numbers;       /* of those that were submitted */
	struct latch told_latch;   /* of what follows */
	struct cds_list_head told; /* owners that want to know whom they block */
	a32 n_told;                /* … how many */
	uint64_t lease_ns;         /* of grants that say nothing; LK_OFF: none */
	uint64_t max_hold_ns;      /* … */
	uint64_t lock_delay_ns;    /* LK_OFF: none */
	uint32_t suspect_pct;
	uint64_t sample_every; /* of so many grants of an owner one is timed; LK_OFF: none */
	uint64_t opened_ns;
	char label[LK_LABEL_MAX + 1];
	a64 stamps LK_ALIGNED; /* handed out in blocks (H1) */
	a64 owner_numbers;
	a64 handles;
	aptr guards;      /* struct table, made by the first lk_fence_pass() */
	aptr values;      /* struct table, made by the first lk_value_write() */
	uint64_t floor;   /* where fences, and versions of values, begin */
	a64 last_version; /* the highest of any value */
	a64 grants_told;  /* the most that lk_stats() has said */
	/* What has no owner (handles, sweeps) shares one cache. */
	struct latch cache_latch;
	struct index_cache cache;
	struct latch guards_latch;
	struct times times LK_ALIGNED;
} LK_ALIGNED;

/* Settings, checked. */
struct settings {
#define SETTING_FIELD(field, standard, lowest, highest, off) uint64_t field;
	LK_SETTING_LIST(SETTING_FIELD)
#undef SETTING_FIELD
	uint32_t flags;
	int (*on_event)(void *arg, const struct lk_event *event);
	void *on_event_arg;
	void (*on_log)(void *arg, enum lk_log_level level, const char *line);
	void *on_log_arg;
	char label[LK_LABEL_MAX + 1];
	struct lk_allocator allocator;
	struct lk_environment environment;
	lk_victim_fn *on_victim;
	void *on_victim_arg;
	bool has_allocator;
	bool has_environment;
};

/* From `url` and `cfg`; what is wrong is said in `cfg->report`. */
int settings_read(struct settings *s, const char *url, const struct lk_config *cfg);

/* Say in `cfg->report`, if there is room for it, why lk_open() fails; returns `rc`. */
int settings_refuse(const struct lk_config *cfg, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Visit owners that are open. */
void manager_each_owner(struct lk_manager *m, void (*visit)(struct lk_owner *w, void *arg),
			void *arg);

/* Does lk_name_escape() write this byte as it is?  Then it separates nothing. */
bool name_byte_is_plain(unsigned char c);

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

/* Copy out as much as the caller's structure has room for; `size` stays the caller's. */
void copy_struct(void *to, const void *from, size_t known);

#endif /* LK_CORE_MANAGER_H */
