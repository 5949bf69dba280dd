/* SPDX-License-Identifier: MIT */
/*
 * Alarm: who wants notices, and holds what he does through a store, is told when that is in doubt, and when it is lost.
 *
 *   suspect   nothing was heard of the store for suspect_pct of the session's time: all that he holds
 *   lost      the session is over, or somebody broke the lock: what was lost, and what it implied
 *
 * AL1  a loss is in the words of its names before the alarm is rung (AB4), and it is told to those who hold them then; who
 *      is granted a name looks afterwards whether it is lost (late.h), and gives it back.  So nobody holds for long what
 *      he was not told about.
 * AL2  of each grant it is told once: that it was is noted in its extra, which all grants of who listens have.
 * AL3  of each doubt an owner is told once: a doubt is known by the deadline that comes nearer.
 * AL4  the alarm is rung by each loss, and rings by itself when the session will be suspect, and when it will be over, as
 *      long as anybody listens.
 */
#ifndef LK_CORE_ALARM_H
#define LK_CORE_ALARM_H

#include "core/manager.h"

void alarm_init(struct lk_manager *m);

/* An owner that is being opened wants notices: the service runs.  0 or the code to return. */
int alarm_prepare(struct lk_manager *m);

/* … and is open; and is about to close. */
void alarm_listen(struct lk_owner *w);
void alarm_leave(struct lk_owner *w);

/* Has nothing been heard of the store for too long? */
bool alarm_is_due(const struct lk_manager *m);

#endif /* LK_CORE_ALARM_H */
