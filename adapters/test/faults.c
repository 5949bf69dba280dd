/* SPDX-License-Identifier: MIT */
/* What fails, and how a test says so. */
#include "test/space.h"

#include <string.h>

#include "common/quiet.h"

/* The next of a stream that depends on the seed alone (splitmix64). */
static uint64_t
next(uint64_t *lot)
{
	uint64_t z = *lot += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

bool
faults_draw(struct test_store *s, uint32_t of_thousand)
{
	return of_thousand != 0 && next(&s->lot) % 1000 < of_thousand;
}

/* With the space unlocked: other calls go on meanwhile.  False: the deadline came first. */
static bool
take_time(const struct test_store *s, uint64_t delay_ns, uint64_t deadline_ns)
{
	const uint64_t end = place_now(&s->place) + delay_ns;
	const uint64_t until = end < deadline_ns ? end : deadline_ns;

	while (place_now(&s->place) < until)
		place_nap(&s->place, until);
	return end <= deadline_ns;
}

static int
fail(struct test_store *s)
{
	if (s->is_crashed)
		return words_say(&s->words, LK_E_STORE, "test:%s: '%s' has crashed", s->space->name,
				 s->as);
	if ((s->faults.flags & LK_TEST_PARTITIONED) != 0)
		return words_say(&s->words, LK_E_STORE, "test:%s: '%s' is cut off", s->space->name,
				 s->as);
	if (faults_draw(s, s->faults.fail))
		return words_say(&s->words, LK_E_STORE, "test:%s: a failure was drawn",
				 s->space->name);
	return 0;
}

int
faults_enter(struct test_store *s, uint64_t deadline_ns)
{
	uint64_t delay_ns;
	int rc;

	if (fork_note_is_foreign(&s->fork))
		return LK_E_FORKED;
	pthread_mutex_lock(&s->space->lock);
	delay_ns = s->faults.delay_ns;
	if (delay_ns != 0) {
		pthread_mutex_unlock(&s->space->lock);
		if (!take_time(s, delay_ns, deadline_ns))
			return LK_E_TIMEDOUT;
		pthread_mutex_lock(&s->space->lock);
	}
	rc = fail(s);
	if (rc != 0)
		pthread_mutex_unlock(&s->space->lock);
	return rc;
}

/* -------------------------------------------------------------- the public calls */

static bool
is_meant(const struct test_store *s, const char *as)
{
	return as == NULL || strcmp(s->as, as) == 0;
}

static void
set_faults(struct test_store *s, const struct lk_test_faults *faults)
{
	s->faults = *faults;
	s->lot = faults->seed;
}

static int
check(const struct lk_test_faults *f, struct lk_test_faults *all)
{
	const unsigned char *bytes = (const unsigned char *)f;

	if (f->size < 2 * sizeof(uint32_t))
		return LK_E_INVAL;
	for (size_t i = sizeof(*f); i < f->size; i++) {
		if (bytes[i] != 0)
			return LK_E_VERSION;
	}
	memset(all, 0, sizeof(*all));
	memcpy(all, f, f->size < sizeof(*all) ? f->size : sizeof(*all));
	return (all->flags & ~LK_TEST_PARTITIONED) != 0 || all->reserved != 0 ? LK_E_INVAL : 0;
}

/* Do it to all that are meant: `faults`, or with NULL the crash. */
static int
each(const char *name, const char *as, const struct lk_test_faults *faults)
{
	struct space *sp = space_find(name);
	int rc = LK_E_NOENT;

	if (sp == NULL)
		return rc;
	pthread_mutex_lock(&sp->lock);
	for (struct test_store *s = sp->openers; s != NULL; s = s->next) {
		if (!is_meant(s, as))
			continue;
		rc = 0;
		if (faults != NULL) {
			set_faults(s, faults);
		} else {
			s->is_crashed = true;
			space_end_sessions(sp, s);
		}
	}
	pthread_mutex_unlock(&sp->lock);
	space_put(sp);
	return rc;
}

int
lk_test_store_faults(const char *name, const char *as, const struct lk_test_faults *faults)
{
	const struct quiet q = quiet_enter();
	struct lk_test_faults all;
	int rc = LK_E_INVAL;

	if (name != NULL && faults != NULL)
		rc = check(faults, &all);
	if (rc == 0)
		rc = each(name, as, &all);
	return quiet_leave(q, rc);
}

int
lk_test_store_crash(const char *name, const char *as)
{
	const struct quiet q = quiet_enter();

	return quiet_leave(q, name == NULL || as == NULL ? LK_E_INVAL : each(name, as, NULL));
}

int
lk_test_store_step(const char *name, int64_t ns)
{
	const struct quiet q = quiet_enter();
	struct space *sp;

	if (name == NULL)
		return quiet_leave(q, LK_E_INVAL);
	sp = space_find(name);
	if (sp == NULL)
		return quiet_leave(q, LK_E_NOENT);
	pthread_mutex_lock(&sp->lock);
	sp->step_ns += ns;
	pthread_mutex_unlock(&sp->lock);
	space_put(sp);
	return quiet_leave(q, 0);
}
