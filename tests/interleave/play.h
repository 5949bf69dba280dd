/* SPDX-License-Identifier: MIT */
/* Playing a script: owners, grants, what the steps gave, and what the book says is held. */
#ifndef LK_INTERLEAVE_PLAY_H
#define LK_INTERLEAVE_PLAY_H

#include "core/levels.h"
#include "core/manager.h"
#include "lease/timer.h"
#include "script.h"

enum { BOOK_MAX = 48, NOTES_MAX = 16, TOLD_MAX = 32 };

/* A grant, by what the calls returned: kept apart from all that the library knows. */
struct entry_of_book {
	bool held;
	unsigned serial; /* of all entries there ever were */
	unsigned fiber;
	unsigned label;
	unsigned name;
	lk_mode mode;
	uint32_t flags;
	uint64_t ends_at; /* as long as it is promised; NEVER: without end */
	bool is_implied;
	bool is_taken_over; /* it was lost, and its owner has the name again */
};

/* Of a shared owner's thread, from another: a grant is to end.  (shared.c) */
struct note {
	uint64_t id; /* of the owner's opening; 0: there is no note */
	unsigned serial;
	lk_grant grant;
	unsigned fiber;
	unsigned label;
};

/* A grant that ends when its time has come. */
struct ending {
	struct timer timer;
	bool is_set;
	unsigned fiber;
	unsigned label;
};

/* A request that was submitted, by its label.  (async.c) */
struct submitted {
	const struct step *step; /* NULL: there is none */
	unsigned serial;
	uint32_t before; /* `ended` when it began */
	bool is_told;    /* lk_submit() has returned */
	bool is_refused; /* … and said no */
	unsigned completions;
	struct lk_owner *w;
	uint64_t owner_id;
	uint64_t began_at;
	lk_request_id id;
	int code;
	lk_grant grants[BATCH_MAX];
	unsigned converts; /* serial in the book of what is to be converted */
	lk_mode from;
};

/* Requests without a thread, their queue, and notices.  (async.c) */
struct asynchronous {
	struct lk_queue *queue;
	struct submitted request[LABELS_MAX];
	a32 *ended;       /* … of each label: how often; in memory of the script's */
	unsigned reaping; /* fibers that are in lk_queue_dispatch() */
	unsigned told[FIBERS_MAX];
	bool is_open[FIBERS_MAX];           /* its lk_owner_close() has not returned; … */
	unsigned closed_before[FIBERS_MAX]; /* … or had when a dispatch of that fiber's began */
	a32 *bell;                          /* how often it was rung; NULL: it is closed */
	unsigned gives_all[FIBERS_MAX];     /* a call gives back whatever the owner has */
};

struct play {
	struct lk_manager *m;
	struct lk_owner *owner[FIBERS_MAX];
	lk_grant grant[FIBERS_MAX][LABELS_MAX];
	struct lk_resource *handle[LABELS_MAX];
	unsigned handle_name[LABELS_MAX];
	bool refused[FIBERS_MAX]; /* the last request was not granted */
	unsigned results[RESULTS];
	uint64_t *var[VARS_MAX];
	bool is_shut; /* lk_shutdown() gave 0 */
	struct entry_of_book book[BOOK_MAX];
	unsigned serials;
	uint64_t fence[NAMES_MAX];    /* the largest that was given out, … */
	unsigned fence_of[NAMES_MAX]; /* … to whom */
	struct lk_owner *shared[FIBERS_MAX];
	uint64_t shared_id[FIBERS_MAX];
	struct note note[NOTES_MAX];
	struct ending ending[FIBERS_MAX];
	struct asynchronous async;
	uint64_t closed_id[FIBERS_MAX]; /* openings up to that one were closed */
	struct {
		uint64_t id;
		lk_grant grant;
	} told[TOLD_MAX]; /* of losses */
	unsigned n_told;
};

extern struct play play;
extern const struct script *play_script;
extern bool play_has_paths; /* some name of the script lies below another */
/* Results that came of a step, in any schedule: one bit each. */
extern unsigned play_seen[FIBERS_MAX + 1][STEPS_OF_LINE];

void play_setup(const struct script *s);
void play_fiber(unsigned fiber);
void play_end(void);
/* Give all back, close the manager: nothing may be left. */
void play_close(void);
/* A request of that step was granted. */
void play_granted(const struct step *t, unsigned name, lk_mode mode, unsigned label, lk_grant g,
		  uint64_t began_at);
/* What a step says of its request. */
struct lk_options play_options(const struct step *t);
bool play_has_options(const struct step *t);

/* book.c: two grants that the contract does not allow side by side end the schedule. */
struct entry_of_book *book_add(unsigned fiber, unsigned label, unsigned name, lk_mode mode,
			       uint32_t flags);
/* Does it go with all others? */
void book_check(const struct entry_of_book *e);
/* The name of a grant that is in the book. */
struct entry_of_book *book_find(unsigned fiber, unsigned label);
void book_change(struct entry_of_book *e, lk_mode mode);
void book_remove(unsigned fiber, unsigned label);
void book_remove_all(unsigned fiber);
/* What the book allows a grant to be while it is converted. */
lk_mode book_meanwhile(lk_mode from, lk_mode to);
void book_check_fence(unsigned fiber, unsigned name, lk_mode before, lk_mode now, uint64_t fence);
/* Do these not go side by side? */
bool book_conflict(lk_mode a, lk_mode b);
/* The strongest write mode of a fiber on a name, or LK_NL. */
lk_mode book_writes(unsigned fiber, unsigned name);

/* check.c: looks at the library's insides. */
void check_end(void);
/* What counts holds, of a word or of all slots: which rule does it break?  NULL: none. */
const char *check_counts_broken(uint64_t counts);
struct lot_bucket *check_lot_bucket(const struct lk_resource *r);
/* Nobody holds this entry any more: nor then what is below it.  (H6) */
void check_below(const struct lk_resource *r);

/* seats.c: names that are spread.  What their slots count, all together. */
uint64_t seats_sum(const struct lk_resource *r);
/* Do they count what the owners' holds say, `holds` in each?  Called when nobody can go on by himself. */
void seats_check(const struct lk_resource *r, const uint64_t *holds, const char *name);
/* The number of a slot in its array. */
unsigned seats_number(uint32_t offset);

/* graph.c: owners that wait for each other.  A step of the script has ended: somebody goes on. */
void graph_step(void);
/* Nobody can go on by himself: is that for ever? */
void graph_check(void);
/* An owner has moved; a request without a thread begins or ends to wait, or (`expelled`) ends with LK_E_DEADLOCK. */
void graph_moved(const struct lk_owner *w);
void graph_of_request(const struct party *p, bool expelled);

/* shared.c: owners that others change.  Nobody can go on by himself: is nothing left to do? */
void shared_check(const struct lk_owner *w);
void shared_check_timers(void);
int shared_share(const struct step *t);
int shared_seize(const struct step *t);
int shared_ends(const struct step *t);
int shared_serve(const struct step *t);

/* leased.c: grants that end by themselves. */
void leased_granted(const struct step *t, struct entry_of_book *e, uint64_t began_at);
/* Is it over, so that others may have what the book says is held? */
bool leased_is_over(const struct entry_of_book *e);
/* … and is not kept from them any more?  (LE9) */
bool leased_is_free(const struct entry_of_book *e);
/* … at the beginning of a call about it: the call will have to say so. */
bool leased_was_over(const struct entry_of_book *e);
/* … which gave that. */
void leased_said(const struct step *t, const struct entry_of_book *e, bool was_over, int rc);
int leased_check_grant(const struct step *t);
int leased_renew(const struct step *t);
void leased_notice(void *arg, const struct lk_notice *n);
void leased_check(struct lk_owner *w);
/* When all owners are closed. */
void leased_check_closed(void);

/* async.c: requests that no thread waits for.  False: it is no such step. */
bool async_step(const struct step *t, int *rc);
int async_open(void);
void async_opened(const struct step *t, struct lk_owner_options *o);
void async_close(void);
/* Nobody can go on by himself: is nothing left to do? */
void async_check(void);
bool async_timers_only(const struct timer *t);
void async_check_owner(struct lk_owner *w);
/* What an owner's requests have beside its holds: pins, and what they were granted and is not written down. */
void async_each_level(struct lk_owner *w, void (*each)(struct lk_owner *w, const struct level *v,
						       bool was_granted, bool was_seated));

/* stand_ins.c */
void stand_in_thread_ends(void);

#endif /* LK_INTERLEAVE_PLAY_H */
