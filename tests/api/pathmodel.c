/* SPDX-License-Identifier: MIT */
/*
 * Random calls of three owners beside a model of what they hold, compared after every call.
 *
 * The model says: what an owner has on a name is real, or implied by the nearest ancestor that covered it. A
 * real grant holds its name in its mode and what is above in an intent, or with LK_PARENTS in its mode; an
 * implied one holds its cover in S or X.  A name becomes real when something is asked that its cover does not
 * give, or when something real comes below it.  An owner's mode on a name is the weakest that is at least all
 * of these.  A request is granted if that goes with what the others hold, on every name, and else changes nothing.
 */
#include "support.h"

enum { OWNERS = 3, MOST_GRANTS = 6, NODES = 7, TURNS = 20000 };

static const struct {
	const char *name;
	int above; /* -1: none */
} nodes[NODES] = {
	{ "r", -1 },    { "r/m", 0 },   { "r/n", 0 }, { "r/m/1", 1 },
	{ "r/m/2", 1 }, { "r/n/1", 2 }, { "r/4", 0 },
};

enum { FIRST_LEAF = 3 };

struct grant {
	lk_grant id;
	int node;
	lk_mode mode;
	bool with_parents;
};

struct owner {
	struct lk_owner *w;
	struct grant grant[MOST_GRANTS + 1];
	int n;
	int cover[NODES];      /* of what is implied on a name; -1: it is real, or nothing */
	uint64_t fence[NODES]; /* while it holds the name in U, SIX or X */
};

struct model {
	struct lk_manager *m;
	struct owner owner[OWNERS];
	uint64_t fence[NODES]; /* the latest seen */
	uint64_t seed;
	unsigned granted, refused, implied;
};

static unsigned
pick(struct model *x, unsigned n)
{
	return (unsigned)(test_random(&x->seed) % n);
}

/* ------------------------------------------------------------------------- the model */

static lk_mode
intent_of(lk_mode mode)
{
	return mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;
}

static bool
is_above(int node, int below)
{
	for (int k = nodes[below].above; k >= 0; k = nodes[k].above)
		if (k == node)
			return true;
	return false;
}

/* What one grant asks of a name. */
static lk_mode
share(const struct owner *o, const struct grant *g, int node)
{
	bool implied = o->cover[g->node] >= 0;
	int at = implied ? o->cover[g->node] : g->node;

	if (at == node)
		return !implied ? g->mode : intent_of(g->mode) == LK_IS ? LK_S : LK_X;
	if (!is_above(node, at))
		return LK_NL;
	return g->with_parents ? g->mode : intent_of(g->mode);
}

static lk_mode
held(const struct owner *o, int node)
{
	lk_mode mode = LK_NL;

	for (int i = 0; i < o->n; i++)
		mode = supremum[mode][share(o, &o->grant[i], node)];
	return mode;
}

/* What a mode says about everything below. */
static lk_mode
below(lk_mode mode)
{
	static const lk_mode said[MODES] = {
		[LK_S] = LK_S, [LK_U] = LK_S, [LK_SIX] = LK_S, [LK_X] = LK_X
	};

	return said[mode];
}

static bool
is_covered(const struct owner *o, int cover, lk_mode mode)
{
	return supremum[below(held(o, cover))][mode] == below(held(o, cover));
}

/* Who covers it, or -1. */
static int
find_cover(const struct owner *o, const struct grant *g)
{
	int cover = o->cover[g->node];

	if (g->with_parents)
		return -1;
	if (cover >= 0)
		return is_covered(o, cover, g->mode) ? cover : -1;
	if (held(o, g->node) != LK_NL)
		return -1;
	cover = nodes[g->node].above;
	while (cover >= 0 && !is_covered(o, cover, g->mode))
		cover = nodes[cover].above;
	return cover;
}

/* What is real needs what is above to be so, too. */
static void
make_real(struct owner *o, int node)
{
	for (; node >= 0; node = nodes[node].above)
		o->cover[node] = -1;
}

/* A name of which nothing is left is not implied. */
static void
forget(struct owner *o)
{
	for (int node = 0; node < NODES; node++) {
		bool used = false;

		for (int i = 0; i < o->n; i++)
			used = used || o->grant[i].node == node;
		if (!used)
			o->cover[node] = -1;
	}
}

static bool
goes_with_others(const struct model *x, const struct owner *before, const struct owner *after,
		 const struct owner *self)
{
	for (int node = 0; node < NODES; node++) {
		lk_mode mode = held(after, node);

		if (mode == held(before, node))
			continue;
		for (int k = 0; k < OWNERS; k++)
			if (&x->owner[k] != self && mode != LK_NL &&
			    !compatible[mode][held(&x->owner[k], node)])
				return false;
	}
	return true;
}

/* --------------------------------------------------------------------- the comparison */

static bool
writes(lk_mode mode)
{
	return mode == LK_U || mode == LK_SIX || mode == LK_X;
}

/* The owner's grants on a name, whether implied or real. */
static lk_mode
own_mode(const struct owner *o, int node)
{
	lk_mode mode = LK_NL;

	for (int i = 0; i < o->n; i++)
		if (o->grant[i].node == node)
			mode = supremum[mode][o->grant[i].mode];
	return mode;
}

/* A fence grows when the owner begins to write on a name that has nothing below, and stays till then. */
static void
compare_fences(struct model *x, struct owner *o)
{
	for (int node = FIRST_LEAF; node < NODES; node++) {
		bool is_writer = writes(own_mode(o, node));

		if (!is_writer)
			o->fence[node] = 0;
		for (int i = 0; i < o->n && is_writer; i++) {
			uint64_t fence = lk_fence(o->w, o->grant[i].id);

			if (o->grant[i].node != node || o->grant[i].mode < LK_S)
				continue;
			if (o->fence[node] == 0) {
				cr_assert_gt(fence, x->fence[node], "%s", nodes[node].name);
				o->fence[node] = x->fence[node] = fence;
			}
			cr_assert_eq(fence, o->fence[node], "%s", nodes[node].name);
		}
	}
}

static void
compare_owner(struct model *x, struct owner *o)
{
	for (int i = 0; i < o->n; i++) {
		struct lk_grant_info info = grant_info(o->w, o->grant[i].id);
		int node = o->grant[i].node;

		cr_assert_eq(info.mode, o->grant[i].mode);
		cr_assert_eq(info.flags, o->cover[node] >= 0 ? LK_IMPLIED : 0, "%s in %s",
			     nodes[node].name, mode_name(info.mode));
	}
	for (int node = 0; node < NODES; node++) {
		lk_mode mode = supremum[held(o, node)][own_mode(o, node)];

		for (int k = nodes[node].above; k >= 0; k = nodes[k].above)
			mode = supremum[mode][below(held(o, k))];
		cr_assert_eq(holds(o->w, nodes[node].name), mode, "%s: %s, not %s",
			     nodes[node].name, mode_name(holds(o->w, nodes[node].name)),
			     mode_name(mode));
	}
	compare_fences(x, o);
}

static void
compare(struct model *x)
{
	for (int node = 0; node < NODES; node++) {
		struct lk_info info = info_of(x->m, nodes[node].name);
		uint32_t holders[MODES] = { 0 };

		for (int k = 0; k < OWNERS; k++)
			holders[held(&x->owner[k], node)]++;
		for (lk_mode mode = LK_IS; mode <= LK_X; mode++)
			cr_assert_eq(info.holders[mode], holders[mode], "%s in %s: %u, not %u",
				     nodes[node].name, mode_name(mode), info.holders[mode],
				     holders[mode]);
	}
	for (int k = 0; k < OWNERS; k++)
		compare_owner(x, &x->owner[k]);
}

/* -------------------------------------------------------------------------- the calls */

/* Take over what was foreseen if the library granted; else nothing has changed. */
static void
settle(struct model *x, struct owner *self, const struct owner *foreseen, int rc, int expected,
       const char *call)
{
	cr_assert_eq(rc, expected, "%s: %s, not %s", call, lk_errname(rc), lk_errname(expected));
	if (rc == 0)
		*self = *foreseen;
	x->granted += rc == 0;
	x->refused += rc != 0;
}

static void
acquire(struct model *x, struct owner *self)
{
	struct lk_options o = { .size = sizeof(o), .flags = LK_NOWAIT };
	struct owner next = *self;
	struct grant *g = &next.grant[next.n];
	char call[80];
	int rc, expected, cover;

	if (self->n == MOST_GRANTS)
		return;
	*g = (struct grant){ .node = (int)pick(x, NODES),
			     .mode = (lk_mode)(LK_IS + pick(x, LK_X)),
			     .with_parents = pick(x, 6) == 0 };
	if (g->with_parents)
		o.flags |= LK_PARENTS;
	cover = find_cover(self, g);
	next.n++;
	if (cover < 0)
		make_real(&next, g->node);
	else
		next.cover[g->node] = cover;
	x->implied += cover >= 0;
	expected = goes_with_others(x, self, &next, self) ? 0 : LK_E_BUSY;
	(void)snprintf(call, sizeof(call), "%s in %s%s", nodes[g->node].name, mode_name(g->mode),
		       g->with_parents ? " with parents" : "");
	rc = lk_acquire(self->w, nodes[g->node].name, g->mode, &o, &g->id);
	settle(x, self, &next, rc, expected, call);
}

static void
convert(struct model *x, struct owner *self)
{
	const struct lk_options nowait = { .size = sizeof(nowait), .flags = LK_NOWAIT };
	struct owner next = *self;
	struct grant *g;
	char call[80];
	int expected;
	lk_mode to;

	if (self->n == 0)
		return;
	g = &next.grant[pick(x, (unsigned)self->n)];
	to = (lk_mode)(LK_IS + pick(x, LK_X));
	(void)snprintf(call, sizeof(call), "%s from %s to %s%s", nodes[g->node].name,
		       mode_name(g->mode), mode_name(to),
		       self->cover[g->node] >= 0 ? ", implied" : "");
	if (self->cover[g->node] >= 0 && !is_covered(self, self->cover[g->node], to))
		make_real(&next, g->node);
	g->mode = to;
	expected = goes_with_others(x, self, &next, self) ? 0 : LK_E_BUSY;
	is(lk_can_convert(self->w, g->id, to), expected);
	settle(x, self, &next, lk_convert(self->w, g->id, to, &nowait), expected, call);
}

static void
release(struct model *x, struct owner *self)
{
	int i;

	if (self->n == 0)
		return;
	i = (int)pick(x, (unsigned)self->n);
	ok(lk_release(self->w, self->grant[i].id));
	is(lk_release(self->w, self->grant[i].id), LK_E_STALE);
	for (self->n--; i < self->n; i++)
		self->grant[i] = self->grant[i + 1];
	forget(self);
}

static void
release_all(struct owner *self)
{
	ok(lk_release_all(self->w));
	self->n = 0;
	forget(self);
}

static void
run(const char *url, uint64_t seed)
{
	struct model x = { .m = open_manager(url), .seed = seed };

	for (int k = 0; k < OWNERS; k++) {
		open_owners(x.m, &x.owner[k].w, 1);
		forget(&x.owner[k]);
	}
	for (int i = 0; i < TURNS; i++) {
		struct owner *self = &x.owner[pick(&x, OWNERS)];
		unsigned choice = pick(&x, 16);

		if (choice < 6)
			acquire(&x, self);
		else if (choice < 10)
			convert(&x, self);
		else if (choice < 15)
			release(&x, self);
		else if (pick(&x, 4) == 0)
			release_all(self);
		compare(&x);
	}
	cr_expect_gt(x.granted, TURNS / 10);
	cr_expect_gt(x.refused, TURNS / 100);
	cr_expect_gt(x.implied, TURNS / 1000);
	for (int k = 0; k < OWNERS; k++)
		ok(lk_owner_close(x.owner[k].w));
	cr_expect_eq(stats_of(x.m).holds, 0);
	ok(lk_sweep(x.m, NULL));
	cr_expect_eq(stats_of(x.m).names, 0);
	ok(lk_close(x.m));
}

Test(pathmodel, agrees_after_every_call, .timeout = 120)
{
	run(NULL, 1);
	run("memory:?strict=1", 2);
	run("memory:?index_buckets=1&lot_buckets=1&max_idle=1", 3);
}
