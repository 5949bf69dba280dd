/* SPDX-License-Identifier: MIT */
/* What a store says, on its way to the log.  (N3) */
#include <stdio.h>

#include "core/manager.h"

/* In the thread that minds the store. */
static void
tell(struct timer *t, uint64_t now)
{
	struct lk_manager *m = container_of(t, struct lk_manager, says.timer);
	struct says *s = &m->says;
	char line[SAYS_ROOM + 8];
	enum lk_log_level level;

	(void)now;
	latch_lock(&s->latch);
	(void)snprintf(line, sizeof(line), "store: %s", s->line);
	level = s->level;
	s->is_news = false;
	latch_unlock(&s->latch);
	tracer_say(&m->tracer, level, line);
}

void
says_init(struct lk_manager *m)
{
	latch_init(&m->says.latch);
	m->says.timer.fire = tell;
}

void
says_begin(struct lk_manager *m)
{
	bool is_news;

	latch_lock(&m->says.latch);
	m->says.is_served = true;
	is_news = m->says.is_news;
	latch_unlock(&m->says.latch);
	if (is_news)
		timer_set(&m->errands.timers, &m->says.timer, 0);
}

void
says_hear(void *arg, enum lk_log_level level, const char *line)
{
	struct lk_manager *m = arg;
	struct says *s = &m->says;
	bool is_served;

	latch_lock(&s->latch);
	(void)snprintf(s->line, sizeof(s->line), "%s", line);
	s->level = level;
	s->is_news = true;
	is_served = s->is_served;
	latch_unlock(&s->latch);
	if (is_served)
		timer_set(&m->errands.timers, &s->timer, 0);
}
