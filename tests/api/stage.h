/* SPDX-License-Identifier: MIT */
/*
 * Two managers that share a store, as processes do: over the store "test:", which all of one process share.  STAGE_OWNERS, of each
 * manager, may be defined before.
 */
#ifndef API_STAGE_H
#define API_STAGE_H

#include <latchkey/store.h>
#include <latchkey/test_store.h>

#include "support.h"

#ifndef STAGE_OWNERS
#define STAGE_OWNERS 2
#endif

#define SECOND INT64_C(1000000000)

struct stage {
	struct lk_manager *m[2];
	struct lk_owner *w[2][STAGE_OWNERS];
};

static inline void
stage_open_with(struct stage *s, const char *parameters)
{
	for (int i = 0; i < 2; i++) {
		char url[128];

		snprintf(url, sizeof(url), "test:stage?as=%c&breaker_threshold=off%s", 'a' + i,
			 parameters);
		s->m[i] = open_manager(url);
		open_owners(s->m[i], s->w[i], STAGE_OWNERS);
	}
}

static inline void
stage_open(struct stage *s)
{
	stage_open_with(s, "");
}

static inline void
stage_close(struct stage *s)
{
	for (int i = 0; i < 2; i++)
		close_all(s->m[i], s->w[i], STAGE_OWNERS);
}

static inline void
set_faults(const char *as, struct lk_test_faults f)
{
	f.size = sizeof(f);
	ok(lk_test_store_faults("stage", as, &f));
}

static inline void
cut_off(const char *as, bool is_cut)
{
	set_faults(as, (struct lk_test_faults){ .flags = is_cut ? LK_TEST_PARTITIONED : 0 });
}

#endif /* API_STAGE_H */
