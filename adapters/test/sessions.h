/* SPDX-License-Identifier: MIT */
/* The calls about sessions, as struct lk_store_ops has them. */
#ifndef LK_ADAPTERS_TEST_SESSIONS_H
#define LK_ADAPTERS_TEST_SESSIONS_H

#include <latchkey/store.h>

int test_session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		      const char *who, uint64_t deadline_ns);
int test_session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int test_session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int test_session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		       unsigned char *alive, uint64_t deadline_ns);
int test_session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		     uint64_t deadline_ns);

#endif /* LK_ADAPTERS_TEST_SESSIONS_H */
