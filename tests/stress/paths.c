/* SPDX-License-Identifier: MIT */
/*
 * Random scripts over a small tree: nobody ever reads or writes below what another holds.
 *
 * Requests with and without LK_PARENTS, implied and real, conversions, releases in any order, and batches by
 * owners that hold nothing else; see tree.h for how a fault is found.  Owners that hold something wait for a
 * short time only, as no deadlock over several names is detected.
 */
#include "../api/tree.h"

enum { THREADS = 6, MOST_GRANTS = 6, MOST_IN_BATCH = 5 };

struct script {
	const char *url;
	bool only_batches; /* which wait without end */
	struct lk_manager *m;
	struct lk_owner *owners[THREADS];
	struct lk_resource *handles[TREE_NODES];
	struct tree tree;
	uint64_t end;
	_Atomic uint64_t grants;
	_Atomic uint64_t implied;
};

struct held {
	lk_grant grant;
	int node;
	lk_mode mode;
	bool with_parents;
};

struct actor {
	struct script *script;
	struct lk_owner *owner;
	struct held held[MOST_GRANTS];
	unsigned n;
	uint64_t seed;
	uint64_t grants;
	uint64_t implied;
};

static unsigned
pick(struct actor *a, unsigned n)
{
	return (unsigned)(test_random(&a->seed) % n);
}

static lk_mode
pick_mode(struct actor *a)
{
	return (lk_mode)(LK_IS + pick(a, LK_X));
}

/* What the grants amount to, but for one of them. */
static struct tree_claim
claim_without(struct actor *a, unsigned but)
{
	struct tree_claim claim = { { LK_NL } };

	for (unsigned i = 0; i < a->n; i++)
		if (i != but)
			tree_claim_add(&claim, a->held[i].node, a->held[i].mode,
				       a->held[i].with_parents);
	return claim;
}

static struct tree_claim
claim_of(struct actor *a)
{
	return claim_without(a, MOST_GRANTS);
}

static void
note_grant(struct actor *a, struct held held)
{
	struct lk_grant_info info = { .size = sizeof(info) };

	must(lk_grant_info(a->owner, held.grant, &info) == 0);
	must(info.mode == held.mode);
	must(!held.with_parents || (info.flags & LK_IMPLIED) == 0);
	a->implied += (info.flags & LK_IMPLIED) != 0;
	a->held[a->n++] = held;
	a->grants++;
}

static bool
is_expected(int rc)
{
	return rc == 0 || rc == LK_E_BUSY || rc == LK_E_TIMEDOUT || rc == LK_E_CANCELED ||
	       rc == LK_E_CONVERSION_DEADLOCK || rc == LK_E_DEADLOCK;
}

static struct lk_options
pick_options(struct actor *a)
{
	struct lk_options o = LK_OPTIONS_INIT;

	if (pick(a, 3) == 0)
		o.flags = LK_NOWAIT;
	else
		o.timeout_ns = 1 + (int64_t)pick(a, 300000);
	return o;
}

static void
acquire(struct actor *a)
{
	struct tree_claim before = claim_of(a), after;
	struct lk_options o = pick_options(a);
	struct held h = { .node = (int)pick(a, TREE_NODES), .mode = pick_mode(a) };
	int rc;

	if (a->n == MOST_GRANTS)
		return;
	h.with_parents = pick(a, 8) == 0;
	if (h.with_parents)
		o.flags |= LK_PARENTS;
	if (pick(a, 4) == 0)
		rc = lk_acquire_on(a->owner, a->script->handles[h.node], h.mode, &o, &h.grant);
	else
		rc = lk_acquire(a->owner, tree_name[h.node], h.mode, &o, &h.grant);
	must(is_expected(rc));
	if (rc == 0)
		note_grant(a, h);
	after = claim_of(a);
	tree_move(&a->script->tree, &before, &after);
	tree_check(a->owner, &after);
}

static void
drop(struct actor *a, unsigned i)
{
	struct tree_claim before = claim_of(a), after = claim_without(a, i);
	struct held h = a->held[i];

	tree_move(&a->script->tree, &before, &after);
	must(lk_release(a->owner, h.grant) == 0);
	must(lk_release(a->owner, h.grant) == LK_E_STALE);
	a->held[i] = a->held[--a->n];
	tree_check(a->owner, &after);
}

static void
drop_all(struct actor *a)
{
	const struct tree_claim nothing = { { LK_NL } };
	struct tree_claim before = claim_of(a);

	tree_move(&a->script->tree, &before, &nothing);
	must(lk_release_all(a->owner) == 0);
	a->n = 0;
	for (int node = 0; node < TREE_NODES; node++)
		must(lk_holds(a->owner, tree_name[node], strlen(tree_name[node])) == LK_NL);
}

static void
convert(struct actor *a)
{
	struct lk_options o = pick_options(a);
	lk_mode to = pick_mode(a), from;
	struct tree_claim before = claim_of(a), after, between;
	struct held *h;
	int rc;

	if (a->n == 0)
		return;
	h = &a->held[pick(a, a->n)];
	from = h->mode;
	h->mode = to;
	after = claim_of(a);
	between = tree_claim_meet(&before, &after);
	tree_move(&a->script->tree, &before, &between);
	rc = lk_convert(a->owner, h->grant, to, &o);
	must(is_expected(rc));
	must(rc == 0 || !tree_is_at_most(to, from)); /* weakening cannot fail */
	if (rc != 0)
		h->mode = from;
	after = claim_of(a);
	tree_move(&a->script->tree, &between, &after);
	tree_check(a->owner, &after);
}

static void
batch(struct actor *a)
{
	const struct tree_claim nothing = { { LK_NL } };
	struct lk_options o = LK_OPTIONS_INIT;
	struct lk_request r[MOST_IN_BATCH];
	lk_grant g[MOST_IN_BATCH];
	int node[MOST_IN_BATCH];
	unsigned n = 1 + pick(a, MOST_IN_BATCH);
	bool with_parents = pick(a, 4) == 0;
	struct tree_claim after;
	int rc;

	drop_all(a);
	for (unsigned i = 0; i < n; i++) {
		node[i] = (int)pick(a, TREE_NODES);
		r[i] = (struct lk_request){ tree_name[node[i]], pick_mode(a), 0, 0 };
	}
	o.flags = with_parents ? LK_PARENTS : 0;
	rc = lk_acquire_many(a->owner, r, n, &o, g);
	must(rc == 0 || (!a->script->only_batches && (rc == LK_E_CANCELED || rc == LK_E_DEADLOCK)));
	for (unsigned i = 0; i < n && rc == 0; i++)
		note_grant(a, (struct held){ g[i], node[i], r[i].mode, with_parents });
	after = claim_of(a);
	tree_move(&a->script->tree, &nothing, &after);
	tree_check(a->owner, &after);
}

static void
act(struct actor *a)
{
	unsigned choice = a->script->only_batches ? 10 + pick(a, 5) : pick(a, 20);

	if (choice < 7)
		acquire(a);
	else if (choice < 10)
		convert(a);
	else if (choice < 14 && a->n > 0)
		drop(a, pick(a, a->n));
	else if (choice == 14)
		batch(a);
	else if (choice == 15)
		drop_all(a);
	else if (choice == 16)
		must(lk_owner_cancel(a->script->owners[pick(a, THREADS)]) == 0);
	else if (choice == 17)
		must(lk_sweep(a->script->m, NULL) == 0);
}

static void
play(void *arg, unsigned index)
{
	struct script *script = arg;
	struct actor a = { .script = script, .owner = script->owners[index], .seed = index + 1 };

	while (test_now() < script->end || a.implied == 0) {
		for (int i = 0; i < 50; i++)
			act(&a);
		drop_all(&a);
	}
	atomic_fetch_add(&script->grants, a.grants);
	atomic_fetch_add(&script->implied, a.implied);
}

static void
run(struct script *script)
{
	struct lk_manager *m = script->m = open_manager(script->url);
	uint64_t grants, implied;

	open_owners(m, script->owners, THREADS);
	for (int node = 0; node < TREE_NODES; node++)
		ok(lk_resource_open(m, tree_name[node], &script->handles[node]));
	script->end = test_now() + (uint64_t)(test_seconds(1.0) * 1e9);
	test_threads(THREADS, play, script);
	grants = atomic_load(&script->grants);
	implied = atomic_load(&script->implied);
	cr_expect_gt(implied, 0);
	/* a batch that was refused has been granted a part, for a while */
	cr_expect(script->only_batches ? stats_of(m).grants == grants
				       : stats_of(m).grants >= grants);
	cr_expect(script->only_batches ? stats_of(m).implied == implied
				       : stats_of(m).implied >= implied,
		  "%d implied, %d counted", (int)implied, (int)stats_of(m).implied);
	cr_expect_eq(stats_of(m).holds, 0);
	cr_expect_eq(stats_of(m).waiting, 0);
	tree_expect_idle(&script->tree);
	for (int node = 0; node < TREE_NODES; node++)
		lk_resource_close(script->handles[node]);
	ok(lk_sweep(m, NULL));
	cr_expect_eq(stats_of(m).names, 0);
	ok(lk_try_acquire(script->owners[0], "t", LK_X, NULL));
	close_all(m, script->owners, THREADS);
}

#define SMALLEST "index_buckets=1&lot_buckets=1&max_idle=1"

Test(paths_stress, at_random, .timeout = 1000)
{
	static struct script script = { .url = "memory:" };

	run(&script);
}

Test(paths_stress, strictly_and_in_one_bucket, .timeout = 1000)
{
	static struct script script = { .url = "memory:?strict=1&" SMALLEST };

	run(&script);
}

Test(paths_stress, sleeping_at_once, .timeout = 1000)
{
	static struct script script = { .url = "memory:?fair_after_ns=1000&spin_ns=100" };

	run(&script);
}

/* Nobody's wait has an end but the grant: a ring of batches, or a lost wake-up, hangs the test. */
Test(paths_stress, batches_alone_without_timeouts, .timeout = 1000)
{
	static struct script script = { .url = "memory:", .only_batches = true };

	run(&script);
}

Test(paths_stress, batches_alone_strictly, .timeout = 1000)
{
	static struct script script = { .url = "memory:?strict=1&" SMALLEST, .only_batches = true };

	run(&script);
}

/* ------------------------------------------------------------------- paths that come and go */

enum { CHURN_TOPS = 5, CHURN_NAMES = 400 };

struct churn {
	struct lk_manager *m;
	uint64_t end;
	uint64_t counter[CHURN_NAMES]; /* plain: under X of the name, or of its root */
	uint64_t done[THREADS];
};

/* Two levels, the second of them with a name that does not fit into an entry, or does. */
static void
churn_name(unsigned number, char name[80])
{
	(void)snprintf(name, 80, "%u/%0*u/leaf", number % CHURN_TOPS, number % 2 ? 40 : 4, number);
}

static void
churn_root(struct churn *churn, struct lk_owner *w, unsigned top, uint64_t *done)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "%u", top);
	if (lk_try_acquire(w, name, LK_X, NULL) != 0)
		return;
	for (unsigned number = top; number < CHURN_NAMES; number += CHURN_TOPS, ++*done)
		churn->counter[number]++;
}

/* Owners that come and go, names that do: a lock on a path is a lock on that path. */
static void
churn_body(void *arg, unsigned index)
{
	struct churn *churn = arg;
	uint64_t seed = index + 1, done = 0;
	struct lk_owner *w;

	while (test_now() < churn->end || done == 0) {
		must(lk_owner_open(churn->m, NULL, &w) == 0);
		for (int i = 0; i < 30; i++) {
			unsigned number = (unsigned)(test_random(&seed) % CHURN_NAMES);
			char name[80];

			churn_name(number, name);
			if (test_random(&seed) % 64 == 0) {
				churn_root(churn, w, number % CHURN_TOPS, &done);
			} else if (lk_try_acquire(w, name, LK_X, NULL) == 0) {
				churn->counter[number]++;
				done++;
			}
			if (i % 4 == 3)
				must(lk_release_all(w) == 0);
		}
		must(lk_owner_close(w) == 0);
		if (test_random(&seed) % 16 == 0)
			must(lk_sweep(churn->m, NULL) == 0);
	}
	churn->done[index] = done;
}

static void
churn_run(const char *url)
{
	static struct churn churn;
	uint64_t done = 0, counted = 0;

	memset(&churn, 0, sizeof(churn));
	churn.m = open_manager(url);
	churn.end = test_now() + (uint64_t)(test_seconds(1.0) * 1e9);
	test_threads(THREADS, churn_body, &churn);
	for (int i = 0; i < THREADS; i++)
		done += churn.done[i];
	for (int i = 0; i < CHURN_NAMES; i++)
		counted += churn.counter[i];
	cr_expect_gt(done, 0);
	cr_expect_eq(counted, done);
	cr_expect_eq(stats_of(churn.m).holds, 0);
	ok(lk_sweep(churn.m, NULL));
	cr_expect_eq(stats_of(churn.m).names, 0);
	ok(lk_close(churn.m));
}

Test(paths_stress, names_that_come_and_go, .timeout = 1000)
{
	churn_run("memory:?max_idle=1&index_buckets=1&lot_buckets=1");
}

Test(paths_stress, names_that_stay_for_a_while, .timeout = 1000)
{
	churn_run("memory:?max_idle=300&index_buckets=1");
}
