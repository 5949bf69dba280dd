/* SPDX-License-Identifier: MIT */
/* The steps of a script as calls of the library. */
#include "play.h"
#include "core/grant.h"
#include "index/streak.h"

struct play play;
const struct script *play_script;
bool play_has_paths;
unsigned play_seen[FIBERS_MAX + 1][STEPS_OF_LINE];

/* Others may go on meanwhile. */
static uint32_t
choose_victim(void *arg, const struct lk_deadlock *d)
{
	(void)arg;
	if (d->n < 2 || d->kept > d->n || (d->member[d->victim].flags & LK_VICTIM) == 0)
		fail("a deadlock is reported that makes no sense");
	if (sched_in_fiber()) {
		sched_point(REGION_START, true);
		sched_done(REGION_START, true);
	}
	return play_script->ask - 1;
}

/* An event, and a moment for others. */
static int
step_aside(void *arg, const struct lk_event *e)
{
	(void)arg;
	(void)e;
	if (sched_in_fiber()) {
		sched_point(REGION_START, true);
		sched_done(REGION_START, true);
	}
	return 0;
}

static bool
is_request(enum verb v)
{
	return v <= VERB_CONVERT;
}

static void *
take_memory(void *state, size_t size, size_t align)
{
	(void)state;
	return region_alloc(size, align);
}

static void
give_memory(void *state, void *p, size_t size)
{
	(void)state;
	region_free(p, size);
}

const struct lk_allocator play_memory = { take_memory, give_memory, NULL };

/* The condition of a request: a plain variable that the lock guards.  */
static int
var_is_set(void *arg)
{
	uint64_t *var = arg;
	uint64_t value;

	if (!sched_in_fiber())
		return *var != 0;
	sched_point((uintptr_t)var, false);
	value = *(const uint64_t *)model_read(var, sizeof(*var), "the script");
	sched_done((uintptr_t)var, false);
	return value != 0;
}

struct lk_options
play_options(const struct step *t)
{
	struct lk_options o = LK_OPTIONS_INIT;

	o.flags = t->flags;
	o.timeout_ns = t->within_ns;
	o.priority = t->priority;
	o.lease_ns = t->lease_ns;
	o.max_hold_ns = t->max_hold_ns;
	o.units = t->units;
	o.permits = t->permits;
	if (t->when != 0) {
		o.condition = var_is_set;
		o.condition_arg = play.var[t->when - 1];
	}
	return o;
}

bool
play_has_options(const struct step *t)
{
	return t->flags != 0 || t->within_ns != 0 || t->priority != 0 || t->when != 0 ||
	       t->lease_ns != 0 || t->max_hold_ns != 0 || t->units != 0;
}

static const char *
name_of(unsigned name)
{
	return play_script->name[name];
}

void
play_granted(const struct step *t, unsigned name, lk_mode mode, unsigned label, lk_grant g,
	     uint64_t began_at)
{
	lk_mode before = book_writes(t->fiber, name);
	struct entry_of_book *e;

	if (play.is_shut[play_script->process_of[t->fiber]])
		fail("a grant after lk_shutdown() gave 0");
	play.grant[t->fiber][label] = g;
	e = book_add(t->fiber, label, name, mode, t->flags);
	e->units = t->units;
	e->permits = t->permits;
	leased_granted(t, e, began_at);
	abroad_granted(e, began_at);
	book_check(e);
	fenced_granted(e, before, g);
}

static int
request(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];
	struct lk_options o = play_options(t);
	const struct lk_options *given = play_has_options(t) ? &o : NULL;
	const char *name = name_of(t->name[0]);
	const uint64_t began_at = world.now;
	unsigned of = t->name[0];
	lk_grant g = 0;
	int rc;

	if (t->verb == VERB_TRY) {
		rc = lk_try_acquire(w, name, t->mode[0], &g);
	} else if (t->verb == VERB_ID) {
		rc = lk_acquire_id(w, strlen(name), t->mode[0], given, &g);
	} else if (t->verb == VERB_ON) {
		of = play.handle_name[t->name[1]];
		rc = lk_acquire_on(w, play.handle[t->name[1]], t->mode[0], given, &g);
	} else {
		rc = lk_acquire(w, name, t->mode[0], given, &g);
	}
	if (rc == 0)
		play_granted(t, of, t->mode[0], t->label, g, began_at);
	return rc;
}

/* The grants of a batch have the labels of their names. */
static int
request_many(const struct step *t)
{
	struct lk_request r[BATCH_MAX];
	struct lk_options o = play_options(t);
	lk_grant g[BATCH_MAX];
	const uint64_t began_at = world.now;
	int rc;

	memset(r, 0, sizeof(r));
	for (unsigned i = 0; i < t->n_names; i++) {
		r[i].name = name_of(t->name[i]);
		r[i].mode = t->mode[i];
	}
	rc = lk_acquire_many(play.owner[t->fiber], r, t->n_names, play_has_options(t) ? &o : NULL,
			     g);
	for (unsigned i = 0; rc == 0 && i < t->n_names; i++) {
		unsigned label = 0;

		while (strcmp(play_script->label[label], name_of(t->name[i])) != 0)
			label++;
		play_granted(t, t->name[i], t->mode[i], label, g[i], began_at);
	}
	return rc;
}

static int
convert(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];
	struct entry_of_book *e = book_find(t->fiber, t->label);
	struct lk_options o = play_options(t);
	lk_grant g = play.grant[t->fiber][t->label];
	lk_mode from = e != NULL ? e->mode : LK_NL;
	lk_mode to = t->verb == VERB_DOWNGRADE ? LK_S : t->mode[0];
	lk_mode before = LK_NL;
	const bool was_over = leased_was_over(e);
	unsigned serial = 0;
	int rc;

	if (e != NULL) {
		serial = e->serial;
		before = book_writes(t->fiber, e->name);
		e->mode = book_meanwhile(from, to);
	}
	rc = t->verb == VERB_DOWNGRADE ? lk_downgrade(w, g)
				       : lk_convert(w, g, to, play_has_options(t) ? &o : NULL);
	if (e != NULL && e->serial == serial)
		leased_said(t, e, was_over, rc);
	if (e == NULL || !e->held || e->serial != serial)
		return rc; /* it is not ours, or somebody has ended it */
	book_change(e, rc == 0 ? to : from);
	if (rc == 0)
		fenced_granted(e, before, g);
	return rc;
}

static int
release(const struct step *t)
{
	const struct entry_of_book *e = book_find(t->fiber, t->label);
	struct entry_of_book was = e != NULL ? *e : (struct entry_of_book){ 0 };
	const bool was_over = leased_was_over(e) && abroad_stands_for(e);
	const unsigned losses = play.abroad.losses[play_script->process_of[t->fiber]];
	int rc;

	book_remove(t->fiber, t->label);
	rc = lk_release(play.owner[t->fiber], play.grant[t->fiber][t->label]);
	was.is_forfeit |= play.abroad.losses[play_script->process_of[t->fiber]] != losses;
	leased_said(t, e != NULL ? &was : NULL, was_over, rc);
	return rc;
}

static int
release_name(const struct step *t)
{
	int rc;

	book_remove(t->fiber, t->label);
	play.async.gives_all[t->fiber]++;
	rc = lk_release_name(play.owner[t->fiber], name_of(t->name[0]),
			     strlen(name_of(t->name[0])));
	play.async.gives_all[t->fiber]--;
	return rc;
}

static int
close_owner(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];

	const uint64_t id = w->id.v;
	int rc;

	book_remove_all(t->fiber);
	play.owner[t->fiber] = NULL;
	rc = lk_owner_close(w);
	play.closed_id[t->fiber] = id;
	play.async.is_open[t->fiber] = false;
	return rc;
}

static int
open_owner(const struct step *t)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;

	o.priority = t->priority;
	if (play_script->notice != 0) {
		o.on_notice = leased_notice;
		o.notice_arg = (void *)(uintptr_t)t->fiber;
	}
	async_opened(t, &o);
	play.family[t->fiber] = 0;
	return lk_owner_open(play.m, t->priority != 0 || o.on_notice != NULL ? &o : NULL,
			     &play.owner[t->fiber]);
}

static int
thread_ends(const struct step *t)
{
	abroad_thread_ends(t->fiber);
	book_remove_all(t->fiber);
	play.owner[t->fiber] = NULL;
	stand_in_thread_ends();
	return 0;
}

static int
open_handle(const struct step *t)
{
	play.handle_name[t->label] = t->name[0];
	return lk_resource_open(play.m, name_of(t->name[0]), &play.handle[t->label]);
}

static int
close_handle(const struct step *t)
{
	struct lk_resource *r = play.handle[t->label];

	play.handle[t->label] = NULL;
	lk_resource_close(r);
	return 0;
}

/* Does the script ever ask for this name, or what is below it, in this mode? */
static bool
step_makes(const struct step *t, const char *name, size_t len, lk_mode mode)
{
	if (t->verb == VERB_CONVERT || t->verb == VERB_DOWNGRADE || t->verb == VERB_SUBMIT_CONVERT)
		return true;
	for (unsigned i = 0; is_request(t->verb) && i < t->n_names; i++) {
		const char *asked = name_of(t->name[i]);
		size_t n = strlen(asked);

		if (n >= len && memcmp(asked, name, len) == 0 &&
		    (n > len || t->verb == VERB_ON || t->mode[i] == mode))
			return true;
	}
	return t->verb == VERB_FILL;
}

static bool
script_makes(const char *name, size_t len, lk_mode mode)
{
	bool makes = false;

	for (unsigned f = 0; f <= play_script->n_fibers; f++) {
		const struct steps *steps =
			f < play_script->n_fibers ? &play_script->body[f] : &play_script->setup;

		for (unsigned i = 0; i < steps->n; i++)
			makes |= step_makes(&steps->step[i], name, len, mode);
	}
	return makes;
}

/* What a snapshot says must be possible: an owner, and a name in a mode that the script asks for. */
static int
look_at_row(void *arg, const struct lk_snapshot_row *row)
{
	lk_mode mode = row->wanted != LK_NL ? row->wanted : row->held;

	(void)arg;
	if (row->owner_id == 0 || !script_makes(row->name, row->name_len, mode))
		fail("a snapshot shows what never was: %.*s in %s", (int)row->name_len,
		     (const char *)row->name, lk_modename(mode));
	return 0;
}

/* Owners that have a grant on `name` by the book, one bit each, from entries up to `serial`. */
static unsigned
holders_by_book(unsigned name, unsigned serial)
{
	unsigned holders = 0;

	for (unsigned i = 0; i < BOOK_MAX; i++) {
		const struct entry_of_book *e = &play.book[i];

		if (e->held && e->name == name && e->serial <= serial && !leased_is_over(e))
			holders |= 1u << e->fiber;
	}
	return holders;
}

/* Whoever held the name from before the call to its end is counted.  (Paths have implied grants, which are not.) */
static int
look_at_name(unsigned name)
{
	struct lk_info info = { .size = sizeof(info) };
	const unsigned serial = play.serials;
	int rc = lk_info(play.m, name_of(name), strlen(name_of(name)), &info);
	unsigned least = (unsigned)__builtin_popcount(holders_by_book(name, serial));
	unsigned shown = 0;

	for (int mode = LK_IS; mode <= (int)LK_X; mode++)
		shown += info.holders[mode];
	if (rc == 0 && shown < least && !play_has_paths)
		fail("lk_info() shows %u holders of %s, of whom %u held it throughout", shown,
		     name_of(name), least);
	return rc;
}

/* Whole: a name and a mode of the script, of the fiber that asks for them; and in order. */
static int
look_at_event(void *arg, const struct lk_event *e)
{
	uint64_t *last = arg;
	lk_mode mode = e->to != LK_NL ? e->to : e->from;

	if (e->size != sizeof(*e) || e->sequence <= *last || e->owner_id == 0 ||
	    lk_eventname(e->kind)[0] == '?' ||
	    !script_makes((const char *)e->name, e->name_len, mode))
		fail("an event that never was: %u, %.*s in %s", e->kind, (int)e->name_len,
		     (const char *)e->name, lk_modename(mode));
	for (unsigned f = 0; f < play_script->n_fibers; f++) {
		bool mine = shim_load(&play.owner[f]->id, SHIM_RELAXED) == e->owner_id;

		if (mine != (strcmp(e->owner_label, play_script->fiber[f]) == 0))
			fail("an event of %s and another", e->owner_label);
	}
	*last = e->sequence;
	return 0;
}

static int
look_at_events(void)
{
	uint64_t last = 0;

	return lk_event_each(play.m, NULL, look_at_event, &last);
}

static int
look_inside(const struct step *t)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	if (t->verb == VERB_SNAPSHOT)
		return lk_snapshot(play.m, look_at_row, NULL);
	if (t->verb == VERB_STATS)
		return lk_stats(play.m, &stats);
	if (t->verb == VERB_EVENTS)
		return look_at_events();
	return look_at_name(t->name[0]);
}

static void
need_nothing_held(struct lk_owner *w, void *arg)
{
	(void)arg;
	if (holds_n(&w->holds) != 0)
		fail("lk_shutdown() gave 0, and something is held");
}

static int
shut_down(const struct step *t)
{
	struct lk_options o = play_options(t);
	int rc = lk_shutdown(play.m, play_has_options(t) ? &o : NULL);

	world.quiet = true;
	if (rc == 0 &&
	    play.m->owners.latch.word.v == LATCH_FREE) /* or it would be waited for in vain */
		manager_each_owner(play.m, need_nothing_held, NULL);
	world.quiet = false;
	play.is_shut[play_script->process_of[t->fiber]] |= rc == 0;
	return rc;
}

/* The caches are told what they would know after many insertions: that buckets are full, and names come back. */
static int
let_grow(const struct step *t)
{
	struct index_cache *c = &play.owner[t->fiber]->cache;

	c->load = LOAD_FULL * 4;
	c->reuse = REUSE_SPAN * REUSE_SPAN;
	return 0;
}

/* It is told what it would know after many insertions that found their names new.  (I8) */
static int
let_streak(const struct step *t)
{
	struct lk_owner *w = play.owner[t->fiber];

	w->cache.misses = MISSES_ENOUGH;
	w->cache.tour_skip = TOUR_SKIP_MAX;
	streak_begin(&w->manager->index, &w->cache);
	return 0;
}

/* The name is spread for a mode, as if it had been lost often; in the setup it must come to that. */
static int
spread(const struct step *t)
{
	const char *name = name_of(t->name[0]);
	struct lk_resource *r;
	int rc = lk_resource_open(play.m, name, &r);

	if (rc != 0)
		return rc;
	line_spread(&play.m->lot, r, t->mode[0]);
	if (!sched_in_fiber() && (r->word.v & WORD_SPREAD) == 0)
		fail("%s was not spread", name);
	lk_resource_close(r);
	return 0;
}

/* So many strong requests have come to a spread name that the next may fold it. */
static int
let_fold(const struct step *t)
{
	const char *name = name_of(t->name[0]);
	struct lk_resource *r;
	int rc = lk_resource_open(play.m, name, &r);

	if (rc != 0)
		return rc;
	if (r->spread.v == 0)
		fail("%s has no slots", name);
	spread_array(&play.m->spread, r->spread.v)->strong = STRONG_MAX;
	lk_resource_close(r);
	return 0;
}

/* Data of the user's own, which only his locks guard; each access is a step. */
static int
touch_var(const struct step *t)
{
	uint64_t *var = play.var[t->name[0]];

	if (sched_in_fiber()) {
		const bool writes = t->verb != VERB_READ;
		uint64_t *at = var;

		sched_point((uintptr_t)var, writes);
		if (writes)
			at = model_write(var, sizeof(*var), "the script");
		else
			(void)model_read(var, sizeof(*var), "the script");
		if (t->verb == VERB_SET)
			*at = 1;
		sched_done((uintptr_t)var, writes);
	}
	return 0;
}

/* So many holds that the owner's slots grow. */
static int
fill(const struct step *t)
{
	int rc = 0;

	for (uint64_t id = 0; rc == 0 && id < (uint64_t)t->within_ns; id++)
		rc = lk_acquire_id(play.owner[t->fiber], id, LK_IS, NULL, NULL);
	return rc;
}

static int
step_alone(const struct step *t)
{
	int rc;

	switch (t->verb) {
	case VERB_RELEASE_ALL:
		book_remove_all(t->fiber);
		play.async.gives_all[t->fiber]++;
		rc = lk_release_all(play.owner[t->fiber]);
		play.async.gives_all[t->fiber]--;
		return rc;
	case VERB_CLOSE:
		return close_owner(t);
	case VERB_REOPEN:
		return open_owner(t);
	case VERB_SELF:
		if (close_owner(t) != 0)
			return LK_E_STALE;
		play.owner[t->fiber] = lk_self(play.m);
		return play.owner[t->fiber] != NULL ? 0 : LK_E_CLOSED;
	case VERB_EXIT:
		return thread_ends(t);
	case VERB_CANCEL:
		return lk_owner_cancel(play.owner[t->name[0]]);
	case VERB_OUTSIDE:
		return lk_external_wait_begin(play.owner[t->fiber], play.owner[t->name[0]]);
	case VERB_SHARE:
		return shared_share(t);
	case VERB_CHECK:
		return leased_check_grant(t);
	case VERB_RENEW:
		return leased_renew(t);
	case VERB_ESCALATES:
		return escalated_after(t);
	case VERB_DEESCALATE:
		return escalated_back(t);
	case VERB_SEIZE:
		return shared_seize(t);
	case VERB_ENDS:
		return shared_ends(t);
	case VERB_ADVANCE:
		sched_pass_time((uint64_t)t->within_ns);
		return 0;
	case VERB_SERVE:
	case VERB_SERVING:
		return shared_serve(t);
	case VERB_INSIDE:
		return lk_external_wait_end(play.owner[t->fiber]);
	case VERB_SWEEP:
		return lk_sweep(play.m, NULL);
	case VERB_FILL:
		return fill(t);
	case VERB_SHUTDOWN:
		return shut_down(t);
	case VERB_GROWS:
		return let_grow(t);
	case VERB_STREAKS:
		return let_streak(t);
	case VERB_SPREAD:
		return spread(t);
	case VERB_FOLDS:
		return let_fold(t);
	case VERB_YIELD:
		if (sched_in_fiber())
			(void)sched_sleep(REGION_START, *(uint32_t *)(uintptr_t)REGION_START,
					  world.now + 1, true);
		return 0;
	default:
		return LK_E_INVAL;
	}
}

static int
do_step(const struct step *t)
{
	int rc;

	if (async_step(t, &rc) || pooled_step(t, &rc) || barred_step(t, &rc) ||
	    tokens_step(t, &rc) || handed_step(t, &rc) || family_step(t, &rc) ||
	    abroad_step(t, &rc) || valued_step(t, &rc) || fenced_step(t, &rc) ||
	    apart_step(t, &rc) || upkept_step(t, &rc) || moved_step(t, &rc))
		return rc;
	switch (t->verb) {
	case VERB_ACQUIRE:
	case VERB_TRY:
	case VERB_ID:
	case VERB_ON:
		return request(t);
	case VERB_MANY:
		return request_many(t);
	case VERB_CONVERT:
	case VERB_DOWNGRADE:
		return convert(t);
	case VERB_CAN:
		return lk_can_convert(play.owner[t->fiber], play.grant[t->fiber][t->label],
				      t->mode[0]);
	case VERB_RELEASE:
		return release(t);
	case VERB_RELEASE_NAME:
		return release_name(t);
	case VERB_HANDLE:
		return open_handle(t);
	case VERB_UNHANDLE:
		return close_handle(t);
	case VERB_SNAPSHOT:
	case VERB_INFO:
	case VERB_STATS:
	case VERB_EVENTS:
		return look_inside(t);
	case VERB_PASS:
		return lk_fence_pass(play.m, name_of(t->name[0]), strlen(name_of(t->name[0])),
				     (uint64_t)t->within_ns);
	case VERB_READ:
	case VERB_WRITE:
	case VERB_SET:
		return touch_var(t);
	default:
		return step_alone(t);
	}
}

static void
play_step(const struct step *t, unsigned *seen)
{
	enum result result;
	int rc;

	if (t->if_ok && play.refused[t->fiber])
		return;
	if (world_verbose)
		printf("%s %s ...\n", play_script->fiber[t->fiber], verb_name[t->verb]);
	rc = do_step(t);
	result = result_of(rc);
	if (world_verbose)
		printf("%s %s -> %s\n", play_script->fiber[t->fiber], verb_name[t->verb],
		       lk_errname(rc));
	if (is_request(t->verb) || t->verb == VERB_DETACH || t->verb == VERB_MIGRATES)
		play.refused[t->fiber] = rc != 0;
	if (result == RESULTS || (t->expected & 1u << result) == 0)
		fail("line %u: %s %s gave %s", t->line, play_script->fiber[t->fiber],
		     verb_name[t->verb], rc == 0 ? "0" : lk_errname(rc));
	play.results[result]++;
	*seen |= 1u << result;
	graph_step();
}

static void
play_steps(const struct steps *steps, unsigned *seen)
{
	for (unsigned i = 0; i < steps->n; i++) {
		if (world.current == NULL)
			abroad_turn(steps->step[i].fiber);
		play_step(&steps->step[i], &seen[i]);
	}
}

void
play_fiber(unsigned fiber)
{
	play_steps(&play_script->body[fiber], play_seen[fiber]);
}

void
play_setup(const struct script *s)
{
	struct lk_config config = LK_CONFIG_INIT;
	struct lk_owner_options options = LK_OWNER_OPTIONS_INIT;
	char report[128] = "";
	unsigned seen[STEPS_OF_LINE];

	play_script = s;
	play_has_paths = false;
	for (unsigned i = 0; i < s->n_names; i++)
		play_has_paths |= strchr(s->name[i], '/') != NULL;
	config.allocator = &play_memory;
	if (s->ask != 0)
		config.on_victim = choose_victim;
	if (s->hook != 0)
		config.on_event = step_aside;
	config.report = report;
	config.report_cap = sizeof(report);
	world.now = 1000000000;
	world.n_fibers = s->n_fibers;
	abroad_open_all(&config);
	for (unsigned i = 0; i < s->n_fibers; i++) {
		abroad_turn(i);
		world.fiber[i].name = s->fiber[i];
		options.label = s->fiber[i];
		options.on_notice = s->notice != 0 ? leased_notice : NULL;
		options.notice_arg = (void *)(uintptr_t)i;
		if (lk_owner_open(play.m, &options, &play.owner[i]) != 0)
			fail("an owner was not opened");
		if (!s->cold)
			grant_stamps_refill(
				play.owner[i]); /* else the first call would not be quick */
	}
	for (unsigned i = 0; i < s->n_vars; i++) {
		play.var[i] = region_alloc(sizeof(uint64_t), sizeof(uint64_t));
		*play.var[i] = 0;
	}
	abroad_turn(0); /* the first process has the queue */
	if (s->queue != 0 && async_open() != 0)
		fail("the queue was not opened");
	play_steps(&s->setup, seen);
}

static void
check_counts(void)
{
	for (unsigned i = 0; i < play_script->n_counts; i++) {
		unsigned n = play.results[play_script->count[i].result];

		if (n < play_script->count[i].least || n > play_script->count[i].most)
			fail("%u steps gave %s", n, result_name[play_script->count[i].result]);
	}
}

void
play_end(void)
{
	check_counts();
	check_end();
	play_steps(&play_script->after, play_seen[FIBERS_MAX]);
}

void
play_close(void)
{
	for (unsigned i = 0; i < LABELS_MAX; i++)
		lk_resource_close(play.handle[i]);
	pooled_close();
	barred_close();
	family_close_all();
	for (unsigned i = 0; i < play_script->n_fibers; i++) {
		if (play.owner[i] != NULL && lk_owner_close(play.owner[i]) != 0)
			fail("%s was not closed", play_script->fiber[i]);
	}
	async_close();
	abroad_close_all();
	if (world.live != play_script->n_vars)
		fail("%u blocks of memory are left after lk_close()", world.live);
}
