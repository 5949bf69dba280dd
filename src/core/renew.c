/* SPDX-License-Identifier: MIT */
/* What an owner asks of its leases. */
#include "core/alarm.h"
#include "core/leases.h"
#include "core/release.h"

static bool
is_leased(const struct hold *s)
{
	return hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_LEASED) != 0;
}

/* With nothing changed, as far as the clock says.  After leases_look() it is not over. */
static int
check_held(struct lk_owner *w, const struct hold *s)
{
	const struct lk_manager *m = w->manager;
	const struct lease *l;

	if (!is_leased(s))
		return alarm_is_due(m) ? LK_E_SUSPECT : 0;
	l = hold_extra(s)->lease;
	switch (term_state(&l->term, (enum lk_lease_state)l->state, env_boottime(&m->env),
			   m->suspect_pct)) {
	case LK_LEASE_NONE:
	case LK_LEASE_HELD:
		return alarm_is_due(m) ? LK_E_SUSPECT : 0;
	case LK_LEASE_SUSPECT:
		return LK_E_SUSPECT;
	case LK_LEASE_LOST:
		break;
	}
	return LK_E_LOST;
}

int
renew_look(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	const struct hold *s = grant_find(w, g, &slot);

	return s != NULL ? check_held(w, s) : LK_E_STALE;
}

int
lk_check(struct lk_owner *w, lk_grant g)
{
	struct lk_owner *h;
	int rc;

	if (w == NULL)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0)
		rc = renew_look(h, g);
	call_end(w);
	return rc;
}

struct extra *
renew_extra(struct lk_owner *w, struct hold *s)
{
	struct extra *e;

	if (hold_is(s, HEAD_EXTRA))
		return hold_extra(s);
	e = owner_extra(w, &w->manager->extras);
	if (e == NULL)
		return NULL;
	shim_store(&s->extra, (void *)e, SHIM_RELEASE);
	shim_store(&s->head, shim_load(&s->head, SHIM_RELAXED) | HEAD_EXTRA, SHIM_RELEASE);
	return e;
}

/* The first lease of a grant. */
static int
lease_anew(struct lk_owner *w, struct hold *s, lk_grant g, uint64_t now, uint64_t lease_ns)
{
	struct extra *e = renew_extra(w, s);
	struct lease *l;
	int rc = e != NULL ? lease_make(w, &l) : LK_E_NOMEM;

	if (rc != 0)
		return rc;
	lease_attach(e, l);
	lease_start(w, l, g, now, lease_ns, LK_OFF, false);
	return 0;
}

int
renew_grant(struct lk_owner *w, lk_grant g, uint64_t now, uint64_t lease_ns)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	struct lease *l;

	if (s == NULL)
		return LK_E_STALE;
	if (!is_leased(s))
		return lease_ns != 0 ? lease_anew(w, s, g, now, lease_ns) : LK_E_INVAL;
	l = hold_extra(s)->lease;
	if (lease_ns == 0 && l->term.lease_ns == SHIM_NEVER)
		return LK_E_INVAL; /* it has only a longest hold */
	lease_renew(w, l, now, lease_ns);
	lease_arm(w, l);
	return 0;
}

int
lk_renew(struct lk_owner *w, lk_grant g, uint64_t lease_ns)
{
	struct lk_owner *h;
	uint64_t now;
	int rc;

	if (w == NULL || !renew_may_be(lease_ns))
		return LK_E_INVAL;
	now = env_boottime(&w->manager->env);
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w);
	rc = leases_look(h, g);
	if (rc == 0)
		rc = renew_grant(h, g, now, lease_ns);
	call_end(w);
	return rc;
}

const char *
lk_lossname(enum lk_loss loss)
{
	switch (loss) {
	case LK_LOSS_NONE:
		return "none";
	case LK_LOSS_EXPIRED:
		return "expired";
	case LK_LOSS_MAX_HOLD:
		return "max_hold";
	case LK_LOSS_COVER:
		return "cover";
	case LK_LOSS_SESSION:
		return "session";
	case LK_LOSS_UNREACHABLE:
		return "unreachable";
	case LK_LOSS_BROKEN:
		return "broken";
	}
	return "?";
}
