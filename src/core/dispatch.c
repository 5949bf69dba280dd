/* SPDX-License-Identifier: MIT */
/* What has happened, given to the program. */
#include "core/notify.h"
#include "core/pending.h"

/* Write down what became of requests that ended: so that it is ready, if their owners let us. */
static void
settle_ended(struct lk_queue *q)
{
	struct post *p;

	while ((p = queue_take_ended(q)) != NULL)
		pending_attend(container_of(p, struct pending, post));
}

/* The grants of a batch, in the caller's order. */
static void
write_grants(const struct pending *s, struct lk_completion *c)
{
	c->n_grants = s->b.n;
	for (size_t i = 0; i < s->b.n; i++) {
		const struct item *item = &s->b.item[i];
		const lk_grant g = s->converts != 0 ? s->converts : item->grant;

		if (i == 0)
			c->grant = g;
		if (s->grants != NULL)
			s->grants[i] = g;
	}
	c->grants = s->grants;
}

/* A request that is nobody's any more: what it came to. */
static lk_done_fn *
take_request(struct pending *s, struct lk_completion *c)
{
	lk_done_fn *done = s->done;

	if (!pending_leave_owner(s) && s->code == 0)
		s->code = LK_E_CANCELED; /* its owner has closed, and its grants went with it */
	*c = (struct lk_completion){
		.size = sizeof(*c),
		.kind = LK_DONE,
		.id = s->id,
		.owner = s->who,
		.code = s->code,
		.arg = s->arg,
	};
	if (s->code == 0)
		write_grants(s, c);
	pending_free(s);
	return done;
}

static int
code_of(enum lk_kind kind)
{
	switch (kind) {
	case LK_NOTICE_SUSPECT:
		return LK_E_SUSPECT;
	case LK_NOTICE_LOST:
		return LK_E_LOST;
	case LK_DONE:
	case LK_NOTICE_BLOCKING:
		break;
	}
	return 0;
}

/* False: nobody wants to know it any more. */
static bool
take_notice(struct notice *n, struct lk_completion *c, lk_notice_fn **fn)
{
	*c = (struct lk_completion){ .size = sizeof(*c) };
	if (!notify_take(n, &c->notice, fn, &c->arg))
		return false;
	c->kind = c->notice.kind;
	c->owner = c->notice.owner;
	c->grant = c->notice.grant;
	c->code = code_of(c->kind);
	return true;
}

/* Whom to call; both NULL: nobody. */
struct callee {
	lk_done_fn *done;
	lk_notice_fn *notice;
};

/* The next thing that is ready.  False: nothing is. */
static bool
take_next(struct lk_queue *q, struct lk_completion *c, struct callee *callee)
{
	struct post *p;

	*callee = (struct callee){ NULL, NULL };
	while ((p = queue_take_ready(q)) != NULL) {
		if (p->kind == LK_DONE) {
			callee->done = take_request(container_of(p, struct pending, post), c);
			return true;
		}
		if (take_notice(container_of(p, struct notice, post), c, &callee->notice))
			return true;
		callee->notice = NULL;
	}
	return false;
}

static int
begin(struct lk_queue *q)
{
	int rc = lk_queue_fd(q);

	if (rc < 0)
		return rc;
	queue_begin(q);
	settle_ended(q);
	queue_settled(q);
	return 0;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

int
lk_queue_dispatch(struct lk_queue *q, unsigned max)
{
	struct lk_completion c;
	struct callee callee;
	unsigned n = 0;
	int rc = begin(q);

	if (rc != 0)
		return rc;
	max = least(max, INT32_MAX);
	while (n < max && take_next(q, &c, &callee)) {
		if (++n == max)
			queue_end(q); /* what is left is for others, however long this takes */
		if (callee.notice != NULL)
			callee.notice(c.arg, &c.notice);
		else if (callee.done != NULL)
			callee.done(c.arg, &c);
	}
	if (n < max || max == 0)
		queue_end(q);
	return (int)n;
}

int
lk_queue_reap(struct lk_queue *q, struct lk_completion *out, unsigned max)
{
	struct lk_completion c;
	struct callee callee;
	unsigned n = 0;
	uint32_t size;
	int rc;

	if (out == NULL && max > 0)
		return LK_E_INVAL;
	size = max > 0 ? out->size : sizeof(c);
	rc = size < offsetof(struct lk_completion, notice) ? LK_E_INVAL : begin(q);
	if (rc != 0)
		return rc;
	max = least(max, INT32_MAX);
	while (n < max && take_next(q, &c, &callee)) {
		void *to = (char *)out + (size_t)n * size;

		memset(to, 0, size);
		((struct lk_completion *)to)->size = size;
		copy_struct(to, &c, sizeof(c));
		n++;
	}
	queue_end(q);
	return (int)n;
}
