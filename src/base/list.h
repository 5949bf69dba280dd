/* SPDX-License-Identifier: MIT */
/* Intrusive doubly-linked lists, as liburcu has them.  Guarded by a latch; not for RCU. */
#ifndef LK_BASE_LIST_H
#define LK_BASE_LIST_H

#include <urcu/list.h>

#endif /* LK_BASE_LIST_H */
