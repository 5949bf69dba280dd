/* SPDX-License-Identifier: MIT */
/*
 * Detached grants.  With a store they are in its records (remote/detached.h).  Without one each is in an owner of its own,
 * which nobody else uses, and which the manager closes once the grant is over.
 *
 * DG1  such an owner has the state POOLED: nobody but the manager can close it, and it keeps no manager open.
 * DG2  it is in the manager's queue from when its grant was made until it is closed.  Each lk_detach() looks at some of
 *     them, and closes those whose grant is over: so there are never many more than grants.
 */
#ifndef LK_CORE_DETACHED_H
#define LK_CORE_DETACHED_H

#include "core/manager.h"

/* As lk_token_check(), lk_token_renew(), lk_token_release(), of a token that says that it is in a store. */
int detached_token_check(struct lk_manager *m, const char *token);
int detached_token_renew(struct lk_manager *m, const char *token, uint64_t lease_ns);
int detached_token_release(struct lk_manager *m, const char *token);

/* The manager is being closed: those without a store end. */
void detached_end(struct lk_manager *m);

#endif /* LK_CORE_DETACHED_H */
