/* SPDX-License-Identifier: MIT */
/* One conversion, for those who make it in parts. */
#ifndef LK_CORE_CONVERT_H
#define LK_CORE_CONVERT_H

#include "core/request.h"

/* The owner was entered.  0 or the code to return: LK_E_STALE.  Nobody is told. */
int convert_inside(struct lk_owner *w, lk_grant g, struct request *q);

/* What it needs on the name of the grant, and how its ancestors are held; NULL: stale. */
struct lk_resource *convert_needs(struct lk_owner *w, lk_grant g, uint32_t *flags);

/* In which mode is that grant, which is held? */
lk_mode convert_mode(struct lk_owner *w, lk_grant g);

/* It came to `rc`, from `was`: the events of it. */
void convert_tell(struct lk_owner *w, lk_grant g, struct request *q, lk_mode was, int rc);

/* The hook is asked: 0, or LK_E_PERM. */
int convert_ask(struct lk_owner *w, lk_grant g, struct request *q);

#endif /* LK_CORE_CONVERT_H */
