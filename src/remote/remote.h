/* SPDX-License-Identifier: MIT */
/*
 * Remote: the same locks in other processes.  A manager with a store has in it, of each name that its threads use, a
 * record; and of each such name a cover here (cover.h), which is what the record says that this process may have.
 *
 *   a request that the word bars    joins its line like any other, and leaves word what it needs (remote_need)
 *   the store says yes              the phantom in the word falls back, and the line is planned (abroad_rises)
 *   others need the name            the phantom stands in our line (abroad_waiter) until it is its turn; then the
 *                                   cover falls, and what waits here stands in the line of the store instead
 *
 * Nothing of it is in the way of a lock whose name is covered: it is one compare-and-swap, as ever.
 */
#ifndef LK_REMOTE_REMOTE_H
#define LK_REMOTE_REMOTE_H

#include <latchkey/store.h>

#include "deadlock/detector.h"
#include "index/index.h"
#include "remote/cover.h"

struct remote;

enum {
	REMOTE_TRY_NS =
		10000000 /* so long another process has to give back what nobody there uses */
};

enum { REMOTE_WHO = 192, REMOTE_SETTINGS = 48, REMOTE_WHY = 192 };

/* What it needs of its manager. */
struct remote_parts {
	struct env *env;
	struct lot *lot;
	struct index *index;
	struct timers *timers;     /* somebody serves them */
	struct detector *detector; /* NULL: nobody looks for rings */
	struct lk_owner *owner;    /* of the phantoms: it holds nothing */
	const a32 *gate;
	a64 *fair_after_ns;
	const a64 *linger_ns; /* so long it is kept; 0: until it is asked for; LK_OFF: not at all */
	const a64
		*max_local_passes; /* who of ours come first when others wait (remote/bound.h), … */
	const a64 *max_cover_ns;   /* … and for how long; LK_OFF: as the line has it */
	uint64_t poll_ns;          /* between looks for what others wait for */
	uint64_t patience_ns;      /* the longest between looks for what we wait for */
	uint64_t max_covers;       /* beyond these, what nobody here has goes back */
	uint64_t ttl_ns;           /* of the session, … */
	uint64_t heartbeat_ns;     /* … and how often it is renewed */
	bool is_manual; /* the timers are served when the program says so, and all that is due then */
	uint64_t settings;           /* a number that must be the same in all processes, … */
	char words[REMOTE_SETTINGS]; /* … and what it stands for */
	struct waiter_face face;     /* of the phantoms */
	struct breaker *breaker;     /* the store is behind it; NULL: it is not */
	struct timers *alarm_timers;
	struct timer *alarm;    /* is set when something is lost, or a session begins, … */
	const a32 *n_listeners; /* … if anybody wants to know */
	char who[REMOTE_WHO];   /* for others to see */
};

/* `store` is open, and is closed with it; if this fails, it stays open, and `why` may say more. */
int remote_open(struct remote **out, const struct remote_parts *parts, struct lk_store *store,
		char why[REMOTE_WHY]);

/* All covers go back, as far as the store answers; nobody calls any more. */
void remote_close(struct remote *m);

/*
 * A request for `want`, by an owner that has it in `held`, that the word of `r`, which cannot be retired, bars.  Asks the store, if others may be in the
 * way, and comes back with its answer.  `units`: that it takes besides, of which its owner has some; or NULL.  0: look at the word, or at the line, again; LK_E_BUSY: it is taken, and the
 * request is not patient; or why the store gave no answer.
 */
int remote_need(struct remote *m, struct lk_resource *r, lk_mode held, lk_mode want,
		const struct units *units, bool is_patient);

/* The same for those who cannot wait for an answer: it is asked for by the service. */
int remote_wish(struct remote *m, struct lk_resource *r, lk_mode want);

/* May the session end by time, without anybody's doing?  Then grants are looked at once they are made. */
bool remote_is_mortal(const struct remote *m);

/*
 * Has its time come?  Then all is lost, now.  To be asked after a grant was made: what was granted before, and is not
 * lost then, was granted in time.  (CO8)
 */
bool remote_is_over(struct remote *m);

/*
 * When nothing will have been heard of the store for so many hundredths of the session's time, and when the session is over;
 * SHIM_NEVER: it does not end by itself, or is over.  When to look again, of one that is in doubt.
 */
uint64_t remote_suspect_at(struct remote *m, uint32_t suspect_pct);
uint64_t remote_suspect_again(struct remote *m, uint32_t suspect_pct, uint64_t now);
uint64_t remote_deadline(struct remote *m);

/* Was nothing heard of it for so long? */
bool remote_is_suspect(struct remote *m, uint32_t suspect_pct);

/* Why `r`, which is held, or a name above it was lost, and when. */
struct remote_loss remote_loss(struct remote *m, const struct lk_resource *r);

/* A composite has gone from the line of `r`: who was not asked for, as it kept that back, is asked for now.  (CO12) */
void remote_passed(struct remote *m, const struct lk_resource *r);

/* It stands in the line here; and stays awake for a moment, if it is for another process that it waits.  (wait/vigil.h) */
void remote_stay_awake(struct remote *m, const struct waiter *q, uint64_t deadline_ns);

/* May another process be in the way of `want`?  False: if anybody is, it is a thread of ours. */
bool remote_may_bar(struct remote *m, const struct lk_resource *r, lk_mode want);

/*
 * What has become of a wish?  0: the store is being asked still; LK_E_BUSY: it has answered; or why it gave no answer.
 */
int remote_word(struct remote *m, const struct lk_resource *r);

/* Who in other processes is in the way of `want`, in words; "" if nobody is, or nobody knows. */
void remote_who(struct remote *m, const struct lk_resource *r, lk_mode want, uint32_t units,
		char *buf, size_t cap);

/*
 * Would another process be in the way of an owner here who has `r` in `held` and wants `want`, by what the record says now?
 * 0; LK_E_BUSY; LK_E_CONVERSION_DEADLOCK: it holds it, and waits for more, for us; or why the store gave no answer.
 */
int remote_bars(struct remote *m, const struct lk_resource *r, lk_mode held, lk_mode want);

/* What this process has of it, by its word; LK_NL: nothing. */
lk_mode remote_cover(struct remote *m, const struct lk_resource *r);

/* Is the store not asked just now, as it failed too often? */
bool remote_is_barred(struct remote *m);

/* What the store gives; and its own words on what went wrong last.  (latchkey/store.h) */
int remote_level(struct remote *m, struct lk_guarantee *out);
size_t remote_error(struct remote *m, char *buf, size_t cap);

/* … and on what goes on inside it, if it has any: else "". */
size_t remote_inside(struct remote *m, char *buf, size_t cap);

/* `linger_ns` is another now. */
void remote_lingers(struct remote *m);

/* What it counts: how many were put into `out`. */
size_t remote_figures(struct remote *m, struct lk_store_figure *out, size_t cap);

/* Give back what nobody here uses, now. */
void remote_trim(struct remote *m);

#endif /* LK_REMOTE_REMOTE_H */
