/* SPDX-License-Identifier: MIT */
/* A decision from its beginning to its end, and the requests about holds and places.  (DE1-DE11) */
#include "record/inside.h"

#include <string.h>

/* --------------------------------------------------------------------- what is there */

/* Its hold is not there: was it ended by others? */
static enum decide_result
lost_or_absent(struct decision *d, uint64_t born)
{
	const struct record_ending *e = record_ending_of(d->r, &d->q->who);

	if (e == NULL || (born != 0 && e->born != born))
		return DECIDE_ABSENT;
	d->out->why = (enum record_why)e->why;
	return DECIDE_LOST;
}

struct record_holder *
decide_hold(struct decision *d, enum decide_result *result)
{
	struct record_holder *h = record_holder_of(d->r, &d->q->who);

	if (h != NULL && (d->q->grant == 0 || h->born == d->q->grant))
		return h;
	*result = lost_or_absent(d, d->q->grant);
	return NULL;
}

/* A request that was decided before: where it is now; DECIDE_NOTHING: it is new.  (DE6) */
static enum decide_result
decided_before(const struct decision *d)
{
	const struct record_holder *h = record_holder_of(d->r, &d->q->who);
	const struct record_waiter *w = record_waiter_of(d->r, &d->q->who);

	if (w != NULL && w->request == d->q->request)
		return DECIDE_WAITS;
	if (h != NULL && (h->request == d->q->request || h->born == d->q->request))
		return DECIDE_GRANTED;
	return DECIDE_NOTHING;
}

/* Who says again what he waits for is there. */
static void
renew_place(struct decision *d)
{
	struct record_waiter *w = record_waiter_of(d->r, &d->q->who);

	if (w != NULL && w->ttl != 0 &&
	    settle_elapsed(d->v->now, w->renewed) >= w->ttl / 3) /* not each look is a write */
		w->renewed = d->v->now;
}

/* ----------------------------------------------------------------- asking for a mode */

/* The request as one who waits for `want` and `units`.  False: it contradicts what is there. */
static bool
make_waiter(struct decision *d, lk_mode want, uint32_t units, struct record_waiter *w)
{
	const struct decide_request *q = d->q;
	const struct record_holder *h = record_holder_of(d->r, &q->who);
	const struct record_waiter *there = record_waiter_of(d->r, &q->who);
	const bool detached = h != NULL       ? (h->flags & HOLDER_DETACHED) != 0
			      : there != NULL ? (there->flags & HOLDER_DETACHED) != 0
					      : (q->flags & DECIDE_DETACHED) != 0;

	memset(w, 0, sizeof(*w));
	w->who = q->who;
	w->request = q->request;
	w->since = w->renewed = d->v->now;
	w->ttl = q->ttl_ns;
	w->priority = q->priority;
	w->n_fences = q->n_fences != 0 ? q->n_fences : 1;
	w->units = units;
	w->want = (uint8_t)want;
	w->tag_len = (uint8_t)q->tag_len;
	if (q->tag_len > 0)
		memcpy(w->tag, q->tag, q->tag_len);
	if ((q->flags & DECIDE_POOL) != 0 && q->permits != 0) {
		w->flags = WAITER_POOL;
		w->firm = q->firm;
	}
	if (!detached)
		return (q->flags & DECIDE_DETACHED) == 0;
	w->flags |= HOLDER_DETACHED;
	w->lease = q->lease_ns != 0 ? q->lease_ns
		   : h != NULL      ? h->lease
		   : there != NULL  ? there->lease
				    : 0;
	return w->lease != 0;
}

static bool
is_pool(const struct decision *d)
{
	return (d->q->flags & DECIDE_POOL) != 0;
}

/* A pool that is not in use says another number: what it had, and waited for, is no reason against that. */
static void
forget_old_permits(struct decision *d)
{
	struct record *r = d->r;
	struct record_holder *h = record_holder_of(r, &d->q->who);
	struct record_waiter *w = record_waiter_of(r, &d->q->who);

	if (!is_pool(d) || d->q->keeps != 0 || r->permits == d->q->permits)
		return;
	if (h != NULL)
		h->units = 0;
	if (w != NULL)
		w->units = w->firm = 0;
	decide_forget_permits(r);
}

/* All who have or want units agree on how many there are. */
static bool
agree_on_permits(struct decision *d)
{
	if (d->q->permits == 0)
		return true;
	forget_old_permits(d);
	if (d->r->permits == 0)
		d->r->permits = d->q->permits;
	return d->r->permits == d->q->permits;
}

static enum decide_result
ask(struct decision *d, lk_mode want, uint32_t units, bool patient)
{
	struct record_waiter w;

	if (!make_waiter(d, want, units, &w) ||
	    (patient && (w.flags & HOLDER_DETACHED) != 0 && w.ttl == 0)) {
		d->trouble = DECIDE_BAD_REQUEST;
		return DECIDE_NOTHING;
	}
	return turn_join(d, &w, patient);
}

/* At least that, with what it has and wants already. */
static enum decide_result
ask_for_more(struct decision *d, lk_mode mode, bool patient)
{
	const struct record_waiter *there = record_waiter_of(d->r, &d->q->who);
	uint32_t has;
	const lk_mode held = record_held(d->r, &d->q->who, &has);
	lk_mode want = mode_supremum(held, mode);
	uint32_t units = d->q->units > has || is_pool(d) ? d->q->units : has;

	if (held == want && (is_pool(d) ? units == d->q->firm : has == units))
		return DECIDE_GRANTED;
	if (there != NULL && d->q->op == DECIDE_ACQUIRE) {
		want = mode_supremum(want, (lk_mode)there->want);
		units = there->units > units ? there->units : units;
	}
	return ask(d, want, units, patient);
}

static enum decide_result
do_acquire(struct decision *d)
{
	const enum decide_result before = decided_before(d);

	if (before != DECIDE_NOTHING) {
		renew_place(d);
		return before;
	}
	return ask_for_more(d, d->q->mode, (d->q->flags & DECIDE_WAIT) != 0);
}

/*
 * It writes no more.  The numbers of its block that it says it never used go back, if they are the latest: nobody has seen
 * them, so they can be handed out again (DE5).
 */
static void
spare_fences(struct decision *d, struct record_holder *h)
{
	const uint64_t last = d->q->fence > h->fence ? d->q->fence : h->fence;

	if (d->q->fence == 0 || h->fence == 0 || mode_writes((lk_mode)h->mode) ||
	    h->fence + h->n_fences - 1 != d->r->fence || last >= d->r->fence)
		return;
	d->r->fence = last;
	h->n_fences = (uint32_t)(last - h->fence + 1);
}

/* Of what it has whoever waits has no more than that. */
static void
has_no_more(struct record_waiter *w, uint32_t units)
{
	if (w == NULL || w->firm <= units)
		return;
	w->units -= w->firm - units;
	w->firm = units;
}

static enum decide_result
do_convert(struct decision *d)
{
	const struct decide_request *q = d->q;
	enum decide_result result = decided_before(d);
	struct record_holder *h = decide_hold(d, &result);

	if (h == NULL)
		return result;
	if (result != DECIDE_NOTHING) {
		renew_place(d);
		return result;
	}
	if (!mode_covers((lk_mode)h->mode, q->mode) || q->units > h->units)
		return ask(d, q->mode, q->units, (q->flags & DECIDE_WAIT) != 0);
	mark_leave(d, h, q->mode);
	h->mode = (uint8_t)q->mode;
	h->units = q->units;
	h->request = q->request;
	spare_fences(d, h);
	has_no_more(record_waiter_of(d->r, &q->who), h->units);
	turn_replace(d, &q->who);
	return DECIDE_GRANTED;
}

/* Leaves with all that it has.  False: it has no hold. */
static bool
give_all(struct decision *d, const struct record_id *who)
{
	struct record *r = d->r;
	struct record_holder *h = record_holder_of(r, who);
	struct record_waiter *w = record_waiter_of(r, who);

	if (w != NULL)
		turn_leave(r, w);
	if (h == NULL)
		return false;
	mark_leave(d, h, LK_NL);
	h->mode = LK_NL;
	spare_fences(d, h);
	holder_remove(r, h);
	return true;
}

/* Is there one behind `w` whom `h` keeps out, and would not in `mode`? */
static bool
is_place_by_mode(const struct record *r, const struct record_waiter *w,
		 const struct record_holder *h, lk_mode mode)
{
	const mode_set less = MODE_BIT(h->mode) & (mode_set)~MODE_BIT(mode);

	for (const struct record_waiter *o = w + 1; o < r->waiter + r->n_waiters; o++) {
		if ((mode_conflicts((lk_mode)o->want) & less) != 0)
			return true;
	}
	return false;
}

/*
 * A pool that waits gives back some of what it has, and goes on waiting for the same, or another owner's turn has come
 * there: if its place is not by what it gives back, it is kept.  (DE11)
 */
static bool
place_is_kept(const struct decision *d, const struct record_holder *h,
	      const struct record_waiter *w)
{
	const struct decide_request *q = d->q;

	return is_pool(d) && (w->flags & WAITER_POOL) != 0 &&
	       w->want == mode_supremum(q->mode, q->want) && q->units > q->firm &&
	       w->firm == q->firm && !is_place_by_mode(d->r, w, h, q->mode);
}

/* What `h` has beyond what the request says it keeps.  False: it has less there already. */
static bool
weaken(struct decision *d, struct record_holder *h)
{
	const struct decide_request *q = d->q;

	if (mode_covers((lk_mode)h->mode, q->mode)) {
		h->mode = (uint8_t)q->mode;
		if (is_pool(d) && q->keeps < h->units)
			h->units = q->keeps;
		spare_fences(d, h);
		if (q->mode == LK_NL)
			holder_remove(d->r, h);
		return true;
	}
	return mode_covers(q->mode, (lk_mode)h->mode);
}

/*
 * A pool whose turn came, and that does not know?  One that writes no more gives back what it does not write with, as
 * everybody: or it would be given the numbers again that it has given out (DE5).
 */
static bool
is_turn_of_pool(const struct decision *d, const struct record_holder *h)
{
	const struct decide_request *q = d->q;

	return is_pool(d) && q->permits != 0 && q->earlier != 0 && h->request == q->earlier &&
	       (mode_writes(q->mode) || !mode_writes((lk_mode)h->mode));
}

static enum decide_result
do_give_and_wait(struct decision *d)
{
	const struct decide_request *q = d->q;
	const enum decide_result before = decided_before(d);
	struct record_holder *h = record_holder_of(d->r, &q->who);
	struct record_waiter *w = record_waiter_of(d->r, &q->who);
	bool stays;

	if (before != DECIDE_NOTHING) {
		renew_place(d);
		return before;
	}
	if (h == NULL)
		return ask_for_more(d, q->want, true);
	if (q->grant != 0 && h->born != q->grant)
		return lost_or_absent(d, q->grant);
	if (w == NULL && is_turn_of_pool(d, h))
		return DECIDE_GRANTED;
	stays = w != NULL && place_is_kept(d, h, w);
	if (w != NULL && !stays)
		turn_leave(d->r, w); /* it came to its place by what it gives back */
	mark_leave(d, h, q->mode);
	if (!weaken(d, h)) {
		d->trouble = DECIDE_BAD_REQUEST; /* more here, less there: that may have to wait */
		return DECIDE_NOTHING;
	}
	if (stays)
		return ask(d, mode_supremum(q->mode, q->want), q->units, true);
	turn_scan(d); /* others first */
	return ask_for_more(d, q->want, true);
}

/* ------------------------------------------------------------------ giving, and leaving */

static enum decide_result
do_release(struct decision *d)
{
	const struct record_waiter *w = record_waiter_of(d->r, &d->q->who);
	enum decide_result result;

	if (decide_hold(d, &result) == NULL && (d->q->grant != 0 || w == NULL))
		return result;
	return give_all(d, &d->q->who) ? DECIDE_RELEASED : DECIDE_CANCELED;
}

static bool
is_meant(const struct decide_request *q, uint64_t request)
{
	return q->request == 0 || q->request == request;
}

static enum decide_result
do_cancel(struct decision *d)
{
	const struct record_holder *h = record_holder_of(d->r, &d->q->who);
	struct record_waiter *w = record_waiter_of(d->r, &d->q->who);

	if (w != NULL && is_meant(d->q, w->request)) {
		turn_leave(d->r, w);
		return DECIDE_CANCELED;
	}
	if (h != NULL && (is_meant(d->q, h->request) || is_meant(d->q, h->born)))
		return DECIDE_GRANTED;
	return lost_or_absent(d, d->q->grant != 0 ? d->q->grant : d->q->request);
}

static enum decide_result
do_poll(struct decision *d)
{
	const struct record_holder *h = record_holder_of(d->r, &d->q->who);
	const struct record_waiter *w = record_waiter_of(d->r, &d->q->who);

	if (w != NULL && is_meant(d->q, w->request)) {
		renew_place(d);
		return DECIDE_WAITS;
	}
	if (h != NULL && (is_meant(d->q, h->request) || is_meant(d->q, h->born)))
		return DECIDE_GRANTED;
	return lost_or_absent(d, d->q->grant != 0 ? d->q->grant : d->q->request);
}

static enum decide_result
do_renew(struct decision *d)
{
	enum decide_result result;
	struct record_holder *h = decide_hold(d, &result);

	if (h == NULL)
		return result;
	if ((h->flags & HOLDER_DETACHED) == 0)
		return DECIDE_DENIED; /* its session's heart beats, or does not */
	h->renewed = d->v->now;
	if (d->q->lease_ns != 0)
		h->lease = d->q->lease_ns;
	return DECIDE_DONE;
}

static enum decide_result
do_sweep(struct decision *d)
{
	(void)d; /* that is done by now */
	return DECIDE_DONE;
}

/* Does a guard let its numbers pass, as far as the record knows? */
static bool
has_latest_fence(const struct record *r, const struct record_holder *h)
{
	for (unsigned i = 0; i < r->n_holders; i++) {
		if (&r->holder[i] != h && mode_writes((lk_mode)r->holder[i].mode) &&
		    (r->holder[i].flags & HOLDER_KEPT) == 0)
			return false; /* and its numbers are to go on passing */
	}
	return h->fence != 0;
}

/* The end of a hold by force: a number above all that it had, if those are not past already.  (DE5) */
static bool
break_hold(struct decision *d, struct record_holder *h)
{
	if (has_latest_fence(d->r, h)) {
		d->out->fence = holder_mint(d, 1);
		d->out->n_fences = 1;
		if (d->out->fence == 0) {
			d->trouble = DECIDE_OUT_OF_FENCES;
			return false;
		}
	}
	settle_end(d, h, RECORD_WHY_BROKEN);
	return true;
}

static enum decide_result
do_break(struct decision *d)
{
	const struct record_id *who = &d->q->target;
	struct record_holder *h = record_holder_of(d->r, who);
	struct record_holder *kept = record_kept_of(d->r, who);
	struct record_waiter *w = record_waiter_of(d->r, who);

	if (h != NULL && d->q->grant != 0 && h->born != d->q->grant)
		return DECIDE_ABSENT;
	if (h == NULL && w == NULL && kept == NULL)
		return DECIDE_ABSENT;
	if (w != NULL)
		turn_leave(d->r, w);
	if (kept != NULL)
		holder_remove(d->r, kept);
	h = record_holder_of(d->r, who); /* it may have moved */
	return h == NULL || break_hold(d, h) ? DECIDE_DONE : DECIDE_NOTHING;
}

/* ------------------------------------------------------------------------ the table */

enum need {
	NEED_WHO = 1,
	NEED_REQUEST = 2,
	NEED_MODE = 4, /* one that can be held */
	NEED_WANT = 8,
	NEED_TARGET = 16,
	MAY_WAIT = 32,
	MAY_DETACH = 64,
	MAY_TELL = 128,
	MAY_POOL = 256
};

struct op_row {
	enum decide_result (*run)(struct decision *d);
	unsigned needs; /* enum need */
};

static const struct op_row op_rows[DECIDE_OPS] = {
	[DECIDE_ACQUIRE] = { do_acquire,
			     NEED_WHO | NEED_REQUEST | NEED_MODE | MAY_WAIT | MAY_DETACH },
	[DECIDE_CONVERT] = { do_convert,
			     NEED_WHO | NEED_REQUEST | NEED_MODE | MAY_WAIT | MAY_TELL },
	[DECIDE_RELEASE] = { do_release, NEED_WHO | MAY_TELL },
	[DECIDE_CANCEL] = { do_cancel, NEED_WHO },
	[DECIDE_POLL] = { do_poll, NEED_WHO },
	[DECIDE_RENEW] = { do_renew, NEED_WHO },
	[DECIDE_GIVE_AND_WAIT] = { do_give_and_wait, NEED_WHO | NEED_REQUEST | NEED_WANT |
							     MAY_WAIT | MAY_DETACH | MAY_TELL |
							     MAY_POOL },
	[DECIDE_SWEEP] = { do_sweep, 0 },
	[DECIDE_BREAK] = { do_break, NEED_TARGET },
	[DECIDE_VALUE_WRITE] = { value_write, NEED_WHO | NEED_REQUEST },
	[DECIDE_VALUE_READ] = { value_read, 0 },
	[DECIDE_RESERVE] = { value_reserve, NEED_WHO },
	[DECIDE_GUARD] = { value_guard, NEED_WHO },
};

static bool
is_nobody(const struct record_id *who)
{
	static const struct record_id nobody;

	return record_id_is(who, &nobody);
}

static bool
has_what_it_needs(const struct decide_request *q, unsigned needs)
{
	const uint32_t may = ((needs & MAY_WAIT) != 0 ? DECIDE_WAIT : 0u) |
			     ((needs & MAY_DETACH) != 0 ? DECIDE_DETACHED : 0u) |
			     ((needs & MAY_TELL) != 0 ? DECIDE_UNTOLD | DECIDE_UNHEARD : 0u) |
			     ((needs & MAY_POOL) != 0 ? DECIDE_POOL : 0u);

	return ((needs & NEED_WHO) == 0 || !is_nobody(&q->who)) &&
	       ((needs & NEED_TARGET) == 0 || !is_nobody(&q->target)) &&
	       ((needs & NEED_REQUEST) == 0 || q->request != 0) &&
	       ((needs & NEED_MODE) == 0 || mode_valid(q->mode)) &&
	       ((needs & NEED_WANT) == 0 || (mode_valid(q->want) && (unsigned)q->mode < MODE_N)) &&
	       (q->flags & ~may) == 0;
}

static enum decide_trouble
check_units(const struct decide_request *q)
{
	if (q->units > q->permits || q->keeps > q->permits || q->permits > RECORD_PERMITS_MAX ||
	    (q->units == 0 && q->keeps == 0 && q->permits != 0))
		return DECIDE_BAD_PERMITS;
	if (q->firm > q->units || q->firm > q->keeps ||
	    ((q->flags & DECIDE_POOL) == 0 && q->keeps != 0))
		return DECIDE_BAD_REQUEST;
	return DECIDE_FINE;
}

static enum decide_trouble
check_request(const struct decide_request *q)
{
	if ((unsigned)q->op >= DECIDE_OPS || !has_what_it_needs(q, op_rows[q->op].needs) ||
	    q->tag_len > RECORD_TAG || (q->tag == NULL && q->tag_len > 0) ||
	    q->value_len > LK_VALUE_MAX || (q->value == NULL && q->value_len > 0) ||
	    q->version >= RECORD_FENCE_MAX || (q->version != 0 && q->request == 0))
		return DECIDE_BAD_REQUEST;
	if (q->name == NULL || q->name_len == 0 || q->name_len > LK_NAME_MAX)
		return DECIDE_BAD_NAME;
	return check_units(q);
}

/* ------------------------------------------------------------- beginning and ending */

/* A record of nothing, whose numbers go on where those of any earlier one ended.  (DE8) */
static void
begin_new(struct decision *d)
{
	struct record *r = d->r;

	record_init(r, d->q->name, d->q->name_len);
	r->generation = r->fence = d->v->floor;
	r->settings = d->v->settings;
	r->clock = d->v->clock;
	r->epoch = d->v->epoch;
}

/* Does anybody have or want the name who is not dead? */
static bool
is_in_use(const struct record *r, const struct decide_view *v)
{
	for (uint32_t i = 0; i < r->n_holders; i++) {
		if (!settle_is_dead(v, &r->holder[i].who))
			return true;
	}
	for (uint32_t i = 0; i < r->n_waiters; i++) {
		if (!settle_is_dead(v, &r->waiter[i].who))
			return true;
	}
	return false;
}

static enum decide_trouble
begin(struct decision *d, const struct record *old)
{
	const struct decide_view *v = d->v;
	struct record *r = d->r;

	if (v->floor >= RECORD_FENCE_MAX - 1 ||
	    (old != NULL && old->generation >= RECORD_FENCE_MAX - 1))
		return DECIDE_OUT_OF_FENCES;
	if (old == NULL) {
		begin_new(d);
		return DECIDE_FINE;
	}
	if (old->name_len != d->q->name_len || memcmp(old->name, d->q->name, d->q->name_len) != 0)
		return DECIDE_BAD_NAME;
	if (v->epoch < old->epoch)
		return DECIDE_OLD_EPOCH;
	if (v->settings != old->settings && is_in_use(old, v))
		return DECIDE_BAD_SETTINGS;
	record_copy(r, old);
	r->settings = v->settings;
	if (v->epoch > r->epoch) {
		r->epoch = v->epoch;
		r->fence = v->floor > r->fence ? v->floor : r->fence;
	}
	return DECIDE_FINE;
}

void
decide_forget_permits(struct record *r)
{
	for (unsigned i = 0; i < r->n_holders; i++) {
		if (r->holder[i].units > 0)
			return;
	}
	for (unsigned i = 0; i < r->n_waiters; i++) {
		if (r->waiter[i].units > 0)
			return;
	}
	r->permits = 0;
}

static enum decide_result
run(struct decision *d)
{
	const struct op_row *row = &op_rows[d->q->op];
	enum decide_result result;

	settle(d);
	turn_scan(d);
	if ((row->needs & NEED_WHO) != 0 && settle_is_dead(d->v, &d->q->who)) {
		d->out->why = RECORD_WHY_DIED;
		result = DECIDE_LOST;
	} else if (!agree_on_permits(d)) {
		d->trouble = DECIDE_BAD_PERMITS;
		result = DECIDE_NOTHING;
	} else {
		value_bring(d);
		result = row->run(d);
	}
	turn_scan(d);
	if ((row->needs & MAY_WAIT) != 0 && result == DECIDE_GRANTED)
		mark_take(d);
	decide_forget_permits(d->r);
	return result;
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint64_t
due_at(const struct record *r)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < r->n_holders; i++) {
		const struct record_holder *h = &r->holder[i];

		if (h->lease != 0 && sum(h->renewed, h->lease) < due)
			due = sum(h->renewed, h->lease);
	}
	for (unsigned i = 0; i < r->n_waiters; i++) {
		const struct record_waiter *w = &r->waiter[i];

		if (w->ttl != 0 && sum(w->renewed, w->ttl) < due)
			due = sum(w->renewed, w->ttl);
	}
	return due;
}

static void
tell_of_hold(const struct decision *d, const struct record_holder *h)
{
	struct decide_outcome *out = d->out;

	out->held = (lk_mode)h->mode;
	out->units = h->units;
	out->born = h->born;
	out->is_orphaned = (h->flags & HOLDER_TOLD) != 0;
	out->expires_at = (h->flags & HOLDER_DETACHED) != 0 ? sum(h->renewed, h->lease) : 0;
	out->demand = record_demand_on(d->r, h);
	if (out->fence == 0) { /* or it says which are new */
		out->fence = h->fence;
		out->n_fences = h->n_fences;
	}
}

static void
tell_of_value(const struct decision *d)
{
	const struct record_value *v = &d->r->value;
	struct lk_value *out = &d->out->value;

	d->out->is_invalid = v->is_invalid;
	out->size = (uint32_t)sizeof(*out);
	out->flags = v->is_invalid ? LK_VALUE_INVALID : 0;
	out->version = v->version;
	out->len = v->len;
	memcpy(out->bytes, v->bytes, sizeof(out->bytes));
}

/*
 * The latest that stays handed out, whatever happens: of a block that may still be given back in part, the first.  Else a
 * reader would know of a number that is above those of later writers.
 */
static uint64_t
fence_for_readers(const struct record *r)
{
	for (unsigned i = 0; i < r->n_holders; i++) {
		const struct record_holder *h = &r->holder[i];

		if (h->fence != 0 && h->fence + h->n_fences - 1 == r->fence)
			return h->fence;
	}
	return r->fence;
}

static void
tell(const struct decision *d, const struct record *old)
{
	const struct record_holder *h = record_holder_of(d->r, &d->q->who);
	const struct record_waiter *w = record_waiter_of(d->r, &d->q->who);
	struct decide_outcome *out = d->out;

	if (h != NULL)
		tell_of_hold(d, h);
	if (w != NULL) {
		out->want = (lk_mode)w->want;
		out->ahead = (uint32_t)(w - d->r->waiter);
		out->waits_id = w->request;
	}
	tell_of_value(d);
	out->last_fence = fence_for_readers(d->r);
	out->due_at = due_at(d->r);
	out->is_idle = record_is_idle(d->r);
	out->changed =
		old == NULL ? !out->is_idle || d->r->fence != d->v->floor : !record_same(old, d->r);
}

int
decide(const struct record *old, const struct decide_request *q, const struct decide_view *v,
       struct record *fresh, struct decide_outcome *out)
{
	struct decision d = { fresh, q, v, out, DECIDE_FINE };

	memset(out, 0, sizeof(*out));
	d.trouble = check_request(q);
	if (d.trouble == DECIDE_FINE)
		d.trouble = begin(&d, old);
	if (d.trouble == DECIDE_FINE)
		out->result = run(&d);
	if (d.trouble == DECIDE_FINE && out->result == DECIDE_DEADLOCK &&
	    q->op == DECIDE_GIVE_AND_WAIT) {
		/* What it would give back stays with it: all or nothing. */
		(void)begin(&d, old); /* it went well before */
		settle(&d);
		turn_scan(&d);
		value_bring(&d);
		decide_forget_permits(fresh);
	}
	out->trouble = d.trouble;
	if (d.trouble != DECIDE_FINE) {
		out->result = DECIDE_NOTHING;
		return decide_trouble_code(d.trouble);
	}
	tell(&d, old);
	if (out->changed)
		fresh->generation++;
	return 0;
}
