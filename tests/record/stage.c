/* SPDX-License-Identifier: MIT */
/* See stage.h.  (DE1-DE8, RF1, RF2) */
#include "stage.h"

const char stage_name[] = "a name";

/* Room for what is decided on the way; one thread. */
static struct record again;
static uint8_t bytes[RECORD_BYTES], bytes_again[RECORD_BYTES];

struct record_id
stage_id(int who)
{
	struct record_id id;

	memset(&id, 'a' + who, sizeof(id));
	return id;
}

struct decide_view
stage_view(uint64_t now)
{
	struct decide_view v = { .now = now, .clock = 7, .settings = 11, .floor = 1000 };

	v.remember_ns =
		1; /* what is lost is absent a step later: the reference does not remember */
	return v;
}

struct decide_request
stage_request(const struct ref_ask *a)
{
	struct decide_request q = { .op = a->op, .request = a->request, .name = stage_name };

	q.name_len = STAGE_NAME;
	q.who = stage_id(a->who);
	q.target = q.who;
	q.mode = a->mode;
	q.want = a->want;
	q.priority = a->priority;
	q.flags = (a->wait ? DECIDE_WAIT : 0u) | (a->untold ? DECIDE_UNTOLD : 0u) |
		  (a->unheard ? DECIDE_UNHEARD : 0u);
	q.value = "seen";
	q.value_len = 4;
	q.version = a->brings;
	q.is_invalid = a->brings_invalid;
	return q;
}

/* ------------------------------------------------------------------------ comparing */

static void
compare_holder(const struct ref_hold *h, const struct record *r)
{
	const struct record_id id = stage_id(h->who);
	const struct record_holder *x = record_holder_of(r, &id);

	cr_assert_not_null(x, "%c holds nothing", 'a' + h->who);
	cr_assert_eq(x->mode, (unsigned)h->mode);
	cr_assert_eq(x->born, h->born, "%c: %llu, but the reference %llu", h->who + 97,
		     (unsigned long long)x->born, (unsigned long long)h->born);
	cr_assert_eq(x->request, h->latest);
	cr_assert_eq(x->fence, h->fence);
	cr_assert_eq((x->flags & HOLDER_TOLD) != 0, h->told);
}

static void
compare(const struct scene *s)
{
	const struct record *r = &s->record;

	cr_assert_eq((int)r->n_holders, s->ref.n_holds);
	cr_assert_eq((int)r->n_waiters, s->ref.n_line);
	for (int i = 0; i < s->ref.n_holds; i++)
		compare_holder(&s->ref.hold[i], r);
	for (int i = 0; i < s->ref.n_line; i++) {
		const struct ref_wait *w = &s->ref.line[i];
		const struct record_id id = stage_id(w->who);

		cr_assert(record_id_is(&r->waiter[i].who, &id), "place %d is another's", i);
		cr_assert_eq(r->waiter[i].want, (unsigned)w->want);
		cr_assert_eq(r->waiter[i].request, w->request);
		cr_assert_eq((unsigned)r->waiter[i].passed, w->passed);
	}
	cr_assert_eq(r->fence, s->ref.fence);
	cr_assert_eq(r->is_orphaned, s->ref.orphaned);
	cr_assert_eq(r->value.version, s->ref.version);
	cr_assert_eq(r->value.is_invalid, s->ref.invalid);
}

/* ----------------------------------------------------------------- what must be so */

/* (RF1, RF2) */
static void
goes_through_bytes(struct record *r)
{
	const size_t n = record_encode(r, bytes);

	cr_assert_eq(n, record_size(r));
	cr_assert_null(record_absurdity(r), "%s", record_absurdity(r));
	cr_assert_eq(record_decode(&again, bytes, n, stage_name, STAGE_NAME), RECORD_FINE);
	cr_assert_eq(record_encode(&again, bytes_again), n);
	cr_assert(memcmp(bytes, bytes_again, n) == 0);
	cr_assert(record_same(r, &again));
}

/* (DE2) */
static void
nobody_waits_in_vain(const struct record *r)
{
	for (unsigned i = 0; i < r->n_waiters; i++) {
		const struct record_waiter *w = &r->waiter[i];
		bool blocked = false;

		for (unsigned k = 0; k < r->n_holders; k++)
			blocked |= !record_id_is(&r->holder[k].who, &w->who) &&
				   ref_conflict((lk_mode)r->holder[k].mode, (lk_mode)w->want);
		for (unsigned k = 0; k < i; k++)
			blocked |= ref_conflict((lk_mode)r->waiter[k].want, (lk_mode)w->want);
		cr_assert(blocked, "place %u could be granted", i);
	}
}

/* A newcomer that is granted passes nobody whom it keeps out, but for its priority.  (DE3) */
static void
nobody_is_overtaken(const struct record *old, const struct record *fresh,
		    const struct decide_request *q)
{
	const struct record_holder *h = record_holder_of(fresh, &q->who);

	if (h == NULL || record_holder_of(old, &q->who) != NULL ||
	    record_waiter_of(old, &q->who) != NULL)
		return;
	for (unsigned i = 0; i < fresh->n_waiters; i++)
		cr_assert(!ref_conflict((lk_mode)fresh->waiter[i].want, (lk_mode)h->mode) ||
				  q->priority > fresh->waiter[i].priority,
			  "a newcomer went past place %u", i);
}

/* (DE5) */
static void
fences_rise(const struct record *old, const struct record *fresh)
{
	cr_assert_ge(fresh->fence, old->fence);
	for (unsigned i = 0; i < fresh->n_holders; i++) {
		const struct record_holder *h = &fresh->holder[i];
		const struct record_holder *was = record_holder_of(old, &h->who);

		if (h->fence != 0 &&
		    (was == NULL || was->born != h->born || was->fence != h->fence))
			cr_assert_gt(h->fence, old->fence);
	}
}

static unsigned
count_hints(const struct decide_hint *hint, size_t n, const struct record_id *who,
	    enum decide_news what)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += hint[i].what == what && record_id_is(&hint[i].who, who);
	return found;
}

/* Who came out of the line, and who is in somebody's way since, is told, and nobody else. */
static void
hints_are_right(const struct record *old, const struct record *fresh, const struct record_id *who)
{
	struct decide_hint hint[4 * REF_SESSIONS];
	const size_t n = decide_hints(old, fresh, who, hint, countof(hint));

	cr_assert_le(n, countof(hint));
	for (int i = 0; i < REF_SESSIONS; i++) {
		const struct record_id id = stage_id(i);
		const struct record_waiter *was = record_waiter_of(old, &id);
		const struct record_holder *is = record_holder_of(fresh, &id);
		const bool other = !record_id_is(&id, who);
		const bool granted = was != NULL && is != NULL && is->request == was->request;

		cr_assert_eq(count_hints(hint, n, &id, NEWS_GRANTED), (unsigned)(granted && other));
		if (is == NULL || record_demand_on(fresh, is).n == 0)
			cr_assert_eq(count_hints(hint, n, &id, NEWS_BLOCKS), 0u);
		else if (other && record_holder_of(old, &id) == NULL)
			cr_assert_eq(count_hints(hint, n, &id, NEWS_BLOCKS), 1u);
	}
}

/* What the same request says when it is decided once more. */
static enum decide_result
said_again(enum decide_op op, enum decide_result result)
{
	switch (op) {
	case DECIDE_RELEASE:
	case DECIDE_BREAK:
		return DECIDE_ABSENT;
	case DECIDE_CANCEL:
		return result == DECIDE_CANCELED ? DECIDE_ABSENT : result;
	default:
		return result;
	}
}

/* (DE6) */
static void
is_idempotent(const struct record *fresh, const struct decide_request *q,
	      const struct decide_view *v, enum decide_result result)
{
	struct decide_outcome out;

	if (q->op == DECIDE_RESERVE)
		return;
	cr_assert_eq(decide(fresh, q, v, &again, &out), 0);
	if (q->op == DECIDE_CANCEL && out.result == DECIDE_GRANTED)
		return; /* it had asked for more than it holds */
	cr_assert_eq(out.result, said_again(q->op, result), "op %d said %d, and then %d",
		     (int)q->op, (int)result, (int)out.result);
	cr_assert(!out.changed);
	cr_assert_eq(again.generation, fresh->generation);
}

bool
stage_step(const struct scene *from, const struct ref_ask *a, int dead, uint64_t now,
	   struct scene *to)
{
	const struct record_id dead_id = stage_id(dead);
	struct record nothing;
	const struct record *old = from->is_there ? &from->record : NULL;
	const struct decide_request q = stage_request(a);
	struct decide_view v = stage_view(now);
	struct decide_outcome out;
	struct ref_ask with_floor = *a;
	enum decide_result result;
	int rc;

	with_floor.floor = v.floor;
	v.dead = &dead_id;
	v.n_dead = dead >= 0;
	to->ref = from->ref;
	if (dead >= 0)
		ref_die(&to->ref, dead);
	result = ref_ask(&to->ref, &with_floor);
	rc = decide(old, &q, &v, &to->record, &out);
	if (result == DECIDE_NOTHING) {
		cr_assert_eq(rc, LK_E_INVAL);
		return false;
	}
	cr_assert_eq(rc, 0, "op %d: %s", (int)a->op, decide_trouble_text(out.trouble));
	cr_assert_eq(out.result, result, "op %d: %d, but the reference %d", (int)a->op,
		     (int)out.result, (int)result);
	to->is_there = from->is_there || out.changed;
	compare(to);
	goes_through_bytes(&to->record);
	nobody_waits_in_vain(&to->record);
	hints_are_right(old != NULL ? old
				    : (record_init(&nothing, stage_name, STAGE_NAME), &nothing),
			&to->record, &q.who);
	if (old != NULL) {
		cr_assert_eq(to->record.generation, old->generation + out.changed);
		cr_assert_eq(out.changed, !record_same(old, &to->record));
		fences_rise(old, &to->record);
		nobody_is_overtaken(old, &to->record, &q);
	}
	is_idempotent(&to->record, &q, &v, result);
	return true;
}

void
stage_drain(const struct scene *from)
{
	static struct record now, then;
	struct decide_outcome out;
	bool moved = true;

	record_copy(&now, &from->record);
	while (moved) {
		moved = false;
		for (int i = 0; i < REF_SESSIONS; i++) {
			const struct ref_ask a = { .op = DECIDE_RELEASE, .who = i };
			const struct decide_request q = stage_request(&a);
			const struct decide_view v = stage_view(1000000);

			if (record_holder_of(&now, &q.who) == NULL ||
			    record_waiter_of(&now, &q.who) != NULL)
				continue;
			cr_assert_eq(decide(&now, &q, &v, &then, &out), 0);
			record_copy(&now, &then);
			moved = true;
		}
	}
	cr_assert_eq(now.n_waiters, 0, "those who wait, wait for each other");
	cr_assert_eq(now.n_holders, 0);
}
