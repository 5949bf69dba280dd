/* SPDX-License-Identifier: MIT */
/* Requests with a condition.  (CW1, CW4, CW6) */
#include "core/condition.h"
#include "base/guest.h"
#include "core/call.h"
#include "core/grant.h"
#include "core/report.h"
#include "core/undone.h"
#include "wait/watch.h"

enum { WATCHERS_ON_STACK = 8, LOOK_ABROAD_NS = 50000000 };

/* Nothing of ours is latched.  The condition may use other owners, not this one. */
static bool
is_true(struct lk_owner *w, const struct request *q)
{
	struct guest guest;
	int answer;

	(void)call_away(w); /* it is in no family */
	guest_enter(&guest);
	answer = q->condition(q->condition_arg);
	guest_leave(&guest);
	call_back(w, NULL);
	return answer != 0;
}

static struct lk_resource *
resource_of(struct lk_owner *w, const struct taking *t, size_t i)
{
	uint32_t slot;
	struct hold *s = grant_find(w, t->grant(t->arg, i), &slot);

	return hold_resource(grant_hold(w, s));
}

static size_t
count_names(struct lk_owner *w, const struct taking *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct lk_resource *r = resource_of(w, t, i);

		for (; r != NULL; r = resource_parent(r))
			n++;
	}
	return n;
}

static void
add_names(struct watch *v, struct lk_owner *w, const struct taking *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct lk_resource *r = resource_of(w, t, i);

		for (; r != NULL; r = resource_parent(r))
			watch_add(v, r);
	}
}

/* It has the locks only as it asked: nobody is told that they were there. */
static void
undo(struct lk_owner *w, const struct taking *t, const struct counted *before)
{
	t->undo(t->arg);
	uncount(w, before);
}

/* 0: take the locks and ask again. */
static int
result_of_news(struct lk_owner *w, enum watch_news news)
{
	switch (news) {
	case WATCH_STIRRED:
	case WATCH_INTERRUPTED:
		break;
	case WATCH_CANCELED:
		owner_tally(w, &w->count.cancels);
		return LK_E_CANCELED;
	case WATCH_TIMEDOUT:
		return LK_E_CONDITION;
	case WATCH_CLOSED:
	case WATCH_NONE:
		return LK_E_CLOSED;
	}
	return manager_gate(w->manager);
}

/* Writers of other processes are not seen to leave: it asks again from time to time.  (CW6) */
static uint64_t
next_look(const struct lk_owner *w, const struct request *q)
{
	const uint64_t look = env_now(&w->manager->env) + LOOK_ABROAD_NS;

	return w->manager->remote != NULL && look < q->deadline_ns ? look : q->deadline_ns;
}

/* The watchers are in place, the locks have gone back. */
static int
sleep_until_stirred(struct lk_owner *w, struct watch *v, const struct request *q)
{
	const uint64_t until = next_look(w, q);
	enum watch_news news;

	w->watches = v;
	call_sleeps(w);
	news = watch_sleep(&w->manager->lot, v, until, owner_parks(w));
	if (news == WATCH_TIMEDOUT && until != q->deadline_ns)
		news = WATCH_STIRRED;
	call_back(w, NULL);
	w->watches = NULL;
	return result_of_news(w, news);
}

static int
wait_with(struct lk_owner *w, struct watch *v, const struct request *q, const struct taking *t,
	  const struct counted *before)
{
	struct lot *l = &w->manager->lot;
	bool joined;
	int rc;

	add_names(v, w, t);
	joined = watch_join(l, v); /* before the locks go back (CW1) */
	undo(w, t, before);
	rc = joined ? sleep_until_stirred(w, v, q) : LK_E_CLOSED;
	watch_leave(l, v);
	if (w->is_latched && unlikely(RD(w->is_due)))
		owner_catch_up(w);
	return rc;
}

/* It said no.  0: a writer has left since. */
static int
wait_for_writer(struct lk_owner *w, const struct request *q, const struct taking *t,
		const struct counted *before)
{
	struct env *env = &w->manager->env;
	const size_t n = count_names(w, t);
	struct watcher few[WATCHERS_ON_STACK];
	struct watcher *at = few;
	struct watch v;
	int rc;

	if ((q->flags & LK_NOWAIT) != 0) {
		undo(w, t, before);
		return LK_E_CONDITION;
	}
	if (n > WATCHERS_ON_STACK)
		at = env_alloc(env, n * sizeof(*at), sizeof(void *));
	if (at == NULL) {
		undo(w, t, before);
		return LK_E_NOMEM;
	}
	watch_init(&v, &w->party, at);
	rc = wait_with(w, &v, q, t, before);
	if (at != few)
		env_free(env, at, n * sizeof(*at));
	return rc;
}

int
condition_take(struct lk_owner *w, struct request *q, const struct taking *t)
{
	int rc;

	request_fix_deadline(w, q);
	do {
		const struct counted before = counted_now(w);

		rc = t->take(t->arg);
		if (rc != 0)
			return rc;
		if (is_true(w, q))
			return 0;
		rc = wait_for_writer(w, q, t, &before);
	} while (rc == 0);
	if (q->report != NULL)
		report_clear(q->report); /* nobody was in the way */
	return rc;
}
