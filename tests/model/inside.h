/* SPDX-License-Identifier: MIT */
/* What a batch needs of the reference. */
#ifndef MODEL_INSIDE_H
#define MODEL_INSIDE_H

#include "reference.h"

/* The names of a path, root first; the last is the name itself. */
size_t ref_path(const char *name, const char *all[REF_DEPTH]);

/* `name` in `mode` or more, whatever its ancestors: 0, or the code to return. */
int ref_claim(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q);

/*
 * `n` names at once, each from `held` to `want`, with a claim of `need`: all of them or none, and none while it
 * waits.  0: the claims are there.
 */
int ref_wait_for_all(struct ref *m, struct ref_waiter *part, size_t n, struct ref_request *q);

/* What one grant needs on `name`. */
lk_mode ref_need_of(const struct ref *m, const struct ref_grant *g, const char *name);

/* The weakest mode that is at least all that the owner needs on `name`; `but` counts as `as`. */
lk_mode ref_effective_with(const struct ref *m, int owner, const char *name,
			   const struct ref_grant *but, lk_mode as);

/* Is the owner's hold on `name` an implied one? */
bool ref_is_implied(const struct ref *m, int owner, const char *name);

/* One claim, or one grant, less; ref_settle() is the caller's. */
void ref_drop_claim(struct ref *m, int owner, const char *name, lk_mode mode);
void ref_remove_grant(struct ref *m, int owner, lk_grant id);

/* The lists have changed: holds end, fences begin, others come in. */
void ref_settle(struct ref *m, int owner);

/* As long as that one holds `held` and has so many units: can it not be granted? */
bool ref_must_wait(const struct ref *m, const struct ref_waiter *w, lk_mode held, uint32_t has);

/* 0, or what it is refused with that could never be granted. */
int ref_units_check(const struct ref *m, const struct ref_waiter *w);

/* Are there enough? */
bool ref_units_fit(const struct ref *m, const struct ref_waiter *w);

bool ref_conflict(const struct ref *m, lk_mode a, lk_mode b);

/* The owner has something on `name` from now on, if it had not; `cover`: what implies it, or NULL. */
void ref_ensure_hold(struct ref *m, int owner, const char *name, const char *cover);

void ref_add_claim(struct ref *m, int owner, const char *name, lk_mode mode);

/* Would a request of the owner for that mode have to wait? */
bool ref_would_fit(const struct ref *m, int owner, const char *name, lk_mode want);

/* An implied hold becomes one like others, in `want`: its intents first. */
int ref_make_real(struct ref *m, int owner, const char *name, lk_mode want, struct ref_request *q);

/* What the call made real is implied again, if nothing is for it now but what its cover gives. */
void ref_put_back(struct ref *m, int owner, const char *name);

/* Does the owner have this name for something else than grants on it? */
bool ref_is_needed_below(const struct ref *m, int owner, const char *name);

/* ref_acquire() as a part of a call: what it made real stays so, also if it fails. */
int ref_acquire_one(struct ref *m, int owner, const char *name, lk_mode mode, struct ref_request *q,
		    lk_grant *out);

/* The name of the hold that would cover a new grant, or NULL. */
const char *ref_cover_of(const struct ref *m, int owner, const char *name, lk_mode mode);

/* A call begins: what of the owner's is implied, should the call fail. */
void ref_remember(struct ref *m, int owner);

/* The call fails: a claim, or a grant, less, from the leaf up; what it made real for that is implied again. */
void ref_undo_claim(struct ref *m, int owner, const char *name, lk_mode mode);
void ref_undo_grant(struct ref *m, int owner, lk_grant id);

#endif /* MODEL_INSIDE_H */
