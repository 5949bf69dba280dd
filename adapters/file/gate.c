/* SPDX-License-Identifier: MIT */
/* Gates: first among the threads of an opening, then among all descriptions.  (GA1) */
#include "file/gate.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "file/store.h"

enum { SLICE_NS = 10000000, YIELDS = 8, NAP_FIRST_NS = 20000, NAP_MOST_NS = 1000000 };

void
file_gate_init(struct file_gate *g, uint64_t byte)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->news, &attributes);
	pthread_condattr_destroy(&attributes);
	g->is_taken = false;
	g->byte = byte;
}

void
file_gate_fini(struct file_gate *g)
{
	pthread_cond_destroy(&g->news);
	pthread_mutex_destroy(&g->mutex);
}

/* The deadline is on the clock of the environment, which is not the system's in tests: so in slices. */
static void
wait_a_slice(struct file_gate *g)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SLICE_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&g->news, &g->mutex, &until);
}

/* False: the deadline passed. */
static bool
enter(struct file_store *s, struct file_gate *g, uint64_t deadline_ns)
{
	bool is_in;

	pthread_mutex_lock(&g->mutex);
	while (g->is_taken && place_now(&s->place) < deadline_ns)
		wait_a_slice(g);
	is_in = !g->is_taken;
	g->is_taken = true;
	pthread_mutex_unlock(&g->mutex);
	return is_in;
}

static void
leave(struct file_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	g->is_taken = false;
	pthread_cond_signal(&g->news);
	pthread_mutex_unlock(&g->mutex);
}

/* Others hold it for microseconds, unless they are stopped. */
static int
lock_byte(struct file_store *s, uint64_t byte, enum io_lock how, uint64_t deadline_ns)
{
	uint64_t nap_ns = NAP_FIRST_NS;
	int error = io_lock(s->space, byte, how);

	for (unsigned i = 0; i < YIELDS && error == EAGAIN; i++) {
		sched_yield();
		error = io_lock(s->space, byte, how);
	}
	while (error == EAGAIN) {
		const uint64_t now = place_now(&s->place);
		const uint64_t until = now + nap_ns;

		if (now >= deadline_ns)
			return LK_E_TIMEDOUT;
		place_nap(&s->place, until < deadline_ns ? until : deadline_ns);
		nap_ns = nap_ns * 2 < NAP_MOST_NS ? nap_ns * 2 : NAP_MOST_NS;
		error = io_lock(s->space, byte, how);
	}
	return error == 0 ? 0 : file_say(s, LK_E_STORE, "space, to lock it", error);
}

int
file_gate_lock(struct file_store *s, struct file_gate *g, enum io_lock how, uint64_t deadline_ns)
{
	int rc;

	if (!enter(s, g, deadline_ns))
		return LK_E_TIMEDOUT;
	rc = lock_byte(s, g->byte, how, deadline_ns);
	if (rc != 0)
		leave(g);
	return rc;
}

void
file_gate_unlock(struct file_store *s, struct file_gate *g)
{
	(void)io_lock(s->space, g->byte, IO_UNLOCK);
	leave(g);
}
