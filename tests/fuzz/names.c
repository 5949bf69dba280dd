/* SPDX-License-Identifier: MIT */
/*
 * Paths: a lock on any bytes holds what the header says are its ancestors, and nothing else.
 *
 * The first byte of the input chooses the mode, the second the separator (or none); the rest is the name.
 */
#include <string.h>

#include <latchkey.h>

#include "fuzz.h"

enum { NAME = 256 };

struct world {
	struct lk_manager *m;
	struct lk_owner *w;
	const uint8_t *name;
	size_t n;
	int separator; /* -1: none */
};

/* Are the first `len` bytes an ancestor?  Split at a separator with another byte on both sides. */
static bool
is_ancestor(const struct world *x, size_t len)
{
	if (len == 0 || len + 1 >= x->n || x->name[len] != x->separator)
		return false;
	return x->name[len - 1] != x->separator && x->name[len + 1] != x->separator;
}

static uint32_t
holders(const struct world *x, size_t len, lk_mode mode)
{
	struct lk_info info = { .size = sizeof(info) };

	must(lk_info(x->m, x->name, len, &info) == 0);
	return info.holders[mode];
}

/* Every ancestor is held in `intent`, and no other beginning of the name at all. */
static size_t
check_ancestors(const struct world *x, lk_mode intent)
{
	size_t n = 0;

	for (size_t len = 1; len < x->n; len++) {
		bool above = is_ancestor(x, len);

		must(lk_holds(x->w, x->name, len) == (above ? (int)intent : LK_NL));
		must(holders(x, len, intent != LK_NL ? intent : LK_X) ==
		     (above && intent != LK_NL));
		n += above;
	}
	return n;
}

static struct lk_stats
stats_of(const struct world *x)
{
	struct lk_stats s = { .size = sizeof(s) };

	must(lk_stats(x->m, &s) == 0);
	return s;
}

/* A lock on the name, with intents above. */
static void
try_intents(const struct world *x, lk_mode mode)
{
	const lk_mode intent = mode == LK_IS || mode == LK_S ? LK_IS : LK_IX;
	lk_grant g;

	must(lk_acquire_bytes(x->w, x->name, x->n, mode, NULL, &g) == 0);
	must(lk_holds(x->w, x->name, x->n) == (int)mode);
	must(stats_of(x).holds == check_ancestors(x, intent) + 1);
	must(lk_release(x->w, g) == 0);
	must(check_ancestors(x, LK_NL) == stats_of(x).intents && stats_of(x).holds == 0);
}

/* Who has an ancestor in X has all below it, and needs no lock there. */
static void
try_cover(const struct world *x, size_t len, lk_mode mode)
{
	struct lk_grant_info info = { .size = sizeof(info) };
	lk_grant above, g;

	must(lk_acquire_bytes(x->w, x->name, len, LK_X, NULL, &above) == 0);
	must(lk_holds(x->w, x->name, x->n) == LK_X);
	must(lk_acquire_bytes(x->w, x->name, x->n, mode, NULL, &g) == 0);
	must(lk_grant_info(x->w, g, &info) == 0);
	must((info.flags & LK_IMPLIED) != 0 && info.name_len == x->n &&
	     memcmp(info.name, x->name, x->n) == 0);
	must(holders(x, x->n, mode) == 0);
	must(lk_release(x->w, above) == 0);
	must(lk_holds(x->w, x->name, x->n) >= (int)mode);
	must(holders(x, len, mode == LK_IS || mode == LK_S ? LK_S : LK_X) == 1);
	must(lk_release_name(x->w, x->name, x->n) == 0);
	must(stats_of(x).holds == 0);
}

static int
separator_of(uint8_t x)
{
	static const int separators[] = { '/', '.', ':', 1, 255, -1, '/', '/' };

	return separators[x % 8];
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct lk_config cfg = LK_CONFIG_INIT;
	struct world x = { .name = bytes + 2 };
	lk_grant g;
	lk_mode mode;

	if (n < 2 || n - 2 > NAME)
		return 0;
	x.n = n - 2;
	x.separator = separator_of(bytes[1]);
	mode = (lk_mode)(LK_IS + bytes[0] % LK_X);
	cfg.separator = x.separator < 0 ? LK_OFF : (uint64_t)x.separator;
	cfg.max_idle = 1;
	cfg.index_buckets = 1;
	cfg.lot_buckets = 1;
	must(lk_open(NULL, &cfg, &x.m) == 0 && lk_owner_open(x.m, NULL, &x.w) == 0);
	if (x.n == 0) {
		must(lk_acquire_bytes(x.w, x.name, 0, mode, NULL, &g) == LK_E_NAME);
	} else {
		try_intents(&x, mode);
		for (size_t len = 1; len < x.n; len++) {
			if (is_ancestor(&x, len))
				try_cover(&x, len, mode);
		}
	}
	must(lk_sweep(x.m, NULL) == 0 && stats_of(&x).names == 0);
	must(lk_owner_close(x.w) == 0 && lk_close(x.m) == 0);
	return 0;
}
