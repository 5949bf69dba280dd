/* SPDX-License-Identifier: MIT */
/* Playing a script: owners, grants, what the steps gave, and what the book says is held. */
#ifndef LK_INTERLEAVE_PLAY_H
#define LK_INTERLEAVE_PLAY_H

#include "core/levels.h"
#include <latchkey/store.h>

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
	unsigned also;    /* one more than the fiber that it is on its way to; 0: none */
	uint32_t units;   /* of a semaphore … */
	uint32_t permits;
	bool is_implied;
	bool is_taken_over; /* it was lost, and its owner has the name again */
	bool is_forfeit;    /* its process's session was over, or the lock was broken */
	unsigned session;   /* one more than the number of that; 0: none */
	bool is_told_lost;  /* a check said so */
	bool is_doubtful;   /* it may be said to be lost */
	bool is_detached;   /* it belongs to a token, and to no owner */
	bool is_visitors;   /* … to one of another manager */
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

/* What can be seen of a breaker, when its latch is taken.  (barred.c) */
struct barring_sight {
	bool is_open;
	uint64_t failures, due_ns;
	unsigned n_open; /* names */
};

enum phase { PHASE_NONE, PHASE_ENTERS, PHASE_INSIDE, PHASE_LEAVES };

/* A breaker, and who is in the store behind it.  The last place is the setup's. */
struct barring {
	struct breaker *b;    /* NULL: there is none */
	struct latch *inside; /* its word is a step between the question and the answer */
	struct barring_sight before;
	unsigned holder;                  /* of its latch: a fiber, and 1; 0: nobody */
	unsigned openings;                /* so often the circuit of the store has opened */
	unsigned came_in[FIBERS_MAX + 1]; /* after which of them; 0: while it was closed */
	enum phase phase[FIBERS_MAX + 1];
	bool is_good[FIBERS_MAX + 1]; /* what the store answers */
};

/* A pool, and who has taken an owner.  (pooled.c) */
struct pooling {
	struct lk_pool *pool; /* NULL: there is none */
	struct lk_owner
		*own[FIBERS_MAX]; /* the fiber's, while it works with one of the pool; or NULL */
	struct lk_owner *out;     /* for `give_again` */
};

enum { STORED_MAX = 14, STORED_BYTES = 1536, SESSIONS_MAX = 12, WORKERS_MAX = 12, HINTS_MAX = 4 };

/* What the store does wrong. */
enum fault {
	FAULT_NONE,
	FAULT_UNANSWERED, /* it is written, and nobody says so */
	FAULT_UNMADE,     /* it is not written, and nobody says so */
	FAULT_REFUSED     /* it is not written */
};

/* Stores: that of all processes, and one to which its locks move. */
enum { PLACE_OLD, PLACE_NEW, PLACES };

/* A record, and what is in it. */
struct stored {
	unsigned place;
	size_t len; /* of its name; 0: there is none */
	char name[WORD_MAX];
	size_t n;
	_Alignas(8) unsigned char bytes[STORED_BYTES];
};

/* Managers that share a store.  (abroad.c) */
struct abroad {
	struct lk_manager *manager[PROCESSES_MAX];
	struct stored record[STORED_MAX];
	struct {
		struct lk_session_id id;
		unsigned place;
		unsigned mover; /* the number of the one that began it; 0: none did */
		bool is_alive;
		uint64_t ttl_ns;
		uint64_t ends_at;
	} session[SESSIONS_MAX];
	unsigned n_sessions;
	enum fault fault[PROCESSES_MAX + 1];  /* … of guests: none */
	unsigned n_faults[PROCESSES_MAX + 1]; /* so often */
	struct {
		lk_store_hint_fn *fn;
		void *arg;
	} watch[PROCESSES_MAX];
	enum {
		MARK_NONE,
		MARK_MAY, /* sessions are over that could write, or can once they are served: who did is not known */
		MARK_MUST       /* a writer's thread has ended */
	} mark[NAMES_MAX];      /* what the next who gets the name is to be told */
	bool spoilt[NAMES_MAX]; /* nobody can read its record */
	struct {
		a32 *word; /* counts them; NULL: nobody hears */
		unsigned n;
		size_t len[HINTS_MAX];
		char name[HINTS_MAX][WORD_MAX + 1];
	} heard[PROCESSES_MAX]; /* hints on their way */
	unsigned travels;
	unsigned n_away; /* who sleeps until an answer of the store's comes */
	unsigned losses[PROCESSES_MAX];
	bool broken[PROCESSES_MAX][NAMES_MAX]; /* and its manager does not know it yet */
	/* whose answer never came: what it asked, to be asked again (CO3) */
	struct {
		const struct stored *of; /* NULL: nothing */
		uint64_t request;
		unsigned place;
		lk_mode want;
		lk_mode has;
	} unsure[PROCESSES_MAX];
	struct {
		const struct cover *of;
		unsigned fiber;
	} worker[WORKERS_MAX]; /* (CO1) */
	a32 *word;             /* each step of the store's is one on this */
	unsigned guest
		[FIBERS_MAX]; /* one more than the process that it is in for a moment; 0: its own */
};

enum { VALUES_MAX = 16 };

/* May what was written be gone?  Is it?  (valued.c) */
enum trust { TRUST_ALL, TRUST_SOME, TRUST_NONE };

/* The value of a name. */
struct valued {
	unsigned begun;               /* writes: each is the number of its value */
	unsigned done;                /* the last that ended well */
	bool is_void[VALUES_MAX];     /* written by who had lost the name */
	bool is_dead[VALUES_MAX];     /* … and others have had it since */
	uint64_t version[VALUES_MAX]; /* 0: nobody knows */
	enum trust trust;
	bool had_losses; /* sessions that wanted it were over */
};

/* What is done to the store.  (upkept.c) */
struct upkept {
	bool breaks[FIBERS_MAX]; /* it is in lk_break() */
	uint64_t broken_fence[NAMES_MAX];
	bool had_break[NAMES_MAX];
	bool had_token[NAMES_MAX]; /* whose time may have come, as it wrote */
};

/* Locks that move.  (moved.c) */
struct moving {
	unsigned mover[FIBERS_MAX]; /* the number of the one that it is; 0: none */
	unsigned n_movers;
	unsigned n_killed; /* they, and all before them, do nothing any more */
	unsigned n_cut; /* as long as nothing is answered that they, and all before them, ask, … */
	uint64_t cut_until;
	bool is_last_made; /* … what they ask first is done all the same */
	bool is_doomed; /* the next is killed once the locks are gone, before it hears of it; or is cut off … */
	uint64_t doomed_ns; /* … for so long */
};

struct play {
	struct lk_manager *m; /* the fiber's that runs, or the one that is looked at */
	struct abroad abroad;
	struct lk_owner *owner[FIBERS_MAX];
	lk_grant grant[FIBERS_MAX][LABELS_MAX];
	struct lk_resource *handle[LABELS_MAX];
	unsigned handle_name[LABELS_MAX];
	bool refused[FIBERS_MAX]; /* the last request was not granted */
	unsigned results[RESULTS];
	uint64_t *var[VARS_MAX];
	bool is_shut[PROCESSES_MAX]; /* lk_shutdown() gave 0 */
	bool hands[FIBERS_MAX];      /* it is in lk_transfer() */
	struct entry_of_book book[BOOK_MAX];
	unsigned serials;
	uint64_t fence[NAMES_MAX];                     /* the largest that was given out, … */
	unsigned fence_of[NAMES_MAX];                  /* … to whom */
	uint64_t fence_before[FIBERS_MAX][LABELS_MAX]; /* … when that was granted … */
	bool fence_is_older[FIBERS_MAX][LABELS_MAX];   /* … to who wrote already */
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
	struct pooling pooled;
	struct barring barred;
	struct valued valued[NAMES_MAX];
	struct upkept upkept;
	struct moving moving;
	char token[FIBERS_MAX][LABELS_MAX][LK_TOKEN_MAX]; /* of grants */
	unsigned family[FIBERS_MAX]; /* one more than the fiber of its head; 0: it was in none */
	unsigned parent[FIBERS_MAX];
};

extern struct play play;
extern const struct script *play_script;
extern bool play_has_paths; /* some name of the script lies below another */
/* Results that came of a step, in any schedule: one bit each. */
extern unsigned play_seen[FIBERS_MAX + 1][STEPS_OF_LINE];

/* That of the world. */
extern const struct lk_allocator play_memory;

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
/* Has an owner of that process's manager it? */
bool book_is_of(const struct entry_of_book *e, unsigned process);
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
/* The object of a slab that this word is part of, or NULL. */
void *check_object(const struct slab *s, uintptr_t at);
/* Is it (the word of) an entry of the manager that is looked at? */
bool check_is_entry(uintptr_t at);
/* Nobody holds this entry any more: nor then what is below it.  (H6) */
void check_below(const struct lk_resource *r);

/* seats.c: names that are spread.  What their slots count, all together. */
uint64_t seats_sum(const struct lk_resource *r);
/* Do they count what the owners' holds say, `holds` in each?  Called when nobody can go on by himself. */
void seats_check(const struct lk_resource *r, const uint64_t *holds, const char *name);
/* The number of a slot in its array. */
unsigned seats_number(uint32_t offset);

/* units.c: counting semaphores.  Are no more taken than there are, by the book; and by the library, of one entry? */
void units_check_book(const struct entry_of_book *e);
void units_check(const struct lk_resource *r);
/* … and are the units of this process its own, by the record?  (SU9) */
void units_check_reserve(const struct lk_resource *r);
/* Are there enough for who waits, as far as units go? */
bool units_are_there(const struct waiter *q);
/* Can it never be granted before that owner gives its units back? */
bool units_in_the_way(struct lk_owner *w, const struct waiter *q);

/* graph.c: owners that wait for each other.  A step of the script has ended: somebody goes on. */
void graph_step(void);
/* Nobody can go on by himself: is that for ever? */
void graph_check(void);
/* An owner has moved; a request without a thread begins or ends to wait, or (`expelled`) ends with LK_E_DEADLOCK. */
void graph_moved(const struct lk_owner *w);
void graph_of_request(const struct party *p, bool expelled);

/*
 * wide.c: rings through several processes.  Of each owner those that it waits for in its own; it begins or ends to wait, or is moved: was
 * it in a ring until now?
 */
void wide_begin(void);
void wide_take(const unsigned edges[FIBERS_MAX]);
bool wide_turns(unsigned fiber);

/* shared.c: owners that others change.  Nobody can go on by himself: is nothing left to do? */
void shared_check(const struct lk_owner *w);
void shared_check_timers(void);
int shared_share(const struct step *t);
int shared_seize(const struct step *t);
int shared_ends(const struct step *t);
int shared_serve(const struct step *t);

/* escalated.c: one lock in place of many. */
int escalated_after(const struct step *t);
int escalated_back(const struct step *t);

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

/* barred.c: calls through a breaker.  False: it is no such step. */
bool barred_step(const struct step *t, int *rc);
void barred_close(void);
void barred_written(uintptr_t at, uint64_t is);

/* pooled.c: owners of a pool.  False: it is no such step. */
bool pooled_step(const struct step *t, int *rc);
int pooled_open(uint32_t max);
void pooled_close(void);
void pooled_written(uintptr_t at, uint64_t is);
/* Nobody can go on by himself: does nobody wait for what can be had? */
void pooled_check(void);

/* tokens.c: grants by their tokens.  False: it is no such step. */
bool tokens_step(const struct step *t, int *rc);
void tokens_check(const struct lk_owner *w);
/* handed.c: grants that change hands, or names.  False: it is no such step. */
bool handed_step(const struct step *t, int *rc);
/* Of one fiber, or one of them is on its way to the other. */
bool handed_together(const struct entry_of_book *a, const struct entry_of_book *b);
/* family.c: owners that are one.  False: it is no such step. */
bool family_step(const struct step *t, int *rc);
/* Have these two fibers owners that are one by the book? */
bool family_is_one(unsigned a, unsigned b);
/* Who has what this owner holds. */
struct lk_owner *family_holder(struct lk_owner *w);
/* All members, in an order in which they can be. */
void family_close_all(void);
/* Nobody can go on by himself: of an owner, and of a request with a thread of its own. */
void family_check(struct lk_owner *w);
struct pending;
void family_check_request(const struct pending *s);

/* abroad.c: processes.  False: it is no such step. */
bool abroad_step(const struct step *t, int *rc);
void abroad_open_all(const struct lk_config *config);
void abroad_close_all(void);
/* What comes next is about that manager; how many there are. */
unsigned abroad_managers(void);
void abroad_look_at(unsigned process);
unsigned abroad_number(const struct lk_manager *m);
/* What a fiber was granted: is it the truth? */
void abroad_granted(struct entry_of_book *e, uint64_t began_at);
/* Is its session over, known or not? */
bool abroad_is_over(const struct entry_of_book *e);
/* Of what was lost: does somebody stand in the line for it, and nobody else, so that a release has to say so?  (AB4) */
bool abroad_stands_for(const struct entry_of_book *e);
/* A thread ends, with all that it holds. */
void abroad_thread_ends(unsigned fiber);
/* Does its manager know that it was lost, so that the call has to say so?  (AB4) */
bool abroad_is_known_lost(const struct entry_of_book *e);
/* valued.c, apart.c, upkept.c: values, grants of tokens, and upkeep in a store.  False: it is no such step. */
/* fenced.c: what was granted has its fence, if it is not to be fetched; a step that asks for one. */
void fenced_granted(const struct entry_of_book *e, lk_mode before, lk_grant g);
bool fenced_step(const struct step *t, int *rc);

bool valued_step(const struct step *t, int *rc);
void valued_ends(unsigned name, bool was_writing);
bool apart_step(const struct step *t, int *rc);
void apart_renewed(struct entry_of_book *e, uint64_t began_at, uint64_t lease_ns);
void apart_released(const char *token);
void apart_check(void);
bool upkept_step(const struct step *t, int *rc);
bool moved_step(const struct step *t, int *rc);
void upkept_mended(unsigned name);
/* What stands in words for others, and whom it pins. */
void abroad_each_phantom(void (*each)(struct lk_resource *r, uint64_t counts));
/* Is there a cover, lost or not? */
bool abroad_has_cover(const struct lk_resource *r);
/* How many units the record gives the process that is looked at; false: it does not know that it has lost them. */
bool abroad_has_units(const struct lk_resource *r, uint32_t *units);
/* When nobody can go on by himself; and of one entry. */
void abroad_check(void);
void abroad_check_entry(const struct lk_resource *r);
/* Of all schedules: did covers go all ways that the script says they must? */
bool abroad_drove_all(void);
/* Those that they went; or (`all`) that there are. */
void abroad_tell_ways(bool all);
/* book.c: all that a fiber has of a name, below it as well. */
/* What a grant says on a name: its own, or one above it. */
lk_mode book_seen(const struct entry_of_book *e, unsigned name);
lk_mode book_held(unsigned fiber, unsigned name);
/* … and is one in `b` no more than one in `a`? */
bool book_covers(lk_mode a, lk_mode b);

/* stand_ins.c */
void stand_in_thread_ends(void);

#endif /* LK_INTERLEAVE_PLAY_H */
