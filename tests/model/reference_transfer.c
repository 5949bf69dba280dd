/* SPDX-License-Identifier: MIT */
/* The reference: grants that go to another owner, locks that go to another name, and back to a savepoint. */
#include "inside.h"
#include "matrix.h"

#include <string.h>

/*
 * Would what `owner` has left be in the way of what `to` has then, here or above?  Nobody else is: what both had
 * kept out whoever is now.
 */
static bool
is_in_the_way(const struct ref *m, const struct ref_grant *g, int to)
{
	const char *path[REF_DEPTH];
	size_t n = ref_path(g->name, path);

	for (size_t i = 0; i < n && m->fault != REF_GIVES_ANYWAY; i++) {
		lk_mode left = ref_effective_with(m, g->owner, path[i], g, LK_NL);
		lk_mode has = supremum[ref_effective(m, to, path[i])][ref_need_of(m, g, path[i])];

		if (conflicts[has][left])
			return true;
	}
	return false;
}

static void
imply_again(struct ref *m, int to, const char **path, size_t n)
{
	while (n-- > 0)
		ref_put_back(m, to, path[n]);
	ref_settle(m, to);
}

/* What `to` has on the way by implication comes to be its own, at once. */
static int
make_path_real(struct ref *m, int to, const char **path, size_t n)
{
	struct ref_request q = { .nowait = true };

	for (size_t i = 0; i < n; i++) {
		int rc = 0;

		if (ref_is_implied(m, to, path[i]))
			rc = ref_make_real(m, to, path[i], ref_effective(m, to, path[i]), &q);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The hold of `to` on the leaf goes on with the larger fence, and no new one is made. */
static void
pass_fence(struct ref *m, const char *name, int to, uint64_t fence)
{
	struct ref_hold *h = (struct ref_hold *)(uintptr_t)ref_hold_of(m, to, name);
	const lk_mode mode = ref_effective(m, to, name);

	if (m->fault == REF_NEW_FENCE)
		return;
	if (fence > h->fence)
		h->fence = fence;
	h->writes = mode == LK_U || mode == LK_SIX || mode == LK_X;
}

/* The newest of the grants of `to`; one moment for all names. */
static void
pass(struct ref *m, struct ref_grant g, int to, lk_grant *out)
{
	const uint64_t fence = ref_hold_of(m, g.owner, g.name)->fence;
	const int owner = g.owner;
	const char *path[REF_DEPTH];
	size_t n = ref_path(g.name, path);

	ref_remove_grant(m, owner, g.id);
	g.owner = to;
	g.id = *out = ++m->last_id;
	m->grant[m->n_grants++] = g;
	m->owner[to].has_parents |= g.parents;
	for (size_t i = m->fault == REF_HALF_A_PATH ? n - 1 : 0; i < n; i++)
		ref_ensure_hold(m, to, path[i], NULL);
	pass_fence(m, g.name, to, fence);
	ref_settle(m, to);
	ref_settle(m, owner);
	m->transfers++;
}

static int
transfer(struct ref *m, const struct ref_grant *g, int to, lk_grant *out)
{
	const char *path[REF_DEPTH];
	size_t n = ref_path(g->name, path);
	int rc;

	ref_remember(m, to);
	rc = make_path_real(m, to, path, n);
	if (rc == 0 && ref_grants_on(m, to, g->name) >= m->max_reentry)
		rc = LK_E_LIMIT;
	if (rc == 0)
		pass(m, *g, to, out);
	else
		imply_again(m, to, path, n);
	return rc;
}

static bool
waits(const struct ref *m, int owner)
{
	for (size_t i = 0; i < m->n_waiters; i++) {
		if (m->waiter[i].owner == owner)
			return true;
	}
	return false;
}

int
ref_transfer(struct ref *m, int owner, lk_grant id, int to, lk_grant *out)
{
	const struct ref_grant *g = ref_grant_of(m, owner, id);

	*out = id;
	if (m->closed)
		return LK_E_CLOSED;
	if (to == owner)
		return g != NULL ? 0 : LK_E_STALE;
	if (waits(m, to))
		return LK_E_BUSY;
	if (g == NULL)
		return LK_E_STALE;
	if (ref_is_implied(m, owner, g->name))
		return LK_E_UNSUPPORTED;
	return is_in_the_way(m, g, to) ? LK_E_BUSY : transfer(m, g, to, out);
}

int
ref_move(struct ref *m, int owner, lk_grant id, const char *name, struct ref_request *q,
	 lk_grant *out)
{
	const struct ref_grant *g = ref_grant_of(m, owner, id);
	int rc;

	if (g == NULL)
		return LK_E_STALE;
	rc = ref_acquire(m, owner, name, g->mode, q, out);
	return rc == 0 ? ref_release(m, owner, id) : rc;
}

size_t
ref_rollback(struct ref *m, int owner, lk_grant mark)
{
	size_t released = 0;

	if (m->fault == REF_ROLLS_ALL)
		mark = 0;
	for (size_t i = m->n_grants; i-- > 0;) {
		const struct ref_grant *g = &m->grant[i];

		if (g->owner != owner || g->id <= mark)
			continue;
		if (m->fault == REF_ROLLS_ONE && g->id == mark + 1)
			continue;
		(void)ref_release(m, owner, g->id);
		released++;
	}
	return released;
}
