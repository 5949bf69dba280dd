/* SPDX-License-Identifier: MIT */
/* Waiting for a writer to leave.  (CW1-CW5) */
#include "wait/watch.h"
#include "wait/inside.h"

enum { STIR_MAX = PLAN_MAX / 2 }; /* a plan wakes others as well */

static struct watcher *
entry(struct cds_list_head *node)
{
	return container_of(node, struct watcher, node);
}

void
watch_init(struct watch *v, struct party *party, struct watcher *at)
{
	v->party = party;
	shim_init(&v->news, (uint32_t)WATCH_NONE);
	v->n = 0;
	v->at = at;
}

void
watch_add(struct watch *v, struct lk_resource *r)
{
	v->at[v->n++] = (struct watcher){ .r = r, .of = v };
}

bool
watch_any(const struct lot_bucket *b, const struct lk_resource *r)
{
	struct cds_list_head *node;

	cds_list_for_each(node, &b->watchers)
	{
		if (entry(node)->r == r)
			return true;
	}
	return false;
}

/* Only the first news count. */
static bool
tell(struct watch *v, enum watch_news news)
{
	uint32_t none = WATCH_NONE;

	return shim_cas(&v->news, &none, (uint32_t)news, SHIM_ACQ_REL);
}

static void
take_out(struct watcher *x)
{
	cds_list_del(&x->node);
	WR(x->is_listed, false);
}

static bool
join(struct lot *l, struct watcher *x)
{
	struct lot_bucket *b = lot_bucket_of(l, x->r);
	struct plan plan = PLAN_INIT;
	bool open;

	latch_lock(&b->latch);
	open = shim_load(l->gate, SHIM_ACQUIRE) == 0;
	if (open) {
		WR(b->last_watcher, RD(b->last_watcher) + 1);
		x->number = RD(b->last_watcher);
		cds_list_add_tail(&x->node, &b->watchers);
		WR(x->is_listed, true);
		line_replan(l, b, x->r, LK_NL, LK_NL, &plan); /* (CW2) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, x->r, NULL);
	return open;
}

bool
watch_join(struct lot *l, struct watch *v)
{
	bool open = true;

	for (size_t i = 0; open && i < v->n; i++)
		open = join(l, &v->at[i]);
	return open;
}

static void
leave(struct lot *l, struct watcher *x)
{
	struct lot_bucket *b = lot_bucket_of(l, x->r);
	struct plan plan = PLAN_INIT;

	latch_lock(&b->latch); /* in any case (CW5) */
	if (RD(x->is_listed)) {
		take_out(x);
		line_replan(l, b, x->r, LK_NL, LK_NL, &plan); /* WAITERS may go (W4) */
	}
	latch_unlock(&b->latch);
	plan_finish(&plan, l, b, x->r, NULL);
}

void
watch_leave(struct lot *l, struct watch *v)
{
	for (size_t i = 0; i < v->n; i++)
		leave(l, &v->at[i]);
}

enum watch_news
watch_sleep(struct lot *l, struct watch *v, uint64_t deadline_ns, a64 *parks)
{
	struct parker *p = &v->party->parker;

	for (;;) {
		enum watch_news news;

		(void)park_take(p); /* before the look (P3) */
		news = (enum watch_news)shim_load(&v->news, SHIM_ACQUIRE);
		if (news != WATCH_NONE)
			return news;
		if (park_canceled(p)) {
			park_clear_cancel(p);
			return WATCH_CANCELED;
		}
		if (env_now(l->env) >= deadline_ns)
			return WATCH_TIMEDOUT;
		tally(parks);
		park_sleep(l->env, p, deadline_ns);
	}
}

bool
watch_interrupt(struct watch *v)
{
	return tell(v, WATCH_INTERRUPTED);
}

bool
watch_stir(struct lot_bucket *b, const struct lk_resource *r, uint64_t last, struct plan *plan)
{
	struct cds_list_head *node = b->watchers.next;
	unsigned n = 0;

	while (node != &b->watchers) {
		struct watcher *x = entry(node);

		node = node->next;
		if (x->r != r || x->number > last)
			continue;
		if (n++ == STIR_MAX)
			return true;
		take_out(x);
		plan_add_wake(plan, &x->of->party->parker);
		(void)tell(x->of, WATCH_STIRRED); /* last: it may be on its way to leave (CW5) */
	}
	return false;
}

/* False: there is nobody. */
static bool
close_some(struct lot *l, struct lot_bucket *b)
{
	struct plan plan = PLAN_INIT;
	bool any;

	latch_lock(&b->latch);
	any = !cds_list_empty(&b->watchers);
	if (any) {
		struct watcher *x = entry(b->watchers.next);
		struct lk_resource *r = x->r;

		take_out(x);
		plan_add_wake(&plan, &x->of->party->parker);
		(void)tell(x->of, WATCH_CLOSED);
		line_replan(l, b, r, LK_NL, LK_NL, &plan);
	}
	latch_unlock(&b->latch);
	plan_wake(&plan, l->env, NULL);
	return any;
}

void
watch_close_all(struct lot *l, struct lot_bucket *b)
{
	while (close_some(l, b))
		;
}
