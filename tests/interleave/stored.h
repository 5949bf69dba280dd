/* SPDX-License-Identifier: MIT */
/* The store of a script (stored.c), and those who look at what is in it (abroad.c). */
#ifndef LK_INTERLEAVE_STORED_H
#define LK_INTERLEAVE_STORED_H

#include "play.h"
#include "record/record.h"
#include "remote/floor.h"

extern struct lk_store_ops stored_ops;

/* The next store that is opened is this process's. */
extern unsigned stored_opens;

/* The record of a name, by its bytes; decoded, until the next call.  NULL: there is none. */
const struct record *stored_record(const void *name, size_t len);

/* Where the locks are. */
unsigned stored_home(void);

/* What the record of the floor says in one place. */
struct floor stored_floor(unsigned place);

/* The mode in which a session has a name. */
lk_mode stored_mode(const void *name, size_t len, const struct lk_session_id *id);

/* One hint of those that are on their way to that process.  False: there is none. */
bool stored_hear(unsigned process);

bool stored_is_alive(const struct lk_session_id *id);

/* An operator takes from a session what it has of a name. */
void stored_break(const char *name, const struct lk_session_id *id);

/* Nobody can read the record of that name any more.  False: there is none. */
bool stored_damage(const char *name);

/* losses.c: what sessions had of that name, and have. */
void abroad_check_taken(unsigned process, const char *name, size_t len, const struct record *old,
			const struct record *fresh);
/* … nobody could read it, and now it is that. */
void abroad_mended(const char *name, size_t len);
/* abroad.c: the record of that name has changed. */
void abroad_check_record(const void *name, size_t len);
/* … by that process, in a step of the store's. */
void abroad_check_question(unsigned process, const struct stored *of, const struct record *old,
			   const struct record *fresh, bool is_answered);

/* abroad.c: the process of the current fiber; the number of a name, or -1. */
unsigned abroad_here(void);
int abroad_name_number(const void *name, size_t len);
/* … is its session over, was the lock broken, and its manager does not know it yet? */
bool abroad_is_over_unseen(void);
bool abroad_is_broken_unseen(const void *name, size_t len);
/* … what is held in it is what its record says, at least. */
void abroad_check_held(const void *name, size_t len);

/*
 * moved.c: these are about to be replaced, in one step, by a mover of that number, or (0) by another.  (MV1-MV4, MI1-MI5)
 */
void moved_check(unsigned place, unsigned mover, const struct lk_store_record *r, size_t n);
/* They were replaced.  True: nobody says so to the mover. */
bool moved_doomed(void);
/* What goes wrong with the next update of a mover. */
enum fault moved_fault(unsigned mover);

/* losses.c: the session of the current fiber's process is over; what it has of a name is broken. */
int losses_session_dies(void);
int losses_break(unsigned name);

#endif /* LK_INTERLEAVE_STORED_H */
