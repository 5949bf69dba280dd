/* SPDX-License-Identifier: MIT */
/*
 * Cases whose lanes are processes, of one thread or several.  Each is this program started anew, which opens the world for
 * itself in a folder that is there; all threads meet in shared memory: when to begin, when to end, what the lock guards, and
 * what came out.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entrant.h"
#include "place.h"

/* A store looks at its files by their names for some 20 ms after one of them was made. */
enum { N_WARM = 50, N_LANES_MOST = 2, LOOK_US = 100, REST_US = 30000 };

struct meeting_lane {
	uint64_t n_pairs;
	uint64_t begin; /* ticks */
	uint64_t end;
	uint64_t n_writes;
	uint64_t n_torn;
	bool is_pinned;
	bool is_done;
	struct hist hist;
};

struct meeting {
	_Alignas(64) atomic_uint n_ready;
	atomic_uint n_met;
	atomic_uint_least64_t deadline; /* in ticks */
	_Alignas(64) struct bench_data data;
	uint64_t sample_ticks;
	unsigned n_threads; /* of all processes together */
	unsigned n_work;
	struct meeting_lane lane[N_LANES_MOST];
};

static struct meeting *
meeting_map(int fd)
{
	void *memory =
		mmap(NULL, sizeof(struct meeting), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		bench_die("shared memory", strerror(errno));
	return memory;
}

/* How many threads one process has. */
static unsigned
threads_each(const struct bench_case *b)
{
	return b->n_threads > 0 ? b->n_threads : 1;
}

/* --------------------------------------------------------------- in that process */

/* A thread of it, and what came out. */
struct worker {
	const struct contestant *contestant;
	const struct bench_case *bench_case;
	struct meeting *meeting;
	pthread_t thread;
	struct run run;
	uint64_t n_pairs;
	uint64_t begin; /* ticks */
	uint64_t end;
	struct hist hist;
};

static void
pairs_make(const struct contestant *c, const struct bench_case *b, struct run *r, size_t n)
{
	r->n = n;
	c->loop[b->loop].pairs(r);
}

/* Wait until all have come here for the n-th time.  Nobody spins: the stores' threads want the processors. */
static void
meet(struct meeting *m, unsigned nth)
{
	if (atomic_fetch_add(&m->n_ready, 1) + 1 == nth * m->n_threads) {
		m->data.last = 0;
		atomic_store(&m->deadline, bench_ticks() + m->sample_ticks);
		atomic_store(&m->n_met, nth);
	}
	while (atomic_load(&m->n_met) < nth)
		usleep(LOOK_US);
}

/* All threads of this process are to run where the lane does, the store's too. */
static bool
settle(const struct bench_case *b, const struct settings *s, unsigned number)
{
	const bool is_pinned = affinity_pin(affinity_of_lane(b->affinity, s, number));

	affinity_serve_on(affinity_of_server(b->affinity, s));
	if (s->want_fifo)
		lane_favor();
	return is_pinned;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	const struct contestant *c = w->contestant;
	struct run *r = &w->run;
	uint64_t deadline;

	r->session = c->session_open != NULL ? c->session_open(r->world, NULL, r->lane) : r->world;
	meet(w->meeting, 1);
	pairs_make(c, w->bench_case, r, N_WARM);
	usleep(REST_US);
	meet(w->meeting, 2);
	memset(&w->hist, 0, sizeof(w->hist));
	deadline = atomic_load(&w->meeting->deadline);
	w->begin = bench_ticks();
	do {
		pairs_make(c, w->bench_case, r, 1);
		w->n_pairs++;
	} while ((int64_t)(bench_ticks() - deadline) < 0);
	w->end = bench_ticks();
	if (c->session_close != NULL)
		c->session_close(r->session);
	return NULL;
}

static void
worker_init(struct worker *w, const struct contestant *c, const struct bench_case *b,
	    struct meeting *m, void *world, unsigned number)
{
	static const struct bench_name name = { "user:0000000" };

	w->contestant = c;
	w->bench_case = b;
	w->meeting = m;
	w->run = (struct run){ .world = world,
			       .names = &name,
			       .n_names = 1,
			       .mode = b->mode,
			       .lane = number,
			       .n_work = m->n_work,
			       .data = &m->data,
			       .hist = &w->hist,
			       .hist_modes = b->hist_modes };
}

static void
lane_note(struct meeting_lane *l, const struct worker *w, bool is_first)
{
	l->begin = is_first || w->begin < l->begin ? w->begin : l->begin;
	l->end = is_first || w->end > l->end ? w->end : l->end;
	l->n_pairs += w->n_pairs;
	l->n_writes += w->run.n_writes;
	l->n_torn += w->run.n_torn;
	hist_merge(&l->hist, &w->hist);
}

void
process_child(const struct contestant *c, const struct bench_case *b, unsigned number, int fd,
	      const struct settings *s)
{
	const unsigned n = threads_each(b);
	struct worker *w = calloc(n, sizeof(*w));
	struct meeting *m = meeting_map(fd);
	struct meeting_lane *l = &m->lane[number];
	void *world;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (w == NULL)
		bench_die("threads", "out of memory");
	l->is_pinned = settle(b, s, number);
	world = c->open(1, n);
	for (unsigned i = 0; i < n; i++) {
		worker_init(&w[i], c, b, m, world, number);
		if (i > 0 && pthread_create(&w[i].thread, NULL, worker_run, &w[i]) != 0)
			bench_die("threads", "cannot be started");
	}
	(void)worker_run(&w[0]); /* the lane itself */
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			pthread_join(w[i].thread, NULL);
		lane_note(l, &w[i], i == 0);
	}
	c->close(world);
	free(w);
	l->is_done = true;
}

/* ------------------------------------------------------------- in the main process */

static void
exec_child(const struct entrant *e, unsigned number, int fd, const char *folder)
{
	char lane[16], shared[16];

	snprintf(lane, sizeof(lane), "%u", number);
	snprintf(shared, sizeof(shared), "%d", fd);
	execl("/proc/self/exe", "latchkey-bench", "--process-child", e->bench_case->name,
	      e->contestant->name, lane, shared, folder,
	      e->settings->want_fifo ? "favored" : "normal", (char *)NULL);
	_exit(1);
}

/* One that fails takes the others with it, who would wait for it for ever. */
static void
see_all_end(const struct entrant *e, pid_t *child)
{
	for (unsigned left = e->bench_case->n_lanes; left > 0; left--) {
		int status = 0;
		pid_t pid = waitpid(-1, &status, 0);

		for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
			if (child[i] == pid)
				child[i] = 0;
		}
		if (pid > 0 && status == 0)
			continue;
		for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
			if (child[i] > 0)
				(void)kill(child[i], SIGKILL);
		}
		bench_die(e->contestant->name, "a process of it failed");
	}
}

/* What they say, as if they had been threads. */
static void
take_over(struct entrant *e, const struct meeting *m)
{
	e->data = m->data;
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		const struct meeting_lane *l = &m->lane[i];

		if (!l->is_done)
			bench_die(e->contestant->name, "a process of it ended too early");
		e->lane[i].n_pairs = l->n_pairs;
		e->lane[i].begin = l->begin;
		e->lane[i].end = l->end;
		e->lane[i].is_pinned = l->is_pinned;
		e->lane[i].run.n_writes = l->n_writes;
		e->lane[i].run.n_torn = l->n_torn;
		*e->lane[i].run.hist = l->hist;
	}
}

void
processes_run(struct entrant *e)
{
	const int fd = memfd_create("meeting", 0); /* the processes have it too */
	const char *folder = place_fresh();
	pid_t child[N_LANES_MOST] = { 0 };
	struct meeting *m;

	if (fd < 0 || ftruncate(fd, sizeof(*m)) != 0)
		bench_die("shared memory", strerror(errno));
	m = meeting_map(fd);
	m->sample_ticks = e->sample_ticks;
	m->n_threads = e->bench_case->n_lanes * threads_each(e->bench_case);
	m->n_work = e->lane[0].run.n_work;
	for (unsigned i = 0; i < e->bench_case->n_lanes; i++) {
		child[i] = fork();
		if (child[i] < 0)
			bench_die("fork", strerror(errno));
		if (child[i] == 0)
			exec_child(e, i, fd, folder);
	}
	see_all_end(e, child);
	take_over(e, m);
	(void)munmap(m, sizeof(*m));
	(void)close(fd);
}
