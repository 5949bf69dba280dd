/* SPDX-License-Identifier: MIT */
/*
 * lk_open with any text: it is refused with a code and a sentence that fits, or makes a manager that works.
 *
 * The first byte of the input says how much room there is for the sentence, the second which settings the
 * structure has as well; the rest is the URL, up to a NUL.
 */
#include <string.h>

#include <latchkey.h>

#include "fuzz.h"

enum { REPORT = 256, CANARY = 0x5a, LARGEST = 1 << 24 };

/* Nobody gets more than LARGEST, so that large settings cost nothing: LK_E_NOMEM. */
static void *
small_alloc(void *state, size_t size, size_t align)
{
	size_t *blocks = state;
	void *memory;

	if (size > LARGEST ||
	    posix_memalign(&memory, align > sizeof(void *) ? align : sizeof(void *), size) != 0)
		return NULL;
	++*blocks;
	return memory;
}

static void
small_free(void *state, void *memory, size_t size)
{
	size_t *blocks = state;

	(void)size;
	--*blocks;
	free(memory);
}

static void
use(struct lk_manager *m)
{
	struct lk_owner *w;
	lk_grant g;
	int rc = lk_owner_open(m, NULL, &w);

	must(rc == 0 || rc == LK_E_NOMEM);
	if (rc != 0)
		return;
	rc = lk_acquire(w, "db/orders/42", LK_X, NULL, &g);
	must(rc == 0 || rc == LK_E_NOMEM);
	if (rc == 0)
		must(lk_holds(w, "db/orders/42", 12) == LK_X && lk_release(w, g) == 0);
	must(lk_owner_close(w) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct lk_manager *none = (struct lk_manager *)(uintptr_t)&bytes, *m = none;
	struct lk_config cfg = LK_CONFIG_INIT;
	char report[REPORT + 1];
	struct lk_allocator small;
	size_t blocks = 0;
	char *url;
	int rc;

	if (n < 2 || n > 4096)
		return 0;
	url = malloc(n - 1); /* exactly, so that a look behind its end is found */
	must(url != NULL);
	memcpy(url, bytes + 2, n - 2);
	url[n - 2] = '\0';
	memset(report, CANARY, sizeof(report));
	small = (struct lk_allocator){ small_alloc, small_free, &blocks };
	cfg.allocator = &small;
	cfg.report = report;
	cfg.report_cap = bytes[0] % REPORT;
	cfg.flags = bytes[1] % 4;
	cfg.max_idle = bytes[1] / 4 % 4;
	cfg.separator = bytes[1] & 16 ? LK_OFF : bytes[1] & 32 ? '.' : 0;
	rc = lk_open(url, &cfg, &m);
	free(url);
	must(report[cfg.report_cap] == CANARY);
	if (cfg.report_cap > 0) {
		must(memchr(report, '\0', cfg.report_cap) != NULL);
		must((rc == 0) == (report[0] == '\0') || cfg.report_cap == 1);
	}
	if (rc == 0) {
		use(m);
		must(lk_close(m) == 0);
	} else {
		must(rc == LK_E_INVAL || rc == LK_E_UNSUPPORTED || rc == LK_E_NOMEM);
		must(m == none);
	}
	must(blocks == 0);
	return 0;
}
