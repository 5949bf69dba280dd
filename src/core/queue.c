/* SPDX-License-Identifier: MIT */
/* Queues: the lists, and the bell.  (A1-A4) */
#include "core/queue.h"
#include "base/bell.h"

/* Under the latch: there is something.  True: the caller rings once the latch is open. */
static bool
is_to_ring(struct lk_queue *q)
{
	if (q->is_rung || q->n_settling != 0)
		return false;
	q->is_rung = true;
	shim_add(&q->n_ringing, 1u,
		 SHIM_RELAXED); /* under the latch, so lk_queue_close() sees it */
	return true;
}

static void
open_and_ring(struct lk_queue *q, bool rings)
{
	latch_unlock(&q->latch);
	if (!rings)
		return;
	bell_ring(q->fd);
	shim_sub(&q->n_ringing, 1u, SHIM_RELEASE);
}

static bool
is_empty(const struct lk_queue *q)
{
	return q->ended.next == &q->ended && q->ready.next == &q->ready;
}

void
queue_expect(struct lk_queue *q, struct post *p)
{
	latch_lock(&q->latch);
	p->place = POST_NOWHERE;
	shim_store(&p->queue, (void *)q, SHIM_RELEASE);
	q->n_expected++;
	latch_unlock(&q->latch);
}

/* Under the latch. */
static void
take_out(struct post *p)
{
	if (p->place != POST_NOWHERE)
		cds_list_del(&p->node);
	p->place = POST_NOWHERE;
}

static void
forget(struct lk_queue *q, struct post *p)
{
	take_out(p);
	shim_store(&p->queue, NULL, SHIM_RELAXED);
	q->n_expected--;
}

void
queue_forget(struct lk_queue *q, struct post *p)
{
	latch_lock(&q->latch);
	forget(q, p);
	latch_unlock(&q->latch);
}

void
queue_bring(struct post *p)
{
	struct lk_queue *q = shim_load(&p->queue, SHIM_ACQUIRE);
	bool rings = false;

	if (q == NULL)
		return;
	latch_lock(&q->latch);
	if (shim_load(&p->queue, SHIM_RELAXED) == q && p->place == POST_NOWHERE) { /* (A1, A4) */
		cds_list_add_tail(&p->node, &q->ended);
		p->place = POST_ENDED;
		rings = is_to_ring(q);
	}
	open_and_ring(q, rings);
}

void
queue_post(struct lk_queue *q, struct post *p)
{
	bool rings = false;

	latch_lock(&q->latch);
	if (p->place != POST_READY) {
		take_out(p);
		cds_list_add_tail(&p->node, &q->ready);
		p->place = POST_READY;
		rings = is_to_ring(q);
	}
	open_and_ring(q, rings);
}

void
queue_begin(struct lk_queue *q)
{
	bell_silence(q->fd);
	latch_lock(&q->latch);
	q->is_rung = false;
	q->n_settling++;
	latch_unlock(&q->latch);
}

void
queue_settled(struct lk_queue *q)
{
	latch_lock(&q->latch);
	q->n_settling--;
	latch_unlock(&q->latch);
}

void
queue_end(struct lk_queue *q)
{
	bool rings;

	latch_lock(&q->latch);
	rings = !is_empty(q);
	q->is_rung = rings;
	if (rings) /* whoever else rang, or is about to look: that may have been silenced by us */
		shim_add(&q->n_ringing, 1u, SHIM_RELAXED);
	open_and_ring(q, rings);
}

struct post *
queue_take_ended(struct lk_queue *q)
{
	struct post *p = NULL;

	latch_lock(&q->latch);
	if (q->ended.next != &q->ended) {
		p = container_of(q->ended.next, struct post, node);
		take_out(p);
	}
	latch_unlock(&q->latch);
	return p;
}

struct post *
queue_take_ready(struct lk_queue *q)
{
	struct post *p = NULL;

	latch_lock(&q->latch);
	if (q->ready.next != &q->ready) {
		p = container_of(q->ready.next, struct post, node);
		forget(q, p);
	}
	latch_unlock(&q->latch);
	return p;
}

bool
queue_change(struct lk_queue *q, struct post *p, void (*change)(struct post *p))
{
	bool is_there;

	latch_lock(&q->latch);
	is_there = shim_load(&p->queue, SHIM_RELAXED) == q && p->place == POST_READY;
	if (is_there)
		change(p);
	latch_unlock(&q->latch);
	return is_there;
}

/* ------------------------------------------------------------------- public */

int
lk_queue_open(struct lk_manager *m, struct lk_queue **out)
{
	struct lk_queue *q;
	int rc;
	int fd;

	if (m == NULL || out == NULL)
		return LK_E_INVAL;
	rc = manager_gate(m);
	if (rc != 0)
		return rc;
	fd = bell_open();
	if (fd < 0)
		return LK_E_LIMIT;
	q = slab_get(&m->queues);
	if (q == NULL) {
		bell_close(fd);
		return LK_E_NOMEM;
	}
	if (q->manager == NULL) { /* new memory (S3) */
		q->manager = m;
		latch_init(&q->latch);
		CDS_INIT_LIST_HEAD(&q->ended);
		CDS_INIT_LIST_HEAD(&q->ready);
	}
	latch_lock(&q->latch);
	q->fd = fd;
	q->is_open = true;
	q->is_rung = false;
	latch_unlock(&q->latch);
	shim_add(&m->n_queues, 1u, SHIM_RELAXED);
	*out = q;
	return 0;
}

/* Is it a queue that is open?  0 or the code to return. */
static int
check(struct lk_queue *q)
{
	int rc;

	if (q == NULL)
		return LK_E_INVAL;
	rc = manager_gate(q->manager);
	if (rc == LK_E_FORKED)
		return rc;
	return q->is_open ? 0 : LK_E_STALE;
}

int
lk_queue_close(struct lk_queue *q)
{
	int rc = check(q);

	if (rc != 0)
		return rc;
	latch_lock(&q->latch);
	if (q->n_expected != 0 || shim_load(&q->n_owners, SHIM_ACQUIRE) != 0)
		rc = LK_E_BUSY;
	else
		q->is_open = false;
	latch_unlock(&q->latch);
	if (rc != 0)
		return rc;
	while (shim_load(&q->n_ringing, SHIM_ACQUIRE) != 0) /* it is in a system call, no more */
		shim_pause();
	bell_close(q->fd);
	shim_sub(&q->manager->n_queues, 1u, SHIM_RELEASE);
	slab_put(&q->manager->queues, q);
	return 0;
}

int
lk_queue_fd(struct lk_queue *q)
{
	int rc = check(q);

	return rc != 0 ? rc : q->fd;
}
