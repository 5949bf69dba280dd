/* SPDX-License-Identifier: MIT */
/*
 * The service of a manager: what has to be done when nobody calls.  One thread, started by the first thing that
 * needs it; or, with LK_MANUAL, the caller's, in lk_serve().
 */
#ifndef LK_CORE_SERVICE_H
#define LK_CORE_SERVICE_H

#include "base/thread.h"
#include "lease/timer.h"

enum service_state { SERVICE_IDLE, SERVICE_RUNS, SERVICE_STOPS };

struct service {
	struct timers timers;
	struct thread thread;
	struct latch latch; /* of who starts it */
	a32 state;          /* enum service_state */
	bool is_manual;
};

void service_init(struct service *s, struct env *env, bool is_manual);

/* Before the first timer is set: 0, or LK_E_NOMEM, as there is no thread to be had. */
int service_start(struct service *s);

/* Before the manager goes: its thread has ended. */
void service_stop(struct service *s);

#endif /* LK_CORE_SERVICE_H */
