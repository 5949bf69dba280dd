/* SPDX-License-Identifier: MIT */
/*
 * A small tree of names with a shadow, for threads that lock in it at random: what the tests think
 * is held, so that two holders that do not go together are found.
 *
 * Every name has one atomic number: how many owners hold it in each mode.  Every leaf has another: how many
 * may read it and write it, by a lock on itself or on an ancestor.  Both are lowered before the library is told
 * and raised after it has granted, so that they never claim more than is held.  They are relaxed, and what a
 * leaf protects is plain, so that the thread sanitizer sees whether the library itself orders the threads.
 */
#ifndef LATCHKEY_TESTS_API_TREE_H
#define LATCHKEY_TESTS_API_TREE_H

#include "support.h"

enum { TREE_WIDTH = 3, TREE_NODES = 1 + TREE_WIDTH + TREE_WIDTH * TREE_WIDTH, TREE_FIRST_LEAF = 4 };

static const char *const tree_name[TREE_NODES] = {
	"t",     "t/a",   "t/b",   "t/c",   "t/a/a", "t/a/b", "t/a/c",
	"t/b/a", "t/b/b", "t/b/c", "t/c/a", "t/c/b", "t/c/c",
};

struct tree {
	_Atomic uint64_t shadow[TREE_NODES]; /* TREE_BITS for each mode */
	struct {
		_Atomic uint64_t users; /* readers, and writers from bit 32 */
		uint64_t first;         /* plain: changed together, by a writer */
		uint64_t second;
	} leaf[TREE_NODES];
};

/* What one owner's grants amount to on each name, without what is implied or intended. */
struct tree_claim {
	lk_mode mode[TREE_NODES];
};

enum { TREE_BITS = 9 };

/* The name above; -1: none. */
static inline int
tree_above(int node)
{
	return node == 0                ? -1
	       : node < TREE_FIRST_LEAF ? 0
					: 1 + (node - TREE_FIRST_LEAF) / TREE_WIDTH;
}

/* One grant more: with LK_PARENTS on all that is above, too. */
static inline void
tree_claim_add(struct tree_claim *claim, int node, lk_mode mode, bool with_parents)
{
	do {
		claim->mode[node] = supremum[claim->mode[node]][mode];
		node = tree_above(node);
	} while (with_parents && node >= 0);
}

static inline bool
tree_is_at_most(lk_mode mode, lk_mode other)
{
	return supremum[mode][other] == other;
}

/* What is surely held while an owner goes from one to the other. */
static inline struct tree_claim
tree_claim_meet(const struct tree_claim *a, const struct tree_claim *b)
{
	static const lk_mode weakest_first[] = { LK_IS, LK_IX, LK_S, LK_U, LK_SIX, LK_X };
	struct tree_claim both = { { LK_NL } };

	for (int node = 0; node < TREE_NODES; node++)
		for (size_t i = 0; i < countof(weakest_first); i++)
			if (tree_is_at_most(weakest_first[i], a->mode[node]) &&
			    tree_is_at_most(weakest_first[i], b->mode[node]))
				both.mode[node] = weakest_first[i];
	return both;
}

/* May a leaf be read (1) or written (2) by who has this claim? */
static inline int
tree_use(const struct tree_claim *claim, int leaf)
{
	int use = 0;

	for (int node = leaf; node >= 0; node = tree_above(node)) {
		if (claim->mode[node] == LK_X)
			return 2;
		if (tree_is_at_most(LK_S, claim->mode[node]))
			use = 1;
	}
	return use;
}

static inline uint64_t
tree_shadow_of(lk_mode mode)
{
	return mode == LK_NL ? 0 : UINT64_C(1) << (TREE_BITS * (mode - 1));
}

static inline void
tree_move_node(struct tree *tree, int node, lk_mode from, lk_mode to)
{
	uint64_t delta = tree_shadow_of(to) - tree_shadow_of(from);
	uint64_t others;

	if (from == to)
		return;
	others = atomic_fetch_add_explicit(&tree->shadow[node], delta, memory_order_relaxed);
	others -= tree_shadow_of(from);
	for (lk_mode other = LK_IS; to != LK_NL && other <= LK_X; other++) {
		uint64_t n = others >> (TREE_BITS * (other - 1)) & ((1u << TREE_BITS) - 1);

		must(n == 0 || compatible[to][other]);
	}
}

static inline void
tree_move_leaf(struct tree *tree, int leaf, int from, int to)
{
	static const uint64_t weight[] = { 0, 1, UINT64_C(1) << 32 };
	uint64_t others;

	if (from == to)
		return;
	others = atomic_fetch_add_explicit(&tree->leaf[leaf].users, weight[to] - weight[from],
					   memory_order_relaxed);
	others -= weight[from];
	must(to != 1 || others < weight[2]);
	must(to != 2 || others == 0);
}

/* Go from one claim to another, look who else is there, and use what may be used. */
static inline void
tree_move(struct tree *tree, const struct tree_claim *from, const struct tree_claim *to)
{
	for (int node = 0; node < TREE_NODES; node++)
		tree_move_node(tree, node, from->mode[node], to->mode[node]);
	for (int leaf = TREE_FIRST_LEAF; leaf < TREE_NODES; leaf++) {
		int use = tree_use(to, leaf);

		tree_move_leaf(tree, leaf, tree_use(from, leaf), use);
		if (use == 2) {
			tree->leaf[leaf].first++;
			tree->leaf[leaf].second++;
		} else if (use == 1) {
			must(tree->leaf[leaf].first == tree->leaf[leaf].second);
		}
	}
}

/* What the library says that `w` holds is at least what is claimed. */
static inline void
tree_check(struct lk_owner *w, const struct tree_claim *claim)
{
	for (int node = 0; node < TREE_NODES; node++) {
		int mode = lk_holds(w, tree_name[node], strlen(tree_name[node]));

		must(mode >= 0 && tree_is_at_most(claim->mode[node], (lk_mode)mode));
	}
}

/* At the end: nobody claims anything, and nothing that a leaf protects was torn. */
static inline void
tree_expect_idle(struct tree *tree)
{
	for (int node = 0; node < TREE_NODES; node++) {
		cr_expect_eq(atomic_load(&tree->shadow[node]), 0, "%s", tree_name[node]);
		cr_expect_eq(atomic_load(&tree->leaf[node].users), 0, "%s", tree_name[node]);
		cr_expect_eq(tree->leaf[node].first, tree->leaf[node].second);
	}
}

#endif /* LATCHKEY_TESTS_API_TREE_H */
