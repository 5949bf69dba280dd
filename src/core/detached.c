/* SPDX-License-Identifier: MIT */
/* Detached grants: made, and what their tokens do.  (DG1, DG2, DT1-DT3) */
#include "core/detached.h"
#include "base/token_text.h"
#include "core/call.h"
#include "core/owners.h"
#include "core/release.h"
#include "remote/detached.h"

enum { LOOKS = 4 };

/* An owner of one grant. */
struct keeper {
	struct cds_list_head node;
	struct lk_owner *w;
};

/* Those of a manager without a store. */
struct detached {
	struct latch latch;
	struct cds_list_head queue;
};

/* ---------------------------------------------------------------------- with a store */

/* Of the text: against mistakes, as the id is chance. */
static uint64_t
check_of(const struct token_text *x)
{
	const uint64_t words[] = { x->fence, x->owner, x->grant };

	return hash_bytes(words, sizeof(words), 2);
}

static int
take_in_store(struct lk_manager *m, const struct detached_request *d, char *token)
{
	struct token_text x = { .is_detached = 1 };
	struct detached_id id;
	int rc = detached_take(m->remote, d, &id, &x.fence);

	if (rc != 0)
		return rc;
	x.owner = id.half[0];
	x.grant = id.half[1];
	x.check = check_of(&x);
	token_text_write(token, &x);
	return 0;
}

/* 0, or LK_E_STALE: it was changed, or there is no store. */
static int
read_id(const struct lk_manager *m, const char *token, struct detached_id *id)
{
	struct token_text x;

	if (m->remote == NULL || !token_text_read(token, &x) || x.check != check_of(&x))
		return LK_E_STALE;
	*id = (struct detached_id){ { x.owner, x.grant } };
	return 0;
}

int
detached_token_check(struct lk_manager *m, const char *token)
{
	struct detached_id id;
	int rc = read_id(m, token, &id);

	return rc != 0 ? rc : detached_check(m->remote, &id, m->suspect_pct);
}

int
detached_token_renew(struct lk_manager *m, const char *token, uint64_t lease_ns)
{
	struct detached_id id;
	int rc = read_id(m, token, &id);

	return rc != 0 ? rc : detached_renew(m->remote, &id, lease_ns);
}

int
detached_token_release(struct lk_manager *m, const char *token)
{
	struct detached_id id;
	int rc = read_id(m, token, &id);

	return rc != 0 ? rc : detached_release(m->remote, &id);
}

/* ------------------------------------------------------------------- without a store */

/* Made when the first is wanted; NULL: no memory. */
static struct detached *
detached_of(struct lk_manager *m)
{
	struct detached *d = shim_load(&m->detached, SHIM_ACQUIRE);

	if (d != NULL)
		return d;
	latch_lock(&m->guards_latch);
	d = shim_load(&m->detached, SHIM_ACQUIRE);
	if (d == NULL && (d = env_zalloc(&m->env, sizeof(*d), LK_LINE)) != NULL) {
		latch_init(&d->latch);
		CDS_INIT_LIST_HEAD(&d->queue);
		shim_store(&m->detached, (void *)d, SHIM_RELEASE);
	}
	latch_unlock(&m->guards_latch);
	return d;
}

static void
keeper_end(struct lk_manager *m, struct keeper *k)
{
	if (release_enter(k->w) == 0 && owner_shut(k->w))
		owner_memory_put(m, k->w);
	env_free(&m->env, k, sizeof(*k));
}

static struct keeper *
keeper_new(struct lk_manager *m, int32_t priority)
{
	const struct lk_owner_options o = { .size = sizeof(o),
					    .label = "(detached)",
					    .priority = priority };
	struct keeper *k = env_zalloc(&m->env, sizeof(*k), LK_LINE);

	if (k == NULL)
		return NULL;
	k->w = owner_memory(m);
	if (k->w == NULL) {
		env_free(&m->env, k, sizeof(*k));
		return NULL;
	}
	owner_open_as(k->w, OWNER_POOLED, &o); /* (DG1) */
	return k;
}

/* The first in the queue goes to its end. */
static struct keeper *
turn(struct detached *d)
{
	struct keeper *k;

	if (cds_list_empty(&d->queue))
		return NULL;
	k = container_of(d->queue.next, struct keeper, node);
	cds_list_del(&k->node);
	cds_list_add_tail(&k->node, &d->queue);
	return k;
}

static bool
is_over(struct lk_owner *w)
{
	bool over;

	latch_lock(&w->latch);
	over = holds_n(&w->holds) == 0;
	latch_unlock(&w->latch);
	return over;
}

/* (DG2) */
static void
close_some(struct lk_manager *m, struct detached *d)
{
	for (int i = 0; i < LOOKS; i++) {
		struct keeper *k;

		latch_lock(&d->latch);
		k = turn(d);
		if (k != NULL && is_over(k->w))
			cds_list_del(&k->node);
		else
			k = NULL;
		latch_unlock(&d->latch);
		if (k != NULL)
			keeper_end(m, k);
	}
}

static int
acquire(struct lk_owner *w, const struct name *name, const struct request *q,
	const struct lk_options *o, lk_grant *g)
{
	if ((name->tail & NAME_ID) != 0)
		return lk_acquire_id(w, name->word[0], q->mode, o, g);
	return lk_acquire_bytes(w, name->bytes, name->len, q->mode, o, g);
}

static int
take_here(struct lk_manager *m, const struct name *name, const struct request *q,
	  const struct lk_options *o, char *token, size_t cap)
{
	struct detached *d = detached_of(m);
	struct keeper *k;
	lk_grant g;
	int rc;

	if (d == NULL)
		return LK_E_NOMEM;
	close_some(m, d);
	k = keeper_new(m, q->priority);
	if (k == NULL)
		return LK_E_NOMEM;
	rc = acquire(k->w, name, q, o, &g);
	if (rc == 0)
		rc = lk_token(k->w, g, token, cap);
	if (rc != 0) {
		keeper_end(m, k);
		return rc;
	}
	latch_lock(&d->latch);
	cds_list_add_tail(&k->node, &d->queue);
	latch_unlock(&d->latch);
	return 0;
}

void
detached_end(struct lk_manager *m)
{
	struct detached *d = shim_load(&m->detached, SHIM_ACQUIRE);

	if (d == NULL)
		return;
	while (!cds_list_empty(&d->queue)) {
		struct keeper *k = container_of(d->queue.next, struct keeper, node);

		cds_list_del(&k->node);
		keeper_end(m, k);
	}
	env_free(&m->env, d, sizeof(*d));
}

/* --------------------------------------------------------------------------- the call */

/* Does it say what cannot be? */
static int
check_options(const struct lk_manager *m, const struct request *q)
{
	const uint64_t lease_ns = q->lease_ns != 0 ? q->lease_ns : m->lease_ns;

	if (lease_ns == LK_OFF)
		return LK_E_INVAL;
	if ((q->flags & ~(LK_NOWAIT | REQUEST_LEASED)) != 0 || q->max_hold_ns != 0 ||
	    q->condition != NULL || q->report != NULL)
		return LK_E_UNSUPPORTED;
	return 0;
}

static int
take(struct lk_manager *m, const struct name *name, const struct request *q,
     const struct lk_options *o, char *token, size_t cap)
{
	struct detached_request d = { .name = name, .mode = q->mode, .priority = q->priority };

	if (m->remote == NULL)
		return take_here(m, name, q, o, token, cap);
	d.lease_ns = q->lease_ns != 0 ? q->lease_ns : m->lease_ns;
	d.deadline_ns = manager_deadline(m, q, env_now(&m->env));
	return take_in_store(m, &d, token);
}

/* What is asked for, but for the name. */
static int
read_request(struct lk_manager *m, struct request *q, lk_mode mode, const struct lk_options *o,
	     char *token, size_t cap)
{
	int rc;

	if (token != NULL && cap > 0)
		token[0] = '\0';
	if (m == NULL || token == NULL || cap < LK_TOKEN_MAX || o == NULL)
		return LK_E_INVAL;
	rc = request_read(q, mode, o);
	if (rc == 0)
		rc = check_options(m, q);
	return rc == 0 ? manager_gate(m) : rc;
}

int
lk_detach_bytes(struct lk_manager *m, const void *name, size_t len, lk_mode mode,
		const struct lk_options *o, char *token, size_t cap)
{
	struct request q;
	struct name n;
	int rc = read_request(m, &q, mode, o, token, cap);

	if (rc != 0)
		return rc;
	if (name == NULL)
		return LK_E_INVAL;
	if (!name_set(&n, name, len, 0, m->index.seed))
		return LK_E_NAME;
	return take(m, &n, &q, o, token, cap);
}

int
lk_detach_id(struct lk_manager *m, uint64_t id, lk_mode mode, const struct lk_options *o,
	     char *token, size_t cap)
{
	struct request q;
	struct name n;
	int rc = read_request(m, &q, mode, o, token, cap);

	if (rc != 0)
		return rc;
	name_set_id(&n, &id, m->index.seed);
	return take(m, &n, &q, o, token, cap);
}

int
lk_detach(struct lk_manager *m, const char *name, lk_mode mode, const struct lk_options *o,
	  char *token, size_t cap)
{
	return lk_detach_bytes(m, name, name != NULL ? strlen(name) : 0, mode, o, token, cap);
}
