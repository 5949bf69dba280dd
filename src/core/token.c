/* SPDX-License-Identifier: MIT */
/* Grants by their tokens.  (TK1-TK3) */
#include "core/token.h"
#include "base/token_text.h"
#include "core/call.h"
#include "core/detached.h"
#include "core/events.h"
#include "core/fence.h"
#include "core/leases.h"
#include "core/release.h"

_Static_assert((int)LK_TOKEN_MAX == (int)TOKEN_TEXT_BYTES, "the header says how long a token is");

/* ---------------------------------------------------------------- those of a manager */

void
tokens_destroy(struct tokens *t, struct env *env)
{
	if (t == NULL)
		return;
	directory_fini(&t->directory, env);
	env_free(env, t, sizeof(*t));
}

/* Made when the first is wanted; NULL: no memory. */
static struct tokens *
tokens_of(struct lk_manager *m)
{
	struct tokens *t = shim_load(&m->tokens, SHIM_ACQUIRE);

	if (t != NULL)
		return t;
	latch_lock(&m->guards_latch);
	t = shim_load(&m->tokens, SHIM_ACQUIRE);
	if (t == NULL && (t = env_zalloc(&m->env, sizeof(*t), LK_LINE)) != NULL) {
		/* Not those of another manager, whatever chance a program has put in its place. */
		t->key[0] = hash_two(env_random(&m->env), m->member.serial, 0, m->floor);
		t->key[1] = env_random(&m->env);
		shim_store(&m->tokens, (void *)t, SHIM_RELEASE);
	}
	latch_unlock(&m->guards_latch);
	return t;
}

static uint64_t
check_of(const struct tokens *t, const struct token_text *x)
{
	const uint64_t words[] = { x->fence, x->owner, x->grant, t->key[1] };

	return hash_bytes(words, sizeof(words), t->key[0]);
}

/* -------------------------------------------------------------------- making one */

static int
enter(struct lk_owner *w)
{
	struct tokens *t = tokens_of(w->manager);

	if (t == NULL)
		return LK_E_NOMEM;
	switch (directory_enter(&t->directory, &w->manager->env, w)) {
	case DIRECTORY_OK:
		return 0;
	case DIRECTORY_FULL:
		return LK_E_LIMIT;
	case DIRECTORY_NOMEM:
		break;
	}
	return LK_E_NOMEM;
}

/* In a call of the owner. */
static int
make(struct lk_owner *w, lk_grant g, char *buf)
{
	uint32_t slot;
	struct hold *s = grant_find(w, g, &slot);
	struct token_text x = { .owner = shim_load(&w->id, SHIM_RELAXED), .grant = g };
	int rc = s != NULL ? enter(w) : LK_E_STALE;

	if (rc != 0)
		return rc;
	if (renew_extra(w, s) == NULL) /* for the mark (TK2) */
		return LK_E_NOMEM;
	owner_share(w); /* (TK1) */
	x.fence = fence_of(w, g);
	x.check = check_of(shim_load(&w->manager->tokens, SHIM_ACQUIRE), &x);
	token_text_write(buf, &x);
	return 0;
}

int
lk_token(struct lk_owner *w, lk_grant g, char *buf, size_t cap)
{
	struct lk_owner *h;
	int rc;

	if (buf != NULL && cap > 0)
		buf[0] = '\0';
	if (w == NULL || buf == NULL || cap < LK_TOKEN_MAX)
		return LK_E_INVAL;
	rc = release_enter(w);
	if (rc != 0)
		return rc;
	h = call_holder(w); /* of a family the token is about what the head has, whose ever it is */
	rc = leases_look(h, g);
	if (rc == 0)
		rc = fence_fetch(h, g);
	if (rc == 0)
		rc = make(h, g, buf);
	call_end(w);
	return rc;
}

/* -------------------------------------------------------------------- acting on one */

/* What a token is about, and what is to be told of it when nothing is latched. */
struct act {
	struct lk_owner *w;
	lk_grant g;
	bool is_told; /* it was released, as the event says */
	struct lk_event told;
};

/* No caller sees it: it is in no owner. */
enum { TOKEN_DETACHED = 1 };

/* Whose token is it?  0, TOKEN_DETACHED, or the code to return. */
static int
read_token(struct lk_manager *m, const char *token, struct act *a, uint64_t *id)
{
	const struct tokens *t;
	struct token_text x;

	if (m == NULL || token == NULL || !token_text_read(token, &x))
		return LK_E_INVAL;
	if (manager_gate(m) == LK_E_FORKED)
		return LK_E_FORKED;
	if (x.is_detached != 0)
		return TOKEN_DETACHED;
	t = shim_load(&m->tokens, SHIM_ACQUIRE);
	if (t == NULL || check_of(t, &x) != x.check)
		return LK_E_STALE;
	a->w = directory_find(&t->directory, x.owner);
	a->g = x.grant;
	*id = x.owner;
	return a->w != NULL ? 0 : LK_E_STALE;
}

/* The latch of its owner, if that is still the same opening.  (TK1, DI1) */
static int
begin(struct lk_manager *m, const char *token, struct act *a)
{
	uint64_t id;
	int rc = read_token(m, token, a, &id);

	a->is_told = false;
	if (rc != 0)
		return rc;
	latch_lock(&a->w->latch);
	/* In this order: see owner_seize(). */
	if (shim_load(&a->w->state, SHIM_ACQUIRE) > OWNER_KEEPING &&
	    shim_load(&a->w->id, SHIM_ACQUIRE) == id)
		return 0;
	latch_unlock(&a->w->latch);
	return LK_E_STALE;
}

/* It was done, with that result; hook and log are called with nothing latched.  (N1) */
static int
finish(const struct act *a, struct lk_manager *m, int rc)
{
	latch_unlock(&a->w->latch);
	if (a->is_told)
		(void)tracer_call(&m->tracer, &a->told, false);
	return rc;
}

static bool
is_marked(const struct hold *s)
{
	return hold_is(s, HEAD_EXTRA) && (hold_extra(s)->flags & EXTRA_LEFT) != 0;
}

bool
token_left(struct lk_owner *w, lk_grant g)
{
	uint32_t slot;
	const struct hold *s = grant_find(w, g, &slot);

	return s != NULL && is_marked(s);
}

/* What it holds was changed, between two owner_moves(): then do what that made due.  (Y3, Z3) */
static void
moved(struct lk_owner *w)
{
	if (RD(w->is_due) || w->has_withdrawn)
		owner_catch_up(w);
	owner_moves(w);
}

/* The lease is over, and nobody has found that out before.  (LE3) */
static void
lose(struct lk_owner *w, lk_grant g)
{
	if (RD(w->is_away)) {
		owner_leave_due(w); /* (Z2) */
		return;
	}
	owner_moves(w);
	(void)leases_look_slow(w, g);
	moved(w);
}

/* As lk_check(), whether a call is away or not. */
static int
look(struct lk_owner *w, lk_grant g)
{
	int rc;

	if (token_left(w, g))
		return LK_E_STALE;
	if (losses_find(w, g) != NULL)
		return LK_E_LOST;
	rc = renew_look(w, g);
	if (rc == LK_E_LOST)
		lose(w, g);
	return rc;
}

static bool
is_held(int rc)
{
	return rc == 0 || rc == LK_E_SUSPECT;
}

int
lk_token_check(struct lk_manager *m, const char *token)
{
	struct act a;
	int rc = begin(m, token, &a);

	if (rc == TOKEN_DETACHED)
		return detached_token_check(m, token);
	return rc != 0 ? rc : finish(&a, m, look(a.w, a.g));
}

/* Of a call that is away, what the owner holds must stay as it is; but the term of a lease may change.  (Z2, LE4) */
static int
renew(struct lk_owner *w, lk_grant g, uint64_t now, uint64_t lease_ns)
{
	uint32_t slot;
	const struct hold *s;
	int rc = look(w, g);

	if (!is_held(rc))
		return rc;
	s = grant_find(w, g, &slot);
	if (RD(w->is_away) && lease_ns != 0 && (hold_extra(s)->flags & EXTRA_LEASED) == 0)
		return LK_E_BUSY;
	return renew_grant(w, g, now, lease_ns);
}

int
lk_token_renew(struct lk_manager *m, const char *token, uint64_t lease_ns)
{
	struct act a;
	uint64_t now;
	int rc;

	if (m == NULL || !renew_may_be(lease_ns))
		return LK_E_INVAL;
	now = env_boottime(&m->env); /* before it waits for a latch (LE1) */
	rc = begin(m, token, &a);
	if (rc == TOKEN_DETACHED)
		return detached_token_renew(m, token, lease_ns);
	return rc != 0 ? rc : finish(&a, m, renew(a.w, a.g, now, lease_ns));
}

/* What there is to tell, while it is there; the ring has it before anybody else can be granted the name.  (TK3) */
static void
note_release(struct act *a, struct hold *s, uint32_t slot)
{
	if (!events_want(a->w, LK_EVENT_RELEASE))
		return;
	event_release(a->w, s, slot, &a->told);
	tracer_record(&a->w->manager->tracer, &a->told);
	a->is_told = true;
}

/* Nobody may change what it holds now but its thread: so that is left to it.  (TK2, Z2) */
static void
leave(struct lk_owner *w, struct hold *s)
{
	hold_extra(s)->flags |= EXTRA_LEFT;
	w->has_left = true;
	owner_leave_due(w);
}

static int
release(struct act *a)
{
	struct lk_owner *w = a->w;
	uint32_t slot;
	struct hold *s;
	int rc = look(w, a->g);

	if (rc == LK_E_LOST && losses_find(w, a->g) != NULL)
		(void)losses_report(w, a->g);
	if (!is_held(rc))
		return rc;
	s = grant_find(w, a->g, &slot);
	note_release(a, s, slot);
	if (RD(w->is_away)) {
		leave(w, s);
		return 0;
	}
	owner_moves(w);
	release_untold(w, s, slot);
	moved(w);
	return 0;
}

int
lk_token_release(struct lk_manager *m, const char *token)
{
	struct act a;
	int rc = begin(m, token, &a);

	if (rc == TOKEN_DETACHED)
		return detached_token_release(m, token);
	return rc != 0 ? rc : finish(&a, m, release(&a));
}

void
token_catch_up(struct lk_owner *w)
{
	const uint32_t n = shim_load(&w->holds.n_slots, SHIM_RELAXED);

	if (likely(!w->has_left))
		return;
	w->has_left = false;
	for (uint32_t i = n; i-- > 0;) {
		struct hold *s = hold_at(&w->holds, i);
		const uint64_t head = shim_load(&s->head, SHIM_RELAXED);

		if (head != 0 && (head & HEAD_GONE) == 0 && is_marked(s))
			release_untold(w, s, i);
	}
}

/* ----------------------------------------------------------------------- reading one */

int
lk_token_parse(const char *token, struct lk_token_info *out)
{
	struct lk_token_info info = { 0 };
	struct token_text x;
	int rc;

	if (token == NULL || out == NULL)
		return LK_E_INVAL;
	rc = check_struct(out, out->size, sizeof(info));
	if (rc != 0)
		return rc;
	if (!token_text_read(token, &x))
		return LK_E_INVAL;
	info.fence = x.fence;
	if (x.is_detached == 0) {
		info.owner_id = x.owner;
		info.grant = x.grant;
	}
	copy_struct(out, &info, sizeof(info));
	return 0;
}
