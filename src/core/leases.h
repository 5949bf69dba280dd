/* SPDX-License-Identifier: MIT */
/*
 * The leases of an owner: made with grants, renewed, ended by the service or by whoever finds out that they are
 * over.
 *
 *   leases_prepare() -> leases_begin() --> in w->leases --> leases_end()                    released
 *                                              |
 *                                           lease_lose() --> in w->losses, w->keeps --> free  lost
 *
 * LE4  a lease has an owner from leases_begin() until it is free; that, and all else but the timer, changes under
 *      the latch of that owner.  Whoever comes from the timer compares under the latch: a lease that
 *      is free, or another owner's, is no longer his (S1).
 * LE5  an owner with a lease is shared.  (Z1)
 * LE6  a lease in w->leases is HELD or SUSPECT, and its grant is held; there, the timer is set for what is next, or
 *      earlier, or is being fired.  To move an end away does not touch it: it finds out when it fires.
 * LE7  a LOST lease is the memory of the loss: in w->losses until a release has told it, in w->keeps as long as
 *      the name is kept from others.  When it is in neither, and nothing is to be told any more, it is free.
 * LE8  what is lost is given back from the leaf up, as in a release; implied grants before the one that covers
 *      them.
 * LE9  a name that is kept from others is held by its owner, by a count of what is below it (H6): the grant is gone,
 *      the count stays until the timer, or a grant of the same owner that covers it, takes it away.  An
 *      owner that is closed meanwhile lingers (OWNER_KEEPING) until then.
 */
#ifndef LK_CORE_LEASES_H
#define LK_CORE_LEASES_H

#include "core/grant.h"
#include "lease/lease.h"

enum lease_flag {
	LEASE_RENEWS = 1,  /* by itself */
	LEASE_KNOWN = 2,   /* in w->losses */
	LEASE_KEEPS = 4,   /* in w->keeps */
	LEASE_PARENTS = 8, /* what is kept was a grant with LK_PARENTS */
	TELL_EVENT = 16,   /* the hook and the log, of the loss */
	TELL_SUSPECT = 32, /* the holder */
	TELL_LOST = 64,    /* … */
	TELL_ANY = TELL_EVENT | TELL_SUSPECT | TELL_LOST
};

/* What is remembered of a loss. */
struct loss {
	struct lk_resource *r; /* pinned */
	uint64_t fence;
	uint64_t ended_at;      /* on the clock of leases */
	uint64_t kept_until;    /* … if it KEEPS */
	uint64_t sequence;      /* of the event */
	struct lease *child[2]; /* in w->losses */
};

struct lease {
	struct timer timer;
	aptr owner; /* NULL: it is free (LE4) */
	union {
		aptr link;          /* of the slab */
		struct lease *next; /* in w->leases, or in w->keeps */
	};
	struct lease *prev;
	lk_grant grant;
	uint8_t state;           /* enum lk_lease_state */
	uint8_t flags;           /* enum lease_flag */
	uint8_t why;             /* enum lk_loss */
	uint8_t mode;            /* of what was lost */
	uint32_t slot;           /* of the hold that is kept */
	struct lk_owner *member; /* LOST: of the family, whose grant it was */
	union {
		struct term term;
		struct loss loss; /* LOST */
	};
};

/* A request that may have a lease: make it.  0, LK_E_INVAL, LK_E_NOMEM. */
int leases_prepare(struct lk_owner *w, struct request *q);
void leases_drop(struct lk_owner *w, struct request *q);

/* It was granted as `g`. */
void leases_begin(struct lk_owner *w, struct request *q, lk_grant g);

/* The grant that `e` is of is being released. */
void leases_end(struct lk_owner *w, struct extra *e);

/* … goes to `to`, which is shared, as the grant `g` with the extra `e`.  With the latches of both. */
void leases_pass(struct lk_owner *w, struct extra *from, struct lk_owner *to, struct extra *e,
		 lk_grant g);

/* LK_E_LOST if `g` is a grant that was lost, or whose lease is over now; LK_E_STALE: it is another member's; else 0. */
int leases_look_slow(struct lk_owner *w, lk_grant g);

LK_HOT int
leases_look(struct lk_owner *w, lk_grant g)
{
	if (unlikely(w->is_latched))
		return leases_look_slow(w, g); /* (LE5) */
	return unlikely(w->manager->remote != NULL) && grant_is_lost_abroad(w, g) ? LK_E_LOST : 0;
}

/* In its thread, with the latch: what is over ends.  (Z2) */
void leases_catch_up(struct lk_owner *w);

void lease_fill_info(const struct lk_owner *w, const struct lease *l, struct lk_grant_info *out);

/* Put it into a list, and out of it. */
void lease_link(struct lease **list, struct lease *l);
void lease_unlink(struct lease **list, struct lease *l);

/* Nobody has it any more.  (LE7) */
void lease_free(struct lk_owner *w, struct lease *l);

/* A new one, of an owner that is shared from now on: 0, LK_E_NOMEM. */
int lease_make(struct lk_owner *w, struct lease **out);

/* It is of the grant `g`, from `now` on; LK_OFF: without that bound. */
void lease_start(struct lk_owner *w, struct lease *l, lk_grant g, uint64_t now, uint64_t lease_ns,
		 uint64_t max_hold_ns, bool renews);

/* … whose extra is `e`. */
LK_HOT void
lease_attach(struct extra *e, struct lease *l)
{
	e->lease = l;
	e->flags |= EXTRA_LEASED;
}

/* From `now` on for another term, `lease_ns` (0: as before).  It is not over.  */
void lease_renew(struct lk_owner *w, struct lease *l, uint64_t now, uint64_t lease_ns);

/* Its next timer is not later than what is next.  (LE6) */
void lease_arm(struct lk_owner *w, struct lease *l);

/* Only where the table says.  (lease/lease.h) */
void lease_go(struct lease *l, enum lk_lease_state to);

/* -------------------------------------------------------------------------- renew.c */

/* May a lease be so long, 0 meaning as before? */
LK_HOT bool
renew_may_be(uint64_t lease_ns)
{
	return (lease_ns == 0 || lease_ns >= LK_LEASE_MIN_NS) && lease_ns != LK_OFF;
}

/* As lk_check(): by the clock alone, and nothing is changed. */
int renew_look(struct lk_owner *w, lk_grant g);

/* As lk_renew(), from `now` on, of a grant that is not over. */
int renew_grant(struct lk_owner *w, lk_grant g, uint64_t now, uint64_t lease_ns);

/* The extra of a grant, made if it has none; NULL: no memory. */
struct extra *renew_extra(struct lk_owner *w, struct hold *s);

/* ------------------------------------------------------------------------- losses.c */

/* The lease is over: its grant ends, and what that implied.  True: other leases have ended too. */
bool lease_lose(struct lk_owner *w, struct lease *l, enum lk_loss why);

struct lease *losses_find(struct lk_owner *w, lk_grant g);

/* A release comes to a grant: LK_E_LOST, and the loss is forgotten; LK_E_STALE: it is another member's; or 0. */
int losses_report(struct lk_owner *w, lk_grant g);
uint64_t losses_fence(struct lk_owner *w, lk_grant g);

/* All of them; those with that stamp or a later one: true, there was one. */
void losses_forget(struct lk_owner *w);
bool losses_forget_since(struct lk_owner *w, uint64_t stamp);

/* Of a family: those of a member; or they become another one's. */
void losses_forget_of(struct lk_owner *w, const struct lk_owner *member);
void losses_pass(struct lk_owner *w, const struct lk_owner *from, struct lk_owner *to);

/* One that is LOST: is there still a use for it?  Else it is free. */
void loss_settle(struct lk_owner *w, struct lease *l);

/* -------------------------------------------------------------------------- keeps.c */

/* The grant goes, the name is kept from others for a while (LE9).  False: it is to be given back. */
bool keep_begin(struct lk_owner *w, struct lease *l, struct hold *s, uint32_t slot);
void keep_end(struct lk_owner *w, struct lease *l);

/* All of them.  True: the owner was lingering, and its memory is the caller's to give back once the latch is open. */
bool keeps_end(struct lk_owner *w);

/* The owner was granted in `mode` what is kept in that slot. */
void keeps_taken_over(struct lk_owner *w, uint32_t slot, lk_mode mode);

/* Has an owner that was closed nothing to keep any more?  Then it is ended. */
bool keeps_linger_ends(struct lk_owner *w);

#endif /* LK_CORE_LEASES_H */
