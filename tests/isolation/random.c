/* SPDX-License-Identifier: MIT */
/*
 * Random owners, names and requests: every ring is found, and nobody ends without one.
 *
 * All owners are fibers of one thread, and time is ours; so a run costs microseconds, and the same seed is the
 * same run.  What is right is decided by graph.h, from what lk_snapshot() shows before every step of anybody.
 *
 * LK_ISOLATION_SEED=n runs from seed n on, and shows the first run; LK_TEST_SECONDS says for how long, and
 * LK_ISOLATION_FREE how many runs without a ring there must be at least.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "harness.h"
#include "graph.h"
#include "../model/fiber.h"

enum {
	PLAYERS = GRAPH_OWNERS,
	NAMES = 96,
	GRANTS = 24,
	ITEMS = 4,
	DELAY_NS = 1000000,
	BEGIN_NS = 1000000000,
	ROUNDS = 12,
};

enum verb { ACQUIRE, BATCH, CONVERT, UPGRADE };

struct game;

struct player {
	struct game *game;
	int index;
	struct lk_owner *lk;
	struct fiber fiber;

	/* its call */
	enum verb verb;
	struct lk_request item[ITEMS];
	size_t n_items;
	lk_grant on;
	struct lk_options options;
	lk_grant out[ITEMS];
	int rc;
	bool calls; /* and its result was not looked at */
	bool stuck; /* it was in a ring when it was last seen to wait */

	/* its sleep */
	const uint32_t *word;
	uint64_t until;
	uint64_t since; /* it waits for what it waits for since then */
	uint64_t waits; /* lines that it has joined */
	bool woken;

	size_t n_grants;
	lk_grant grant[GRANTS];
};

/*
 * Runs of the latter two kinds have no rings of holds by their making, so that nobody may end, and the graph
 * need not be read.
 */
enum kind {
	MIXED,
	ORDERED, /* all take names in one order */
	READERS, /* half of them only read, in any order; the others write one name at a time: rings of order */
};

/* What kinds of things happen in a run. */
struct taste {
	enum kind kind;
	int owners;
	unsigned names;
	unsigned deep;    /* in eighths: names that are paths */
	unsigned weak;    /* … modes that others can share */
	unsigned convert; /* … requests that are conversions */
	unsigned batch;
	unsigned timeout;
	unsigned priority;
	unsigned give; /* … steps that give something back */
};

struct game {
	uint64_t seed;
	uint64_t random;
	struct taste taste;
	struct lk_manager *m;
	uint64_t now;
	bool changed; /* somebody began, ended or was woken since the graph was read */
	struct graph graph;
	struct player player[PLAYERS];
	char name[NAMES][16];
	FILE *trace;
	bool good;
	unsigned rings; /* seen */
	uint64_t victims;
};

struct total {
	uint64_t runs, free_runs, victims, reorders, conversions;
};

__attribute__((format(printf, 2, 3))) static void
fail(struct game *g, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (g->good) {
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)g->seed, what);
		graph_show(&g->graph, g->m, stderr);
	}
	g->good = false;
}

static unsigned
draw(struct game *g, unsigned below)
{
	return (unsigned)(test_random(&g->random) >> 33) % below;
}

static bool
eighths(struct game *g, unsigned n)
{
	return draw(g, 8) < n;
}

/* -------------------------------------------------------------- environment */

static uint64_t
game_now(void *state)
{
	const struct game *g = state;

	return g->now;
}

static struct player *
player_on(struct game *g, const struct fiber *f)
{
	if (f == NULL)
		return NULL;
	return &g->player[(const struct player *)(const void *)((const char *)f -
								offsetof(struct player, fiber)) -
			  g->player];
}

static void
game_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline)
{
	struct player *p = player_on(state, fiber_current());

	if (p == NULL || *word != value)
		return;
	p->word = word;
	p->until = deadline;
	p->woken = false;
	fiber_sleep();
	p->word = NULL;
}

static void
game_wake(void *state, const uint32_t *word)
{
	struct game *g = state;

	for (int i = 0; i < g->taste.owners; i++) {
		struct player *p = &g->player[i];

		if (p->word != word)
			continue;
		p->woken = true;
		g->changed = true;
	}
}

static uint64_t
game_random(void *state)
{
	(void)state;
	return 4;
}

/* -------------------------------------------------------------------- calls */

static void
call(void *arg)
{
	struct player *p = arg;
	const struct lk_request *r = &p->item[0];

	switch (p->verb) {
	case ACQUIRE:
		p->rc = lk_acquire(p->lk, r->name, (lk_mode)r->mode, &p->options, &p->out[0]);
		break;
	case BATCH:
		p->rc = lk_acquire_many(p->lk, p->item, p->n_items, &p->options, p->out);
		break;
	case CONVERT:
		p->rc = lk_convert(p->lk, p->on, (lk_mode)r->mode, &p->options);
		break;
	case UPGRADE:
		p->rc = lk_upgrade(p->lk, p->on, &p->options);
	}
}

static void
trace_call(const struct player *p)
{
	static const char *const verbs[] = { "acquire", "batch", "convert", "upgrade" };
	FILE *f = p->game->trace;

	if (f == NULL)
		return;
	fprintf(f, "%llu: %d %s", (unsigned long long)p->game->now, p->index, verbs[p->verb]);
	for (size_t i = 0; i < p->n_items; i++)
		fprintf(f, " %s:%s", p->item[i].name != NULL ? p->item[i].name : "-",
			lk_modename((lk_mode)p->item[i].mode));
	fprintf(f, " timeout=%lld priority=%d\n", (long long)p->options.timeout_ns,
		p->options.priority);
}

/* A call is over, or not. */
static void
look_at(struct player *p)
{
	struct game *g = p->game;

	if (!p->calls || p->fiber.busy)
		return;
	p->calls = false;
	g->changed = true;
	if (g->trace != NULL)
		fprintf(g->trace, "%llu: %d ends with %s\n", (unsigned long long)g->now, p->index,
			lk_errname(p->rc));
	for (size_t i = 0; p->rc == 0 && p->verb <= BATCH && i < p->n_items; i++)
		p->grant[p->n_grants++] = p->out[i];
	if (p->rc == LK_E_DEADLOCK) {
		g->victims++;
		if (!p->stuck)
			fail(g, "owner %d ended with LK_E_DEADLOCK, but was in no ring", p->index);
	} else if (p->rc != 0 && p->rc != LK_E_TIMEDOUT && p->rc != LK_E_CANCELED &&
		   p->rc != LK_E_CONVERSION_DEADLOCK) {
		fail(g, "owner %d: %s", p->index, lk_errname(p->rc));
	}
}

/* ------------------------------------------------------------------- the graph */

/* An owner's label is its number. */
static int
owner_of(void *arg, const char *label)
{
	(void)arg;
	return (int)strtol(label, NULL, 10);
}

/* It takes most of the time; so where there can be no ring, only now and then. */
static bool
is_unseen(const struct game *g)
{
	return g->taste.kind != MIXED && g->seed % 16 != 0;
}

static void
read_graph(struct game *g)
{
	uint64_t stuck;

	if (!g->changed || is_unseen(g))
		return;
	g->changed = false;
	if (!graph_read(&g->graph, g->m, owner_of, NULL))
		fail(g, "lk_snapshot");
	graph_close(&g->graph);
	stuck = graph_stuck(&g->graph);
	g->rings += stuck != 0;
	for (int i = 0; i < g->taste.owners; i++) {
		if ((g->graph.waiting >> i & 1) != 0)
			g->player[i].stuck = (stuck >> i & 1) != 0;
	}
}

/* The last that came to one of the rings of `i` had time to look. */
static bool
was_overlooked(const struct game *g, int i)
{
	uint64_t latest = 0;

	for (int k = 0; k < g->taste.owners; k++) {
		if ((g->graph.reach[i] >> k & 1) != 0 && (g->graph.reach[k] >> i & 1) != 0 &&
		    g->player[k].since > latest)
			latest = g->player[k].since;
	}
	return g->now >= latest + DELAY_NS;
}

/* All that was due is done.  Rings with members in common may take a second look. */
static void
check_rings(struct game *g)
{
	read_graph(g);
	if (is_unseen(g))
		return;
	if (graph_rings(&g->graph) > 0) {
		for (int i = 0; i < g->taste.owners; i++) {
			if (graph_in_ring(&g->graph, i) && was_overlooked(g, i))
				fail(g, "owner %d is in a ring that was overlooked", i);
		}
	}
	if (!graph_is_exclusive(&g->graph))
		fail(g, "two owners hold a name in modes that conflict");
}

/* ------------------------------------------------------------------------- time */

static bool
is_due(const struct player *p)
{
	return p->fiber.busy && (p->woken || p->game->now >= p->until);
}

/* A call that goes on may wait for another name now, without having been woken. */
static void
note_wait(struct player *p)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	if (lk_owner_stats(p->lk, &stats) != 0)
		fail(p->game, "lk_owner_stats");
	if (stats.waits == p->waits)
		return;
	p->waits = stats.waits;
	p->since = p->game->now;
	p->game->changed = true;
}

static void
resume(struct player *p)
{
	fiber_resume(&p->fiber);
	if (p->fiber.busy)
		note_wait(p);
	look_at(p);
}

/* Whoever can go on does, in a random order, until nobody can. */
static void
settle(struct game *g)
{
	unsigned patience = 100000;
	bool any;

	do {
		const int n = g->taste.owners;
		const int first = (int)draw(g, (unsigned)n);

		any = false;
		for (int i = 0; i < n; i++) {
			struct player *p = &g->player[(first + i) % n];

			if (!is_due(p))
				continue;
			read_graph(g);
			resume(p);
			any = true;
		}
	} while (any && g->good && patience-- > 0);
	if (any && g->good)
		fail(g, "somebody is woken again and again");
}

static uint64_t
next_moment(const struct game *g, uint64_t end)
{
	for (int i = 0; i < g->taste.owners; i++) {
		const struct player *p = &g->player[i];

		if (p->fiber.busy && p->until < end)
			end = p->until;
	}
	return end;
}

static void
pass(struct game *g, uint64_t ns)
{
	const uint64_t end = g->now + ns;

	settle(g);
	while (g->good && g->now < end) {
		g->now = next_moment(g, end);
		settle(g);
		check_rings(g);
	}
}

/* ------------------------------------------------------------------------ steps */

static bool
only_writes(const struct player *p)
{
	return p->game->taste.kind == READERS && p->index % 2 != 0;
}

static lk_mode
random_mode(const struct player *p)
{
	static const lk_mode weak[] = { LK_S, LK_S, LK_IS, LK_IX };
	static const lk_mode strong[] = { LK_X, LK_X, LK_U, LK_SIX };
	struct game *g = p->game;

	if (g->taste.kind == READERS)
		return only_writes(p) ? LK_X : draw(g, 4) == 0 ? LK_IS : LK_S;
	return eighths(g, g->taste.weak) ? weak[draw(g, 4)] : strong[draw(g, 4)];
}

static void
random_options(struct player *p)
{
	static const int64_t timeouts[] = { 300000, 999999, 1000000, 1000001, 5000000 };
	struct game *g = p->game;

	p->options = (struct lk_options)LK_OPTIONS_INIT;
	if (eighths(g, g->taste.timeout))
		p->options.timeout_ns = timeouts[draw(g, countof(timeouts))];
	if (eighths(g, g->taste.priority))
		p->options.priority = (int32_t)draw(g, 7) - 3;
}

/* The next name: any, or in a run that is ordered one after all that it has. */
static bool
random_item(struct player *p, struct lk_request *r)
{
	struct game *g = p->game;
	const bool ordered = g->taste.kind == ORDERED;
	const unsigned low = ordered ? (unsigned)p->n_grants * 2 : 0;

	if (low + 2 > g->taste.names)
		return false;
	/* the n-th grant of everybody is on a name of the n-th pair */
	*r = (struct lk_request){
		.name = g->name[low + draw(g, ordered ? 2 : g->taste.names)],
		.mode = random_mode(p),
	};
	return true;
}

static bool
random_call(struct player *p)
{
	struct game *g = p->game;

	random_options(p);
	p->n_items = 1;
	p->verb = ACQUIRE;
	if (only_writes(p) && p->n_grants > 0)
		return false;
	if (p->n_grants > 0 && eighths(g, g->taste.convert)) {
		p->verb = eighths(g, 4) ? UPGRADE : CONVERT;
		p->on = p->grant[draw(g, (unsigned)p->n_grants)];
		p->item[0] = (struct lk_request){ .name = NULL, .mode = random_mode(p) };
		return true;
	}
	if (eighths(g, g->taste.batch)) {
		p->verb = BATCH;
		p->n_items = 2 + draw(g, ITEMS - 1);
	}
	for (size_t i = 0; i < p->n_items; i++) {
		if (!random_item(p, &p->item[i]))
			return false;
	}
	return p->n_grants + p->n_items <= GRANTS;
}

static void
give_all(struct player *p)
{
	p->n_grants = 0;
	p->game->changed = true;
	if (p->game->trace != NULL)
		fprintf(p->game->trace, "%d releases all\n", p->index);
	if (lk_release_all(p->lk) != 0)
		fail(p->game, "lk_release_all");
}

static void
give_one(struct player *p)
{
	const size_t i = draw(p->game, (unsigned)p->n_grants);

	p->game->changed = true;
	if (p->game->trace != NULL)
		fprintf(p->game->trace, "%d releases one\n", p->index);
	if (lk_release(p->lk, p->grant[i]) != 0)
		fail(p->game, "lk_release");
	p->grant[i] = p->grant[--p->n_grants];
}

static void
begin(struct player *p)
{
	struct game *g = p->game;

	read_graph(g); /* a waiter that it disturbs may look at once */
	trace_call(p);
	p->calls = true;
	p->stuck = false;
	g->changed = true;
	fiber_call(&p->fiber, call, p);
	note_wait(p);
	look_at(p);
}

static void
step(struct game *g)
{
	struct player *p = &g->player[draw(g, (unsigned)g->taste.owners)];

	if (p->calls) {
		if (eighths(g, 1) && eighths(g, g->taste.timeout))
			(void)lk_owner_cancel(p->lk);
	} else if (p->n_grants > 0 && eighths(g, g->taste.give)) {
		if (g->taste.kind == ORDERED || eighths(g, 4))
			give_all(p);
		else
			give_one(p);
	} else if (random_call(p)) {
		begin(p);
	} else {
		give_all(p);
	}
	settle(g);
	if (eighths(g, 1))
		pass(g, draw(g, 2 * DELAY_NS));
	g->now += 1 + draw(g, 1000);
}

static bool
is_anybody_busy(const struct game *g)
{
	for (int i = 0; i < g->taste.owners; i++) {
		if (g->player[i].calls)
			return true;
	}
	return false;
}

/* Nobody asks for more: all rings end, and as everybody who is done gives back, all get what they want. */
static void
finish(struct game *g)
{
	pass(g, 300 * (uint64_t)DELAY_NS);
	read_graph(g);
	if (graph_stuck(&g->graph) != 0)
		fail(g, "a ring is left");
	for (int round = 0; g->good && round < g->taste.owners * ITEMS && is_anybody_busy(g);
	     round++) {
		for (int i = 0; i < g->taste.owners; i++) {
			if (!g->player[i].calls)
				give_all(&g->player[i]);
		}
		pass(g, 10 * DELAY_NS);
	}
	for (int i = 0; g->good && i < g->taste.owners; i++) {
		if (g->player[i].calls)
			fail(g, "owner %d hangs", i);
	}
}

/* ------------------------------------------------------------------------ a run */

static void
choose_taste(struct game *g)
{
	struct taste *t = &g->taste;
	const unsigned most = draw(g, 8) == 0 ? PLAYERS : draw(g, 2) == 0 ? 12 : 5;

	t->kind = MIXED;
	t->owners = (int)(2 + draw(g, most - 1));
	t->names = 2 + draw(g, (unsigned)t->owners + (unsigned)t->owners / 2 + 1);
	if (t->names > NAMES)
		t->names = NAMES;
	t->deep = draw(g, 2) * draw(g, 8);
	t->weak = draw(g, 8);
	t->convert = draw(g, 2) * draw(g, 6);
	t->batch = draw(g, 3) == 0 ? 2 : 0;
	t->timeout = draw(g, 3) == 0 ? 1 + draw(g, 4) : 0;
	t->priority = draw(g, 2) * draw(g, 8);
	t->give = 1 + draw(g, 3);
	if (draw(g, 8) < 4) {
		t->kind = draw(g, 2) == 0 ? ORDERED : READERS;
		t->deep = t->convert = t->batch = 0;
	}
	if (t->kind == ORDERED)
		t->names = t->names * 2 < NAMES ? t->names * 2 : NAMES;
	for (unsigned i = 0; i < t->names; i++) {
		if (eighths(g, t->deep))
			snprintf(g->name[i], sizeof(g->name[i]), "d%u/t%u/%u", draw(g, 2),
				 draw(g, 3), draw(g, 4));
		else
			snprintf(g->name[i], sizeof(g->name[i]), i < 2 ? "d%u" : "n%u", i);
	}
}

static void
open_players(struct game *g)
{
	static char label[PLAYERS][4];

	for (int i = 0; i < g->taste.owners; i++) {
		struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
		struct player *p = &g->player[i];

		snprintf(label[i], sizeof(label[i]), "%u", (unsigned)i % 100);
		o.label = label[i];
		o.priority = eighths(g, g->taste.priority) ? (int32_t)draw(g, 5) - 2 : 0;
		p->game = g;
		p->index = i;
		p->n_grants = 0;
		p->waits = 0;
		p->calls = p->stuck = p->woken = false;
		p->word = NULL;
		if (lk_owner_open(g->m, &o, &p->lk) != 0)
			fail(g, "lk_owner_open");
	}
}

static bool
open_game(struct game *g)
{
	const struct lk_environment world = { game_now, game_wait, game_wake, game_random, g };
	struct lk_config cfg = LK_CONFIG_INIT;

	cfg.flags = draw(g, 2) == 0 ? LK_STRICT : 0;
	cfg.victim = draw(g, LK_VICTIM_MOST + 1);
	cfg.deadlock_delay_ns = DELAY_NS;
	cfg.spin_ns = LK_OFF;
	cfg.index_buckets = 1;
	cfg.lot_buckets = UINT64_C(1) << draw(g, 4);
	cfg.environment = &world;
	if (lk_open(NULL, &cfg, &g->m) != 0) {
		fail(g, "lk_open");
		return false;
	}
	open_players(g);
	return true;
}

static void
close_game(struct game *g, struct total *total)
{
	struct lk_stats stats = { .size = sizeof(stats) };

	if (lk_stats(g->m, &stats) != 0 || stats.deadlocks != g->victims || stats.waiting != 0)
		fail(g, "lk_stats: %llu deadlocks, %llu waiting",
		     (unsigned long long)stats.deadlocks, (unsigned long long)stats.waiting);
	total->victims += g->victims;
	total->reorders += stats.reorders;
	total->conversions += stats.conversion_deadlocks;
	for (int i = 0; i < g->taste.owners; i++) {
		if (lk_owner_close(g->player[i].lk) != 0)
			fail(g, "lk_owner_close");
	}
	if (lk_close(g->m) != 0)
		fail(g, "lk_close");
}

/* False: it went wrong; what it left is lost. */
static bool
run(struct game *g, uint64_t seed, FILE *trace, struct total *total)
{
	g->seed = g->random = seed;
	g->trace = trace;
	g->now = BEGIN_NS;
	g->good = g->changed = true;
	g->rings = 0;
	g->victims = 0;
	choose_taste(g);
	if (!open_game(g))
		return false;
	for (int n = g->taste.owners * ROUNDS; g->good && n > 0; n--)
		step(g);
	if (g->good)
		finish(g);
	if (!g->good)
		return false;
	close_game(g, total);
	total->runs++;
	total->free_runs += g->rings == 0;
	return g->good;
}

static uint64_t
number_of(const char *variable, uint64_t standard)
{
	const char *text = getenv(variable);

	return text != NULL ? strtoull(text, NULL, 0) : standard;
}

static struct game *
get_game(void)
{
	struct game *g = calloc(1, sizeof(*g));

	cr_assert_not_null(g);
	for (int i = 0; i < PLAYERS; i++)
		cr_assert(fiber_init(&g->player[i].fiber));
	return g;
}

Test(isolation, every_ring_is_found_and_nobody_else_ends, .timeout = 100000)
{
	const uint64_t first = test_seed("LK_ISOLATION_SEED");
	const uint64_t free_runs = number_of("LK_ISOLATION_FREE", 1);
	const uint64_t end = test_now() + (uint64_t)(test_seconds(3.0) * 1e9);
	FILE *trace = getenv("LK_ISOLATION_SEED") != NULL ? stderr : NULL;
	struct game *g = get_game();
	struct total total = { 0 };

	do {
		if (!run(g, first + total.runs, trace, &total))
			cr_assert_fail("seed %llu", (unsigned long long)(first + total.runs));
		trace = NULL;
	} while (test_now() < end || total.free_runs < free_runs || total.victims == 0);
	fprintf(stderr,
		"isolation: seeds from %llu, %llu runs, %llu without a ring, %llu victims, "
		"%llu reorders, %llu conversion deadlocks\n",
		(unsigned long long)first, (unsigned long long)total.runs,
		(unsigned long long)total.free_runs, (unsigned long long)total.victims,
		(unsigned long long)total.reorders, (unsigned long long)total.conversions);
	for (int i = 0; i < PLAYERS; i++)
		fiber_fini(&g->player[i].fiber);
	free(g);
	cr_expect_gt(total.victims, 0);
}
