/* SPDX-License-Identifier: MIT */
/*
 * Sessions: a row says who, and which byte of the sidecar, its beacon, says that it lives.
 *
 * SS1  a session is alive if and only if its row is there and the beacon of its slot is lit.
 * SS2  a slot that any row has, dead or not, is not given away in the transaction that takes the row out.  So as long as
 *      a row can be read nobody but its session lights that beacon; and who sees it lit looks again whether the row is
 *      still there.  So what was dead stays dead.
 * SS3  a beacon is lit before its row can be read, and put out after the row is gone, or instead.
 */
#ifndef LK_ADAPTERS_SQLITE_SESSIONS_H
#define LK_ADAPTERS_SQLITE_SESSIONS_H

#include "sqlite/store.h"

int session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		 const char *who, uint64_t deadline_ns);
int session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		  unsigned char *alive, uint64_t deadline_ns);
int session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		uint64_t deadline_ns);

/* All of this opening. */
void sessions_end(struct sqlite_store *s);

#endif /* LK_ADAPTERS_SQLITE_SESSIONS_H */
