/* SPDX-License-Identifier: MIT */
/* Looking after the store of a manager: the sweep that comes by itself. */
#ifndef LK_CORE_UPKEEP_H
#define LK_CORE_UPKEEP_H

#include "core/manager.h"
#include "remote/state.h"

/* Its store is open: from now on it is swept every so often; LK_OFF: never. */
void upkeep_begin(struct lk_manager *m, uint64_t sweep_ns);

/* All of the store; `*n` is how many records went. */
int upkeep_sweep_all(struct lk_manager *m, size_t *n);

/* What this manager does there it does as itself.  LK_E_UNSUPPORTED: there is no store; LK_E_NOMEM. */
int upkeep_of(struct lk_manager *m, struct upkeep **out);

/* What calls about a name begin with, if `may_be_empty` also about all names. */
int upkeep_check(const struct lk_manager *m, const void *name, size_t len, bool may_be_empty);

#endif /* LK_CORE_UPKEEP_H */
