/* SPDX-License-Identifier: MIT */
/* Opening and closing a manager. */
#include "core/detached.h"
#include "core/abroad.h"
#include "core/alarm.h"
#include "core/leases.h"
#include "core/manager.h"
#include "core/notify.h"
#include "core/pending.h"
#include "core/pool.h"
#include "core/release.h"
#include "core/token.h"
#include "wait/units.h"

static void
apply_settings(struct lk_manager *m, const struct settings *s)
{
	m->flags = s->flags | (tracer_notes(&m->tracer) ? LK_TIMED : 0);
	m->settings = *s;
	latch_init(&m->settings_latch);
	shim_init(&m->max_reentry, s->max_reentry);
	shim_init(&m->timeout_ns, s->timeout_ns);
	shim_init(&m->fair_after_ns, s->fair_after_ns);
	shim_init(&m->spin_ns, s->spin_ns);
	shim_init(&m->linger_ns, s->linger_ns);
	shim_init(&m->max_local_passes, s->max_local_passes);
	shim_init(&m->max_cover_ns, s->max_cover_ns);
	m->many_cpus = shim_cpus() > 1;
	shim_init(&m->deadlock_delay_ns, s->deadlock_delay_ns);
	m->notes_opening = s->victim == LK_VICTIM_YOUNGEST || s->victim == LK_VICTIM_OLDEST;
	m->detector.victim = (enum lk_victim)s->victim;
	shim_init(&m->detector.delay_ns, s->deadlock_delay_ns);
	m->detector.on_victim = s->on_victim;
	m->detector.on_victim_arg = s->on_victim_arg;
	shim_init(&m->escalate_after, s->escalate_after);
	m->on_escalate = s->on_escalate;
	m->on_escalate_arg = s->on_escalate_arg;
	m->sample_every = s->sample_every;
	m->lease_ns = s->lease_ns;
	m->max_hold_ns = s->max_hold_ns;
	m->lock_delay_ns = s->lock_delay_ns;
	m->suspect_pct = (uint32_t)s->suspect_pct;
	if (m->lease_ns != LK_OFF || m->max_hold_ns != LK_OFF)
		m->flags |= OWNER_LEASES;
	memcpy(m->label, s->label, sizeof(m->label));
}

static void
init_slabs(struct lk_manager *m)
{
	slab_init(&m->owners, &m->env, m, sizeof(struct lk_owner), offsetof(struct lk_owner, link));
	slab_init(&m->extras, &m->env, m, sizeof(struct extra), offsetof(struct extra, since_ns));
	slab_init(&m->tags, &m->env, m, sizeof(struct tag), offsetof(struct tag, len));
	slab_init(&m->leases, &m->env, m, sizeof(struct lease), offsetof(struct lease, link));
	slab_init(&m->queues, &m->env, m, sizeof(struct lk_queue), offsetof(struct lk_queue, link));
	slab_init(&m->pending, &m->env, m, sizeof(struct pending), offsetof(struct pending, link));
	slab_init(&m->notices, &m->env, m, sizeof(struct notice), offsetof(struct notice, link));
	slab_init(&m->pools, &m->env, m, sizeof(struct lk_pool), offsetof(struct lk_pool, link));
	slab_init(&m->turns, &m->env, m, sizeof(struct turn), offsetof(struct turn, link));
	slab_init(&m->semaphores, &m->env, m, sizeof(struct semaphore),
		  offsetof(struct semaphore, link));
	hold_memory_init(&m->hold_memory, &m->env);
	latch_init(&m->told_latch);
	CDS_INIT_LIST_HEAD(&m->told);
	alarm_init(m);
}

/* The index, and all that `reserve` asks for: together or not at all. */
static bool
init_index(struct lk_manager *m, const struct settings *s, uint64_t seed, uint64_t floor)
{
	const uint64_t wanted = index_buckets_for(s->reserve);
	const uint64_t buckets = s->index_buckets > wanted ? s->index_buckets : wanted;

	if (!index_init(&m->index, &m->env, m, seed, s->max_idle, buckets, floor))
		return false;
	if (s->reserve == 0 || (index_reserve(&m->index, s->reserve) &&
				hold_memory_reserve(&m->hold_memory, s->reserve)))
		return true;
	hold_memory_fini(&m->hold_memory);
	index_fini(&m->index);
	return false;
}

/* The parts that take memory, in order; undone in reverse. */
static int
init_parts(struct lk_manager *m, const struct settings *s)
{
	/* Above what managers of this process gave out, should the clock not have moved since. */
	uint64_t floor = process_highest(shim_wall_ms() << 20);
	uint64_t seed = env_random(&m->env);

	m->floor = floor;
	if (!init_index(m, s, seed, floor))
		return LK_E_NOMEM;
	/* With a store names are not spread: who has them elsewhere stands in the word. */
	spread_init(&m->spread, &m->env,
		    m->many_cpus && s->store == NULL ? s->spread_after : LK_OFF);
	times_init(&m->times, seed);
	m->index.spread = &m->spread;
	m->index.separator = s->separator != LK_OFF ? (uint32_t)s->separator : 0;
	m->index.is_frozen = s->store != NULL; /* (AB1) */
	m->index.needs_look = m->index.is_frozen || m->index.separator == 0;
	if (lot_init(&m->lot, &m->env, s->lot_buckets, (s->flags & LK_STRICT) != 0,
		     &m->member.gate)) {
		m->lot.spread = &m->spread;
		m->lot.semaphores = &m->semaphores;
		m->lot.is_shared = s->store != NULL;
		if (detector_init(&m->detector, &m->env, &m->lot, s->deadlock_delay_ns != LK_OFF)) {
			if (process_join(&m->member))
				return 0;
			detector_fini(&m->detector);
		}
		lot_fini(&m->lot);
	}
	hold_memory_fini(&m->hold_memory);
	index_fini(&m->index);
	return LK_E_NOMEM;
}

/* What comes after the settings are known; undone in reverse.  The store, if there is one, is its own then. */
static int
build(struct lk_manager *m, const struct settings *s, const struct lk_config *cfg)
{
	if (!tracer_init(&m->tracer, &m->env, s, (s->flags & LK_DEBUG_ORDER) != 0))
		return settings_refuse(cfg, LK_E_NOMEM, "out of memory");
	apply_settings(m, s);
	init_slabs(m);
	service_init(&m->service, &m->env, (s->flags & LK_MANUAL) != 0);
	service_init(&m->errands, &m->env, (s->flags & LK_MANUAL) != 0);
	shim_init(&m->stamps, (uint64_t)STAMP_BLOCK);
	m->member.forked = (uint32_t)LK_E_FORKED;
	m->member.thread_ends = owner_thread_ends;
	m->member.spare_returns = owner_spare_returns;
	if (init_parts(m, s) == 0)
		return 0;
	tracer_fini(&m->tracer);
	return settings_refuse(cfg, LK_E_NOMEM, "out of memory");
}

int
lk_open(const char *url, const struct lk_config *cfg, struct lk_manager **out)
{
	struct lk_store *store = NULL;
	struct settings s;
	struct env env;
	struct lk_manager *m;
	int rc;

	if (out == NULL)
		return LK_E_INVAL;
	rc = settings_read(&s, url, cfg);
	if (rc != 0)
		return rc;
	env_init(&env, s.has_allocator ? &s.allocator : NULL,
		 s.has_environment ? &s.environment : NULL);
	m = env_zalloc(&env, sizeof(*m), LK_LINE);
	if (m == NULL)
		return settings_refuse(cfg, LK_E_NOMEM, "out of memory");
	m->env = env;
	m->opened_ns = env_now(&env);
	m->opened_wall_ms = shim_wall_ms();
	m->opened_boot_ns = shim_boottime();
	if (s.store != NULL)
		rc = abroad_open_store(m, &s, cfg, &store);
	if (rc == 0 && (rc = build(m, &s, cfg)) != 0)
		lk_store_close(store);
	if (rc != 0) {
		env_free(&env, m, sizeof(*m));
		return rc;
	}
	if (store != NULL)
		rc = abroad_open(m, &s, cfg, store);
	if (rc != 0)
		return lk_close(m) == 0 ? rc : LK_E_BUSY; /* nobody else has it */
	*out = m;
	return 0;
}

struct owner_walk {
	void (*visit)(struct lk_owner *w, void *arg);
	void *arg;
};

static bool
visit_open(void *object, void *arg)
{
	struct lk_owner *w = object;
	const struct owner_walk *walk = arg;

	if (shim_load(&w->state, SHIM_ACQUIRE) != OWNER_FREE)
		walk->visit(w, walk->arg);
	return true;
}

void
manager_each_owner(struct lk_manager *m, void (*visit)(struct lk_owner *w, void *arg), void *arg)
{
	struct owner_walk walk = { visit, arg };

	slab_each(&m->owners, visit_open, &walk);
}

static void
find_obstacle(struct lk_owner *w, void *arg)
{
	const uint32_t state = shim_load(&w->state, SHIM_RELAXED);

	if (state == OWNER_OPEN || (state == OWNER_OF_THREAD && holds_n(&w->holds) != 0))
		*(bool *)arg = true;
}

static bool
fini_owner(void *object, void *arg)
{
	(void)arg;
	owner_fini(object);
	return true;
}

int
lk_close(struct lk_manager *m)
{
	bool in_use;
	struct env env;

	if (m == NULL)
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	in_use = shim_load(&m->handles, SHIM_ACQUIRE) != 0 ||
		 shim_load(&m->n_queues, SHIM_ACQUIRE) != 0 ||
		 shim_load(&m->n_pools, SHIM_ACQUIRE) != 0;
	manager_each_owner(m, find_obstacle, &in_use);
	if (in_use)
		return LK_E_BUSY;
	detached_end(m);
	service_stop(&m->service);
	service_stop(&m->errands);
	if (m->remote != NULL)
		remote_close(m->remote);
	process_leave(&m->member);
	(void)process_highest(index_last_fence(&m->index));
	(void)process_highest(shim_load(&m->last_version, SHIM_RELAXED)); /* (U2) */
	slab_each(&m->owners, fini_owner, NULL);
	table_destroy(shim_load(&m->guards, SHIM_ACQUIRE));
	table_destroy(shim_load(&m->values, SHIM_ACQUIRE));
	tokens_destroy(shim_load(&m->tokens, SHIM_ACQUIRE), &m->env);
	hold_memory_fini(&m->hold_memory);
	slab_fini(&m->owners);
	slab_fini(&m->extras);
	slab_fini(&m->tags);
	slab_fini(&m->leases);
	slab_fini(&m->queues);
	slab_fini(&m->pending);
	slab_fini(&m->notices);
	slab_fini(&m->pools);
	slab_fini(&m->turns);
	slab_fini(&m->semaphores);
	detector_fini(&m->detector);
	lot_fini(&m->lot);
	index_fini(&m->index);
	spread_fini(&m->spread);
	tracer_fini(&m->tracer);
	env = m->env;
	env_free(&env, m, sizeof(*m));
	return 0;
}
