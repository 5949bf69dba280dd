/* SPDX-License-Identifier: MIT */
/* From a scheme to what can open it: built in, registered, or loaded. */
#ifndef LK_STORE_REGISTRY_H
#define LK_STORE_REGISTRY_H

#include "base/schemes.h"

/*
 * In use until schemes_put().  Returns 0; LK_E_UNSUPPORTED: nothing is known of it; LK_E_VERSION, LK_E_INVAL: what was loaded
 * does not fit; LK_E_NOMEM.
 */
int registry_get(const char *scheme, struct scheme **out);

#endif /* LK_STORE_REGISTRY_H */
