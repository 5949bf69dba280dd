/* SPDX-License-Identifier: MIT */
/*
 * Owner: who holds.  Used by one thread at a time, without a latch.
 *
 * O1  owners are type-stable until their manager closes: a wake, a cancel or a snapshot that comes
 *     late meets an owner, if another one.
 * O2  `inside` is 1 while a call that takes the owner runs.  A call sets it before it reads the gate;
 *     lk_shutdown() shuts the gate, has all threads pass a barrier (shim_barrier_all), and then reads
 *     `inside`: so each call either sees the gate shut or is seen inside.  That is one plain store on
 *     the path of a lock, and no fence.
 * O3  lk_shutdown() changes what an owner holds only under the owner's latch, and only if `inside` is
 *     0; a call that finds the gate shut takes and leaves that latch after it has set `inside`.
 * O4  counters are written by the owner's thread alone and survive its close, so that their sum over
 *     all owners, open or not, is the manager's.
 * O5  grants are counted as stamps that were drawn without those for holds that have no grant (`intents`).  Those
 *     are counted first, and read last: so others never see more grants than there were.
 * O6  opening an owner notes in `at_open` what the plain ways count: grants, intents, names made and dropped.  All other
 *     counters are what `at_open` has of them, unless `counted` is 1, and then it notes them all.  So who counts on one of
 *     them sets that afterwards (owner_tally), or before it is handed to those who do (owner_counts).
 */
#ifndef LK_OWNER_OWNER_H
#define LK_OWNER_OWNER_H

#include "index/index.h"
#include "owner/hold.h"
#include "wait/wait.h"

/* In an owner's id, its number is below it; what is above counts openings. */
#define OWNER_OPENING (UINT64_C(1) << 24)

struct owner_counters {
#define OWNER_COUNTER(name, text) a64 name;
	LK_COUNTER_LIST(OWNER_COUNTER)
#undef OWNER_COUNTER
};

enum { EXTRAS_KEPT = 4, STAMP_BLOCK = 4096, HEAT_CELLS = 8, HEAT_RARE = 64 };

/* Attempts lost on one word: once in HEAT_RARE grants, or it is forgotten. */
struct heat {
	const struct lk_resource *r; /* perhaps another name's by now; for comparing only */
	uint64_t since;              /* grants drawn at the first */
	uint64_t lost;
};

/* Its slot of the entry that is spread and was used last, for who uses it again and again.  (C8) */
struct near {
	const struct lk_resource *r; /* NULL: none was */
	a64 *seat;
};

/* A wait outside, for another owner: under the latch of the detector (deadlock/detector.h). */
struct outside {
	struct cds_list_head node; /* in the detector's list, if `is_listed` */
	uint64_t id;               /* of the owner that waits, … */
	uint64_t on_id;            /* … and of the one it waits for; of others: it is long over */
	struct party *on;          /* NULL: it does not wait */
	uint64_t sequence;         /* changes with every wait */
	bool is_listed;
};

/* Stamps that were drawn for what was undone in the same call, and told to nobody. */
struct undone {
	a64 ever;
	uint64_t opening; /* the owner's id when … */
	uint64_t since;   /* … so many of them were drawn */
};

/* OWNER_KEEPING: it is closed, but what it lost is kept from others for a while (core/leases.h). */
/* OWNER_POOLED: taken from a pool, and to be given back there (core/pool.h). */
enum owner_state { OWNER_FREE, OWNER_KEEPING, OWNER_OPEN, OWNER_OF_THREAD, OWNER_POOLED };

/* In an owner's flags: each grant has a lease. */
#define OWNER_LEASES (UINT32_C(1) << 31)

/* … it has a threshold of its own (core/escalate.h). */
#define OWNER_ESCALATES (UINT32_C(1) << 30)

struct telling;

/* A spell: grants in a row of what was had against others.  (core/spell.h) */
struct spell {
	const struct lk_resource *of; /* perhaps another name's by now; NULL: there is none */
	uint64_t end;                 /* grants drawn when it is over */
	uint64_t fence;               /* of `of` when it began */
	uint64_t since_ns;            /* when that was; 0: it is not timed */
	uint32_t length;              /* in grants; 0: there was none so far */
	uint32_t n_begun;
	uint32_t n_vain; /* that nobody ended */
};

struct lk_owner {
	/* The line of a lock's path. */
	const a32 *gate; /* the manager's, or one that says "closed" */
	struct lk_manager *manager;
	a32 inside;    /* (O2) */
	uint32_t seat; /* where its slot is in the arrays of what is spread */
	a64 drawn;     /* stamps drawn, ever: its grants */
	a64 drawn_end; /* where the block of stamps, or a spell, ends, or a grant is timed (V8) */
	uint64_t stamp_base; /* stamp = stamp_base + drawn */
	struct holds holds;
	struct near near;

	/* Waiting. */
	struct party party LK_ALIGNED; /* written by others */
	struct spinner spinner LK_ALIGNED;
	struct spell spell;
	uint64_t deadline_ns; /* of the owner; SHIM_NEVER: none */
	uint32_t made_real;   /* mark of the call under way (H10); 0: it made nothing real */
	uint32_t last_mark;
	uint32_t flags; /* LK_TIMED, OWNER_LEASES: of every grant (HOLDS_NOTED); OWNER_ESCALATES */
	a32 counted;    /* 1: see O6 */
	bool is_quiet;  /* whoever releases for it must call nobody (N1) */
	bool may_escalate; /* there may be too many locks below one of its holds (ES2) */
	struct heat heat[HEAT_CELLS];

	/* What it keeps for itself. */
	struct index_cache cache;
	struct extra *extras[EXTRAS_KEPT];
	uint32_t n_extras;
	struct owner_counters count;
	struct undone undone;
	uint64_t opened_ns; /* 0: nobody asked for it */

	/* Laid out so that to open an owner writes few lines (tests/lines). */
	struct outside outside LK_ALIGNED;
	uint64_t escalate_after;                  /* if it OWNER_ESCALATES */
	struct owner_counters at_open LK_ALIGNED; /* for lk_owner_stats() */

	/* For others to see. */
	struct latch latch; /* (O3) */
	a32 state;          /* enum owner_state */
	a64 id;             /* of this opening; unique in the manager: openings << 24 | number */
	aptr link;          /* in the slab's free list */
	a64 label[(LK_LABEL_MAX + 1) / 8];

	/* Of a shared owner.  (core/call.h) */
	a32 turnstile;      /* its gate */
	bool is_latched;    /* the call under way has the latch */
	bool is_away;       /* … but not now, and nobody changes what it holds; under the latch */
	bool is_due;        /* something is left to its thread; under the latch */
	bool has_withdrawn; /* a request, which is begun anew when the call ends (core/pending.h) */
	struct waiter *waits_as;         /* as what it is away, if it waits: under the latch */
	struct composite *waits_for_all; /* … */
	struct watch *watches;           /* … as its condition was not true */

	bool wrote_nothing; /* what it gives back now it took only to try (CW4) */

	/* Its leases, under the latch.  (core/leases.h) */
	struct lease *leases; /* that it has */
	struct lease *losses; /* that it lost and was not told of by a release yet, as a tree */
	struct lease *keeps;  /* … and whose names are kept from others */

	/* With requests that have no thread.  (core/pending.h) */
	struct cds_list_head pending; /* under the latch */
	uint32_t n_pending;           /* … how many of them wait */
	uint64_t pending_names;       /* a bit for each name that one needs, or another one */
	a64 moves;                    /* odd while somebody may change what it holds (Y3) */
	a32 away;                     /* is_away, for who rings */
	a32 news;                     /* a request of its has ended */

	/* What it is told without asking.  (core/notify.h) */
	struct lk_queue *queue;
	lk_notice_fn *on_notice;
	void *notice_arg;
	a32 tellings_ended; /* whoever waits for that, sleeps on it */
	/* Under the manager's `told_latch`: */
	struct telling *tellings;     /* that are under way */
	struct cds_list_head told;    /* of those who want to know whom they block … */
	struct cds_list_head notices; /* … and what they were told */
	bool wants_notices;

	/* In a manager with a store, under that latch and its own.  (core/alarm.h) */
	bool listens;
	uint32_t heard_in;              /* of the manager's rounds, the last that came to it */
	struct cds_list_head listening; /* of those who listen */
	uint64_t doubt_ns;              /* the deadline that it was told comes nearer; 0: none */

	bool has_left; /* grants that were given back by their tokens: under the latch (core/token.h) */

	/* Of a pool, under its latch.  (core/pool.h) */
	aptr pool;               /* that it was taken from, or NULL */
	struct lk_owner *pooled; /* the next that is idle */
	/* In a family.  (core/family.h) */
	aptr head;                 /* who has the holds of all of it; NULL: it is in none */
	struct lk_owner *parent;   /* NULL: it is the head itself */
	struct lk_owner *acts_for; /* of a head, under its latch: whose call has that; NULL: none */
	struct cds_list_head
		grants;      /* of a child, under the head's latch: the extras of its grants */
	uint32_t n_children; /* … that are open */

	/* Once in hundreds of grants. */
	uint64_t block_end; /* where the block of stamps ends */
	uint64_t sample_at; /* grants before the one to be timed; SHIM_NEVER: none is */
} LK_ALIGNED;

/* Once for new memory (all zeros), and before it goes. */
void owner_init(struct lk_owner *w, struct lk_manager *m, struct hold_memory *memory,
		const a32 *gate, uint64_t number);
void owner_fini(struct lk_owner *w);

/* It holds nothing any more: from here on its pointer is stale. */
void owner_end(struct lk_owner *w);

/* … to the caller, but its memory stays until owner_end(). */
void owner_linger(struct lk_owner *w);

/* Extras, from the owner's own few or the slab; NULL: no memory. */
struct extra *owner_extra(struct lk_owner *w, struct slab *extras);
void owner_extra_done(struct lk_owner *w, struct slab *extras, struct slab *tags, struct extra *e);

void owner_label(const struct lk_owner *w, char buf[LK_LABEL_MAX + 1]);
void owner_set_label(struct lk_owner *w, const char *label); /* NULL: none */

/* Note all counters; are those that opening would leave out what was noted of them?  (O6) */
void owner_note_counters(struct lk_owner *w);
bool owner_has_noted(const struct lk_owner *w);

LK_HOT bool
owner_has_label(const struct lk_owner *w)
{
	return shim_load(&w->label[0], SHIM_RELAXED) != 0; /* its first byte is not 0 */
}

/* Something was counted, or is about to be, that is not noted at each opening.  (O6) */
LK_HOT void
owner_counts(struct lk_owner *w)
{
	shim_store(&w->counted, 1u, SHIM_RELEASE);
}

/* Count on a counter of which that is so. */
LK_HOT void
owner_tally(struct lk_owner *w, a64 *counter)
{
	tally(counter);
	owner_counts(w);
}

/* What it has counted so far is of those who were opened in this memory before.  (O4) */
LK_HOT void
owner_count_from_here(struct lk_owner *w)
{
	const uint64_t intents = shim_own(&w->count.intents);

	if (unlikely(shim_load(&w->counted, SHIM_RELAXED) != 0))
		owner_note_counters(w);
	lk_assert(owner_has_noted(w));
	shim_store(&w->at_open.grants, shim_own(&w->drawn) - intents, SHIM_RELAXED);
	shim_store(&w->at_open.intents, intents, SHIM_RELAXED);
	shim_store(&w->at_open.created, cache_created(&w->cache), SHIM_RELAXED);
	shim_store(&w->at_open.evicted, cache_evicted(&w->cache), SHIM_RELAXED);
}

/* Open memory as an owner; NULL options are none, and cost nothing where the compiler knows it. */
LK_HOT void
owner_begin(struct lk_owner *w, const a32 *gate, enum owner_state state,
	    const struct lk_owner_options *o, uint32_t flags)
{
	const int32_t priority = o != NULL ? o->priority : 0;
	const char *label = o != NULL ? o->label : NULL;

	w->gate = gate;
	w->flags = flags;
	shim_store(&w->holds.few, FEW_ALL | (flags != 0 ? HOLDS_NOTED : 0), SHIM_RELAXED);
	w->deadline_ns = o != NULL && o->deadline_ns != 0 ? o->deadline_ns : SHIM_NEVER;
	if (unlikely(party_priority(&w->party) != priority)) /* a line that others write */
		shim_store(&w->party.priority, (uint32_t)priority, SHIM_RELAXED);
	w->spinner.budget = 0;
	park_clear_cancel(&w->party.parker);
	if (unlikely(label != NULL) || unlikely(owner_has_label(w)))
		owner_set_label(w, label);
	shim_store(&w->id, shim_own(&w->id) + OWNER_OPENING, SHIM_RELAXED);
	owner_count_from_here(w);
	shim_store(&w->state, (uint32_t)state, SHIM_RELEASE);
}

LK_HOT uint32_t
owner_few(const struct lk_owner *w)
{
	return shim_load(&w->holds.few, SHIM_RELAXED);
}

/* Nothing out of the ordinary about the next grant: a slot within reach, a stamp, no notes, no clock. */
LK_HOT bool
owner_is_plain(const struct lk_owner *w, uint32_t few)
{
	return few - 1 < FEW_ALL &&
	       shim_load(&w->drawn, SHIM_RELAXED) != shim_load(&w->drawn_end, SHIM_RELAXED);
}

/* The same of one that was entered, so that nobody else changes it, and holds nothing. */
LK_HOT bool
owner_is_free(const struct lk_owner *w)
{
	return likely(shim_own(&w->holds.few) == FEW_ALL) &&
	       likely(shim_own(&w->drawn) != shim_own(&w->drawn_end));
}

/* … but for the slot: its holds may be in the table, and room for the next is to be reserved. */
LK_HOT bool
owner_is_plain_of_many(const struct lk_owner *w, uint32_t few)
{
	return (few & HOLDS_NOTED) == 0 &&
	       shim_load(&w->drawn, SHIM_RELAXED) != shim_load(&w->drawn_end, SHIM_RELAXED);
}

/* … and about so many of them: none will be timed, and the stamps suffice. */
LK_HOT bool
owner_has_stamps(const struct lk_owner *w, uint64_t n)
{
	return shim_load(&w->drawn_end, SHIM_RELAXED) - shim_load(&w->drawn, SHIM_RELAXED) >= n;
}

/* Is a call under way, as far as others can tell? */
LK_HOT bool
owner_inside(const struct lk_owner *w)
{
	return shim_load(&w->inside, SHIM_ACQUIRE) != 0;
}

/* (O2) */
LK_HOT int
owner_enter(struct lk_owner *w)
{
	shim_store(&w->inside, 1u, SHIM_RELAXED);
	shim_keep_order(); /* the processor's part is done by shim_barrier_all() */
	return (int)shim_load(w->gate, SHIM_ACQUIRE);
}

LK_HOT void
owner_leave(struct lk_owner *w)
{
	shim_store(&w->inside, 0u, SHIM_RELEASE);
}

#endif /* LK_OWNER_OWNER_H */
