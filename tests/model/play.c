/* SPDX-License-Identifier: MIT */
/* Playing a script: the calls of both sides, the order of events. */
#include "play.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool
differ(struct stage *t, const char *format, ...)
{
	va_list args;

	if (!t->verdict->agree)
		return false;
	t->verdict->agree = false;
	va_start(args, format);
	vsnprintf(t->verdict->what, sizeof(t->verdict->what), format, args);
	va_end(args);
	return false;
}

/* ------------------------------------------------------- calls that may sleep */

static struct lk_options
options_of(const struct op *op)
{
	struct lk_options o = LK_OPTIONS_INIT;

	o.flags = (op->nowait ? LK_NOWAIT : 0) | (op->parents ? LK_PARENTS : 0);
	o.timeout_ns = op->time;
	o.priority = op->priority;
	o.units = op->units;
	o.permits = op->permits;
	return o;
}

static struct lk_resource *
handle_of(struct stage *t, unsigned name)
{
	if (t->handle[name] == NULL &&
	    lk_resource_open(t->m, script_names[name], &t->handle[name]) != 0)
		return NULL;
	return t->handle[name];
}

/* The call that has its own name. */
static int
lk_call_units(struct actor *a, const struct lk_options *o)
{
	const char *name = script_names[a->op.name[0]];
	struct lk_options rest = *o;

	rest.units = rest.permits = 0;
	return lk_acquire_units(a->lk, name, strlen(name), o->units, o->permits, &rest, a->out);
}

/* Without options where none are needed, by way of the other entries of the library. */
static int
lk_call_acquire(struct actor *a, const struct lk_options *o)
{
	const struct op *op = &a->op;
	const char *name = script_names[op->name[0]];
	lk_mode mode = op->kind == OP_UNITS ? LK_IX : (lk_mode)op->mode[0];
	bool plain = o->flags == 0 && o->timeout_ns == 0 && o->priority == 0 && o->units == 0;

	if (op->handle)
		return lk_acquire_on(a->lk, handle_of(a->stage, op->name[0]), mode,
				     plain ? NULL : o, a->out);
	if (op->kind == OP_UNITS && op->parents)
		return lk_call_units(a, o);
	if (o->flags == LK_NOWAIT && o->priority == 0 && o->units == 0)
		return lk_try_acquire(a->lk, name, mode, a->out);
	return lk_acquire(a->lk, name, mode, plain ? NULL : o, a->out);
}

static int
lk_call_batch(struct actor *a, const struct lk_options *o)
{
	struct lk_request r[REF_BATCH];

	memset(r, 0, sizeof(r));
	for (unsigned i = 0; i < a->op.n_items; i++) {
		r[i].name = script_names[a->op.name[i]];
		r[i].mode = (lk_mode)a->op.mode[i];
	}
	return lk_acquire_many(a->lk, r, a->op.n_items, o, a->out);
}

static void
lk_call(void *arg)
{
	struct actor *a = arg;
	const struct lk_options o = options_of(&a->op);

	switch (a->op.kind) {
	case OP_ACQUIRE:
	case OP_UNITS:
		a->rc = lk_call_acquire(a, &o);
		break;
	case OP_BATCH:
		a->rc = lk_call_batch(a, &o);
		break;
	case OP_CONVERT:
		a->rc = lk_convert(a->lk, a->on.lk, (lk_mode)a->op.mode[0], &o);
		break;
	case OP_MOVE:
		a->rc = lk_move(a->lk, a->on.lk, script_names[a->op.name[0]],
				strlen(script_names[a->op.name[0]]), &o, a->out);
		break;
	default:
		a->rc = lk_upgrade(a->lk, a->on.lk, &o);
	}
}

static void
ref_call(void *arg)
{
	struct actor *a = arg;
	struct ref *m = &a->stage->ref;
	const struct op *op = &a->op;
	struct ref_request q = {
		.nowait = op->nowait,
		.parents = op->parents,
		.timeout = op->time,
		.priority = op->priority,
		.units = op->units,
		.permits = op->permits,
	};
	struct ref_item item[REF_BATCH];

	for (unsigned i = 0; i < op->n_items; i++)
		item[i] = (struct ref_item){ script_names[op->name[i]], (lk_mode)op->mode[i] };
	switch (op->kind) {
	case OP_ACQUIRE:
		a->ref_rc = ref_acquire(m, a->index, item[0].name, item[0].mode, &q, a->ref_out);
		break;
	case OP_UNITS:
		a->ref_rc = ref_acquire_units(m, a->index, item[0].name, &q, a->ref_out);
		break;
	case OP_BATCH:
		a->ref_rc = ref_acquire_many(m, a->index, item, op->n_items, &q, a->ref_out);
		break;
	case OP_CONVERT:
		a->ref_rc = ref_convert(m, a->index, a->on.ref, item[0].mode, &q);
		break;
	case OP_MOVE:
		a->ref_rc = ref_move(m, a->index, a->on.ref, item[0].name, &q, a->ref_out);
		break;
	default:
		a->ref_rc = ref_convert(m, a->index, a->on.ref, LK_X, &q);
	}
	if (a->ref_rc == 0 && op->kind != OP_MOVE)
		ref_escalate(m, a->index);
}

/* ---------------------------------------------------------- who can go on, does */

static bool
is_due(const struct actor *a)
{
	return a->fiber.busy && (a->woken || a->stage->now >= a->until);
}

static bool
ref_due(const struct actor *a)
{
	return a->ref_fiber.busy && ref_is_due(&a->stage->ref, a->index);
}

/* The first owner that can go on, until there is none. */
static bool
run_due(struct stage *t, bool (*due)(const struct actor *a), bool ref)
{
	unsigned patience = 10000;
	int i = 0;

	while (i < t->script->owners) {
		struct actor *a = &t->actor[i++];

		if (!due(a))
			continue;
		if (patience-- == 0)
			return differ(t, "owner %d is woken again and again", a->index);
		fiber_resume(ref ? &a->ref_fiber : &a->fiber);
		i = 0;
	}
	return true;
}

static void
drop_pair(struct actor *a, size_t i)
{
	a->old = a->pair[i];
	a->n_pairs--;
	memmove(&a->pair[i], &a->pair[i + 1], (a->n_pairs - i) * sizeof(a->pair[0]));
}

/* Grants that the reference has no more are the actor's no more. */
static void
prune(struct actor *a)
{
	for (size_t i = a->n_pairs; i-- > 0;) {
		if (ref_grant_of(&a->stage->ref, a->index, a->pair[i].ref) == NULL)
			drop_pair(a, i);
	}
}

static void
count_result(struct stage *t, int rc)
{
#define RESULT_COUNT(code, counter) t->results[RESULT_##code] += rc == LK_E_##code;
	RESULT_LIST(RESULT_COUNT)
#undef RESULT_COUNT
}

static bool
compare_results(struct actor *a)
{
	struct stage *t = a->stage;
	bool grants = a->op.kind == OP_ACQUIRE || a->op.kind == OP_BATCH || a->op.kind == OP_MOVE ||
		      a->op.kind == OP_UNITS;

	count_result(t, a->rc);
	t->conversions += !grants && a->rc == 0;
	a->calls = false;
	if (t->trace != NULL)
		fprintf(t->trace, "\towner %d: %s\n", a->index, lk_errname(a->rc));
	if (a->rc != a->ref_rc)
		return differ(t, "the call of owner %d says %s, but should say %s", a->index,
			      lk_errname(a->rc), lk_errname(a->ref_rc));
	for (unsigned i = 0; grants && a->rc == 0 && i < a->op.n_items; i++)
		a->pair[a->n_pairs++] = (struct pair){ a->out[i], a->ref_out[i] };
	return true;
}

static bool
settle(struct stage *t)
{
	if (!run_due(t, is_due, false) || !run_due(t, ref_due, true))
		return false;
	for (int i = 0; i < t->script->owners; i++) {
		struct actor *a = &t->actor[i];

		if (!a->calls)
			continue;
		if (a->fiber.busy != a->ref_fiber.busy)
			return differ(t, "the call of owner %d %s, but should %s", i,
				      a->fiber.busy ? "waits" : "has returned",
				      a->fiber.busy ? lk_errname(a->ref_rc) : "wait");
		if (!a->fiber.busy && !compare_results(a))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------ one operation */

/* The grant that an operation is about: one that is held, or one that is not. */
static struct pair
pick(const struct actor *a, const struct op *op)
{
	static const struct pair none = { 0, 0 };
	const struct actor *next = &a->stage->actor[(a->index + 1) % a->stage->script->owners];
	size_t i = op->grant % (a->n_pairs + 1);

	if (i < a->n_pairs)
		return a->pair[i];
	if (a->old.lk != 0)
		return a->old;
	return next->n_pairs > 0 ? next->pair[0] : none;
}

bool
compare_code(struct stage *t, int rc, int should)
{
	if (t->trace != NULL)
		fprintf(t->trace, "\t%s\n", lk_errname(rc));
	if (rc != should)
		return differ(t, "it says %s, but should say %s", lk_errname(rc),
			      lk_errname(should));
	return true;
}

static bool
start_call(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;
	lk_mode to = op->kind == OP_UPGRADE ? LK_X : (lk_mode)op->mode[0];

	if (op->kind == OP_CONVERT || op->kind == OP_UPGRADE) {
		int rc = lk_can_convert(a->lk, a->on.lk, to);
		int should = ref_can_convert(&t->ref, a->index, a->on.ref, to);

		if (rc != should)
			return differ(t, "lk_can_convert says %s, but should say %s",
				      lk_errname(rc), lk_errname(should));
	}
	a->op = *op;
	a->calls = true;
	fiber_call(&a->fiber, lk_call, a);
	fiber_call(&a->ref_fiber, ref_call, a);
	return true;
}

/* The priority of an owner. */
static int32_t
rank_of(const struct script *s, int owner)
{
	static const int32_t rank[REF_OWNERS] = { 0, 2, 0, 1 };

	return s->ranks ? rank[owner] : 0;
}

static int
open_owner(struct actor *a)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	const char label[2] = { (char)('0' + a->index), '\0' };

	a->opening++;
	o.label = label;
	o.flags = a->stage->script->shared ? LK_OWNER_SHARED : 0;
	o.priority = rank_of(a->stage->script, a->index);
	return lk_owner_open(a->stage->m, &o, &a->lk);
}

struct order {
	const struct actor *a;
	lk_grant id[REF_GRANTS];
	size_t n;
};

static int
note_grant(void *arg, const struct lk_grant_info *grant)
{
	struct order *o = arg;

	for (size_t i = 0; i < o->a->n_pairs; i++) {
		if (o->a->pair[i].lk == grant->grant)
			o->id[o->n++] = o->a->pair[i].ref;
	}
	return 0;
}

/* All that an owner holds goes, in the order in which the library gives it back: from its last slot down. */
static void
forget_all(struct actor *a)
{
	static struct order o;
	lk_grant id[REF_GRANTS];

	o.a = a;
	o.n = 0;
	if (lk_owner_each(a->lk, note_grant, &o) != 0)
		return; /* which it never says */
	for (size_t i = 0; i < o.n; i++)
		id[i] = o.id[o.n - 1 - i];
	ref_release_all(&a->stage->ref, a->index, id, o.n);
}

static bool
reopen(struct actor *a)
{
	forget_all(a);
	ref_forget_cancel(&a->stage->ref, a->index);
	if (lk_owner_close(a->lk) != 0 || open_owner(a) != 0)
		return differ(a->stage, "an owner could not be opened again");
	return true;
}

static bool
downgrade(struct actor *a)
{
	int rc = lk_downgrade(a->lk, a->on.lk);

	a->stage->conversions += rc == 0;
	if (!compare_code(a->stage, rc, ref_downgrade(&a->stage->ref, a->index, a->on.ref)))
		return false;
	if (rc == 0)
		ref_escalate(&a->stage->ref, a->index);
	return true;
}

static bool
do_op(struct actor *a, const struct op *op)
{
	struct stage *t = a->stage;
	const char *name = script_names[op->name[0]];

	switch ((enum op_kind)op->kind) {
	case OP_ACQUIRE:
	case OP_BATCH:
	case OP_CONVERT:
	case OP_UPGRADE:
	case OP_MOVE:
	case OP_UNITS:
		return start_call(a, op);
	case OP_DOWNGRADE:
		return downgrade(a);
	case OP_RELEASE:
		return compare_code(t, lk_release(a->lk, a->on.lk),
				    ref_release(&t->ref, a->index, a->on.ref));
	case OP_RELEASE_NAME:
		return compare_code(t, lk_release_name(a->lk, name, strlen(name)),
				    ref_release_name(&t->ref, a->index, name));
	case OP_RELEASE_ALL:
		forget_all(a);
		return compare_code(t, lk_release_all(a->lk), 0);
	case OP_REOPEN:
		return reopen(a);
	case OP_CANCEL:
		ref_cancel(&t->ref, a->index);
		return compare_code(t, lk_owner_cancel(a->lk), 0);
	case OP_ADVANCE:
		t->now += op->time;
		t->ref.now = t->now;
		return true;
	case OP_SWEEP:
		return compare_sweep(t);
	case OP_TRANSFER:
		return play_transfer(a, op);
	case OP_SAVEPOINT:
		return play_savepoint(a, op);
	case OP_ROLLBACK:
		return play_rollback(a, op);
	case OP_DEESCALATE:
		return play_deescalate(a, op);
	case OP_KINDS:
		break;
	}
	return differ(t, "no such operation");
}

enum { GRANTS_MANY = 96 };

/* Who waits does nothing else; others may do things to it. */
static bool
is_left_out(const struct actor *a, const struct op *op)
{
	const struct actor *to = &a->stage->actor[op->to];
	const bool of_owner =
		op->kind != OP_CANCEL && op->kind != OP_ADVANCE && op->kind != OP_SWEEP;

	if (a->stage->batches_only && op->kind == OP_BATCH && a->n_pairs > 0)
		return true;
	if (op->kind == OP_TRANSFER && to->calls && !a->stage->script->shared)
		return true; /* nobody may act for it */
	if (a->n_pairs > GRANTS_MANY && op->kind == OP_BATCH)
		return true; /* to compare them would take all the time */
	return (a->calls && of_owner) || a->stage->ref.n_grants + REF_BATCH > REF_GRANTS;
}

/* Batches of owners that hold nothing else: somebody does not wait, and can let the others on. */
static bool
is_no_ring(struct stage *t)
{
	if (!t->batches_only || t->ref.n_waiters == 0)
		return true;
	for (int i = 0; i < t->script->owners; i++) {
		if (!t->actor[i].calls && t->actor[i].n_pairs > 0)
			return true;
	}
	return differ(t, "batches wait for each other in a ring");
}

/* What was asked in a call that has ended is done with. */
static bool
are_attempts_right(struct stage *t)
{
	for (int i = 0; i < t->script->owners; i++) {
		if (t->ref.owner[i].n_asked != 0 && t->ref.wrong == NULL)
			t->ref.wrong = "it tried to escalate where it should not";
	}
	return t->ref.wrong == NULL || differ(t, "%s", t->ref.wrong);
}

static bool
step(struct stage *t, const struct op *op)
{
	struct actor *a = &t->actor[op->owner];
	bool good;

	if (is_left_out(a, op))
		return true;
	if (t->trace != NULL)
		op_print(op, t->trace);
	if (!a->calls)
		a->on = pick(a, op);
	good = do_op(a, op) && settle(t);
	for (int i = 0; i < t->script->owners; i++)
		prune(&t->actor[i]);
	return good && are_attempts_right(t) && compare_all(t) && is_no_ring(t);
}

/* ------------------------------------------------------------ begin and end */

static bool
set_up(struct stage *t)
{
	struct lk_environment environment;
	struct lk_allocator allocator;
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[128];

	play_world(t, &environment, &allocator);
	cfg.flags = LK_STRICT;
	cfg.deadlock_delay_ns = LK_OFF; /* the reference looks for no rings */
	cfg.spin_ns = LK_OFF;
	cfg.max_reentry = t->script->reentry;
	cfg.max_idle = t->script->idle;
	if (t->script->escalate != 0) {
		cfg.escalate_after = t->script->escalate;
		cfg.on_escalate = play_asked;
		cfg.on_escalate_arg = t;
	}
	cfg.index_buckets = 1;
	cfg.lot_buckets = 2;
	cfg.allocator = &allocator;
	cfg.environment = &environment;
	cfg.report = report;
	cfg.report_cap = sizeof(report);
	if (lk_open(NULL, &cfg, &t->m) != 0)
		return differ(t, "lk_open failed: %s", report);
	for (int i = 0; i < t->script->owners; i++) {
		struct actor *a = &t->actor[i];

		a->stage = t;
		a->index = i;
		t->ref.owner[i].priority = rank_of(t->script, i);
		if (open_owner(a) != 0)
			return differ(t, "lk_owner_open failed");
	}
	return true;
}

static bool
end_by_shutdown(struct stage *t)
{
	struct lk_options now = LK_OPTIONS_INIT;
	lk_grant none;

	now.flags = LK_NOWAIT;
	if (!compare_code(t, lk_shutdown(t->m, &now), ref_shutdown(&t->ref)) || !settle(t))
		return false;
	if (!compare_code(t, lk_try_acquire(t->actor[0].lk, "f", LK_S, &none), LK_E_CLOSED))
		return false;
	/* those that waited are in no call any more, and what they held goes now */
	if (!compare_code(t, lk_shutdown(t->m, &now), ref_shutdown(&t->ref)))
		return false;
	return true;
}

static bool
end_by_release(struct stage *t)
{
	for (int i = 0; i < t->script->owners; i++) {
		if (!t->actor[i].calls)
			continue;
		ref_cancel(&t->ref, i);
		if (lk_owner_cancel(t->actor[i].lk) != 0 || !settle(t))
			return differ(t, "a waiter could not be canceled");
	}
	for (int i = 0; i < t->script->owners; i++) {
		forget_all(&t->actor[i]);
		if (lk_release_all(t->actor[i].lk) != 0)
			return differ(t, "lk_release_all failed");
	}
	return true;
}

static void
close_handles(struct stage *t)
{
	for (unsigned i = 0; i < SCRIPT_NAMES; i++) {
		lk_resource_close(t->handle[i]);
		t->handle[i] = NULL;
	}
}

static bool
play_end(struct stage *t)
{
	if (!(t->script->shutdown ? end_by_shutdown(t) : end_by_release(t)))
		return false;
	for (int i = 0; i < t->script->owners; i++)
		prune(&t->actor[i]);
	close_handles(t);
	return compare_all(t) && compare_sweep(t);
}

/* Whatever happened: nobody waits, nothing is held, no memory is kept. */
static void
take_down(struct stage *t)
{
	struct lk_options now = LK_OPTIONS_INIT;
	bool good;

	now.flags = LK_NOWAIT;
	if (t->m == NULL)
		return;
	good = lk_shutdown(t->m, &now) == 0 || run_due(t, is_due, false);
	close_handles(t);
	for (int i = 0; i < t->script->owners; i++) {
		struct actor *a = &t->actor[i];

		if (a->lk != NULL && !a->fiber.busy)
			good = lk_owner_close(a->lk) == 0 && good;
	}
	if (lk_close(t->m) != 0 || !good)
		(void)differ(t, "it could not be taken down");
	else if (t->blocks != 0)
		(void)differ(t, "%llu blocks of memory are left", (unsigned long long)t->blocks);
}

/* The stage is used again, as its fibers are; what is large is not cleared. */
static struct stage *
get_stage(void)
{
	static struct stage stage;
	static bool has_fibers;

	for (int i = 0; i < REF_OWNERS; i++) {
		struct actor *a = &stage.actor[i];

		if (!has_fibers && !(fiber_init(&a->fiber) && fiber_init(&a->ref_fiber)))
			abort();
		fiber_abandon(&a->fiber);
		fiber_abandon(&a->ref_fiber);
		a->lk = NULL;
		a->calls = a->woken = false;
		a->word = NULL;
		a->n_pairs = 0;
		a->old = (struct pair){ 0, 0 };
		memset(a->mark, 0, sizeof(a->mark));
	}
	has_fibers = true;
	memset(stage.handle, 0, sizeof(stage.handle));
	memset(stage.fences, 0, sizeof(stage.fences));
	stage.m = NULL;
	memset(stage.results, 0, sizeof(stage.results));
	stage.conversions = stage.blocks = 0;
	stage.n_asked = 0;
	stage.now = 1000000;
	return &stage;
}

static bool
has_batches_only(const struct script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		switch ((enum op_kind)s->op[i].kind) {
		case OP_BATCH:
		case OP_RELEASE_ALL:
		case OP_REOPEN:
		case OP_CANCEL:
		case OP_ADVANCE:
		case OP_SWEEP:
			break;
		default:
			return false;
		}
	}
	return true;
}

void (*run_between)(struct lk_manager *m, size_t step);

bool
run_script(const struct script *s, enum ref_fault fault, FILE *trace, struct verdict *v)
{
	struct stage *t = get_stage();
	bool good;

	*v = (struct verdict){ .agree = true };
	t->script = s;
	t->names = script_names_used(s);
	t->batches_only = has_batches_only(s);
	t->trace = trace;
	t->verdict = v;
	ref_names(script_names, SCRIPT_NAMES);
	ref_init(&t->ref, s->reentry != 0 ? s->reentry : UINT64_MAX, fault, fiber_sleep);
	t->ref.now = t->now;
	t->ref.escalate_after = s->escalate;
	t->ref.barriers = s->barrier != 0;
	good = set_up(t);
	for (v->step = 0; good && v->step < s->n; v->step += good) {
		if (run_between != NULL)
			run_between(t->m, v->step);
		good = step(t, &s->op[v->step]);
	}
	if (good)
		play_end(t);
	v->met.transfers = t->ref.transfers;
	v->met.escalated = t->ref.escalated;
	v->met.in_vain = t->ref.not_escalated;
	take_down(t);
	return v->agree;
}

bool
model_run(const uint8_t *bytes, size_t n, FILE *trace)
{
	static struct script s;
	struct verdict v;

	script_decode(&s, bytes, n);
	if (run_script(&s, REF_RIGHT, trace, &v))
		return true;
	fprintf(stderr, "operation %zu: %s\n", v.step, v.what);
	script_print(&s, stderr);
	return false;
}
