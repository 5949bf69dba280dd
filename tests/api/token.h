/* SPDX-License-Identifier: MIT */
/* Tokens of a test, and calls by them from other threads. */
#ifndef LATCHKEY_TESTS_API_TOKEN_H
#define LATCHKEY_TESTS_API_TOKEN_H

#include "lease_stage.h"

typedef char token_buf[LK_TOKEN_MAX];

#define token_of(w, g, t) ok(lk_token((w), (g), (t), sizeof(t)))

/* A call by token from a thread of its own, as tokens are for others. */
enum deed { CHECK, RENEW, RELEASE };

struct other {
	struct lk_manager *m;
	const char *token;
	enum deed deed;
	uint64_t lease_ns;
	int rc;
};

static inline void *
other_main(void *arg)
{
	struct other *o = arg;

	switch (o->deed) {
	case CHECK:
		o->rc = lk_token_check(o->m, o->token);
		break;
	case RENEW:
		o->rc = lk_token_renew(o->m, o->token, o->lease_ns);
		break;
	case RELEASE:
		o->rc = lk_token_release(o->m, o->token);
		break;
	}
	return NULL;
}

static inline int
by_other(struct lk_manager *m, const char *token, enum deed deed, uint64_t lease_ns)
{
	struct other o = { m, token, deed, lease_ns, -1 };
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, other_main, &o), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	return o.rc;
}

#define check_by_other(m, t)     by_other((m), (t), CHECK, 0)
#define renew_by_other(m, t, ns) by_other((m), (t), RENEW, (ns))
#define release_by_other(m, t)   by_other((m), (t), RELEASE, 0)

static inline struct lk_token_info
parsed(const char *token)
{
	struct lk_token_info info = { .size = sizeof(info) };

	ok(lk_token_parse(token, &info));
	return info;
}

#endif /* LATCHKEY_TESTS_API_TOKEN_H */
