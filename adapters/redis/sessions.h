/* SPDX-License-Identifier: MIT */
/* Sessions: keys with a time to live, that are begun anew by a script as long as they are there.  (RD5, RD6) */
#ifndef LK_ADAPTERS_REDIS_SESSIONS_H
#define LK_ADAPTERS_REDIS_SESSIONS_H

#include "redis/store.h"

int sessions_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		  const char *who, uint64_t deadline_ns);
int sessions_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int sessions_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int sessions_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		   unsigned char *alive, uint64_t deadline_ns);
int sessions_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		 uint64_t deadline_ns);

/* Of this opening: is there one? */
bool sessions_are_open(struct redis_store *s);

/* End those of this opening, as far as the server answers. */
void sessions_end(struct redis_store *s);

#endif /* LK_ADAPTERS_REDIS_SESSIONS_H */
