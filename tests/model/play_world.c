/* SPDX-License-Identifier: MIT */
/* What the library of a stage takes from outside: time, sleep, chance, memory. */
#include "play.h"
#include "sanitizers.h"

#include <stdlib.h>
#include <string.h>

static uint64_t
stage_now(void *state)
{
	const struct stage *t = state;

	return t->now;
}

static struct actor *
actor_on(struct stage *t, const struct fiber *f)
{
	for (int i = 0; i < t->script->owners; i++) {
		if (&t->actor[i].fiber == f)
			return &t->actor[i];
	}
	return NULL;
}

/* May come back early: so where there is no fiber (a shutdown's nap), at once. */
static void
stage_wait(void *state, const uint32_t *word, uint32_t value, uint64_t deadline)
{
	struct actor *a = actor_on(state, fiber_current());

	if (a == NULL || *word != value)
		return;
	a->word = word;
	a->until = deadline;
	a->woken = false;
	fiber_sleep();
	a->word = NULL;
}

static void
stage_wake(void *state, const uint32_t *word)
{
	struct stage *t = state;

	for (int i = 0; i < t->script->owners; i++) {
		if (t->actor[i].word == word)
			t->actor[i].woken = true;
	}
}

static uint64_t
stage_random(void *state)
{
	(void)state;
	return 4; /* chosen by a fair die */
}

/* Memory that comes back is kept for the next script: so a script costs no page faults. */
struct spare {
	struct spare *next;
	size_t size;
};

static struct spare *spares;

static void *
take_spare(size_t size, size_t align)
{
	for (struct spare **s = &spares; *s != NULL; s = &(*s)->next) {
		struct spare *found = *s;

		if (found->size != size || (uintptr_t)found % align != 0)
			continue;
		*s = found->next;
		return found;
	}
	return NULL;
}

static void *
stage_alloc(void *state, size_t size, size_t align)
{
	struct stage *t = state;
	size_t room = size > sizeof(struct spare) ? size : sizeof(struct spare);
	void *memory = take_spare(room, align);

	if (memory == NULL &&
	    posix_memalign(&memory, align > sizeof(void *) ? align : sizeof(void *), room) != 0)
		return NULL;
	memset(memory, 0xa5, room < 4096 ? room : 4096); /* fresh memory is not zero */
	t->blocks++;
	return memory;
}

static void
stage_free(void *state, void *memory, size_t size)
{
	struct stage *t = state;
	struct spare *s = memory;

	t->blocks--;
#ifdef MODEL_ASAN
	free(memory); /* so that a late look at it is found */
	(void)s;
	(void)size;
#else
	s->size = size > sizeof(*s) ? size : sizeof(*s);
	s->next = spares;
	spares = s;
#endif
}

void
play_world(struct stage *t, struct lk_environment *e, struct lk_allocator *a)
{
	*e = (struct lk_environment){ stage_now, stage_wait, stage_wake, stage_random, t };
	*a = (struct lk_allocator){ stage_alloc, stage_free, t };
}
