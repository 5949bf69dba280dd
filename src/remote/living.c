/* SPDX-License-Identifier: MIT */
/* A few sessions, and when they were alive.  (LV1) */
#include "remote/living.h"

#include <string.h>

static unsigned
find(const struct living *l, const struct lk_session_id *id)
{
	unsigned i = 0;

	while (i < LIVING_MOST &&
	       (l->one[i].asked_at == 0 || memcmp(&l->one[i].id, id, sizeof(*id)) != 0))
		i++;
	return i;
}

bool
living_are_all(const struct living *l, const struct lk_session_id *ids, size_t n, uint64_t now,
	       uint64_t for_ns)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned at = find(l, &ids[i]);

		if (at == LIVING_MOST || now - l->one[at].asked_at >= for_ns)
			return false;
	}
	return n > 0;
}

void
living_note(struct living *l, const struct lk_session_id *id, uint64_t asked_at)
{
	unsigned at = find(l, id);

	if (at == LIVING_MOST)
		at = l->next++ % LIVING_MOST;
	l->one[at].id = *id;
	l->one[at].asked_at = asked_at;
}
