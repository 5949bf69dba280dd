/* SPDX-License-Identifier: MIT */
/*
 * `latchkey bench`: how fast a store is.  Threads of one process lock and release.
 *
 * What was released a moment ago is still with this process, and needs no store.  So each thread goes through many names, to
 * come back to one when that has long gone back.  With --kept it is one name, which stays.  A sweep at the end takes
 * away what is left of them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "times.h"

enum { BENCH_THREADS = 64, BENCH_NAMES = 1024, LOOK_MS = 100 };

struct worker {
	const struct bench *of;
	pthread_t thread;
	struct lk_owner *owner;
	unsigned number, at;
	struct times acquire, release;
	int rc;
};

struct bench {
	struct call *c;
	struct lk_manager *m;
	uint64_t duration_ns;
	uint64_t n_threads;
	bool is_shared, is_kept;
	_Atomic uint32_t stop; /* threads that met an error, or the time is over */
	struct worker workers[BENCH_THREADS];
};

static void
set_name(struct worker *w, char *name, size_t cap)
{
	if (!w->of->is_kept)
		w->at = (w->at + 1) % BENCH_NAMES;
	snprintf(name, cap, "latchkey-bench-%u-%u", w->of->is_shared ? 0 : w->number, w->at);
}

static int
lock_once(struct worker *w)
{
	uint64_t begin, held, end;
	char name[64];
	lk_grant g;
	int rc;

	set_name(w, name, sizeof(name));
	begin = times_now();
	rc = lk_acquire(w->owner, name, LK_X, NULL, &g);
	held = times_now();
	if (rc == 0)
		rc = lk_release(w->owner, g);
	end = times_now();
	if (rc == 0) {
		times_note(&w->acquire, held - begin);
		times_note(&w->release, end - held);
	}
	return rc;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct bench *b = (struct bench *)w->of;

	do
		w->rc = lock_once(w);
	while (w->rc == 0 && atomic_load(&b->stop) == 0);
	if (w->rc != 0)
		atomic_store(&b->stop, 1);
	return NULL;
}

/* ------------------------------------------------------------------------ the progress */

static void
put_bar(uint64_t done, uint64_t all)
{
	enum { WIDTH = 40 };
	const unsigned n = (unsigned)(done >= all ? WIDTH : done * WIDTH / all);
	char bar[WIDTH + 1];

	memset(bar, ' ', WIDTH);
	memset(bar, '#', n);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3u %%", bar, n * 100 / WIDTH);
}

static void
watch(struct bench *b)
{
	const bool is_seen = isatty(STDERR_FILENO) && !b->c->json;
	const uint64_t begin = times_now();
	uint64_t passed;

	while ((passed = times_now() - begin) < b->duration_ns && atomic_load(&b->stop) == 0) {
		const uint64_t left = b->duration_ns - passed;

		if (is_seen)
			put_bar(passed, b->duration_ns);
		(void)usleep((useconds_t)(left / 1000 < LOOK_MS * 1000 ? left / 1000 + 1
								       : LOOK_MS * 1000));
	}
	b->duration_ns = passed;
	if (is_seen)
		fprintf(stderr, "\r%60s\r", "");
	atomic_store(&b->stop, 1);
}

/* -------------------------------------------------------------------------- the report */

static const double shares[] = { 0.5, 0.9, 0.99, 0.999 };
static const char *const share_names[] = { "p50", "p90", "p99", "p999" };
enum { SHARES = sizeof(shares) / sizeof(shares[0]) };

static void
put_times(const char *what, const struct times *t)
{
	char text[32];

	printf("%-9s", what);
	for (int i = 0; i < SHARES; i++) {
		(void)lk_format_duration_ns(times_quantile(t, shares[i]), text, sizeof(text));
		printf(" %9s", text);
	}
	(void)lk_format_duration_ns(t->max_ns, text, sizeof(text));
	printf(" %9s\n", text);
}

static json_t *
times_json(const struct times *t)
{
	json_t *o = json_object();

	for (int i = 0; i < SHARES; i++)
		(void)json_object_set_new(o, share_names[i],
					  json_integer((json_int_t)times_quantile(t, shares[i])));
	(void)json_object_set_new(o, "max", json_integer((json_int_t)t->max_ns));
	return o;
}

static int
report(struct bench *b)
{
	struct times *acquire = calloc(2, sizeof(*acquire));
	struct times *release = acquire + 1;
	double rate;

	if (acquire == NULL)
		return EXIT_SYSTEM;
	for (uint64_t i = 0; i < b->n_threads; i++) {
		times_add(acquire, &b->workers[i].acquire);
		times_add(release, &b->workers[i].release);
	}
	rate = (double)acquire->n / ((double)b->duration_ns / 1e9);
	if (b->c->json) {
		(void)put_json(json_pack("{s:s, s:I, s:I, s:f, s:o, s:o}", "store", b->c->url,
					 "threads", (json_int_t)b->n_threads, "pairs",
					 (json_int_t)acquire->n, "per_second", rate, "acquire_ns",
					 times_json(acquire), "release_ns", times_json(release)));
	} else {
		printf("%s: %.0f locks and releases a second, %llu thread%s\n\n", b->c->url, rate,
		       (unsigned long long)b->n_threads, b->n_threads == 1 ? "" : "s");
		printf("%-9s %9s %9s %9s %9s %9s\n", "", "p50", "p90", "p99", "p99.9", "max");
		put_times("acquire", acquire);
		put_times("release", release);
	}
	free(acquire);
	return 0;
}

/* --------------------------------------------------------------------------- the run */

static int
start(struct bench *b, struct worker *w, unsigned number)
{
	int rc;

	w->of = b;
	w->number = number;
	rc = lk_owner_open(b->m, NULL, &w->owner);
	if (rc == 0 && pthread_create(&w->thread, NULL, work, w) != 0) {
		forget(lk_owner_close(w->owner));
		rc = LK_E_NOMEM;
	}
	return rc; /* what it finds is in w->rc, and its own */
}

static int
run(struct bench *b)
{
	uint64_t n = 0;
	int rc = 0;

	while (rc == 0 && n < b->n_threads) {
		rc = start(b, &b->workers[n], (unsigned)n);
		n += rc == 0;
	}
	if (rc == 0)
		watch(b);
	atomic_store(&b->stop, 1);
	for (uint64_t i = 0; i < n; i++) {
		pthread_join(b->workers[i].thread, NULL);
		forget(lk_owner_close(b->workers[i].owner));
		if (rc == 0)
			rc = b->workers[i].rc;
	}
	return rc == 0 ? report(b) : complain_of(b->c, b->c->url, rc);
}

int
bench_run(struct call *c)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct lk_config config = LK_CONFIG_INIT;
	int code = EXIT_USAGE;

	if (b == NULL)
		return EXIT_SYSTEM;
	b->c = c;
	b->duration_ns = 1000000000;
	b->n_threads = 1;
	b->is_kept = call_option(c, "kept") != NULL;
	b->is_shared = call_option(c, "shared") != NULL;
	if (!call_time(c, "time", &b->duration_ns) &&
	    !call_number(c, "threads", 1, BENCH_THREADS, &b->n_threads) && place_url(c) != NULL) {
		if (!b->is_kept && strstr(c->url, "linger_ns=") == NULL)
			config.linger_ns = LK_OFF;
		code = place_open(c, &config, &b->m);
		if (code == 0) {
			code = run(b);
			if (strncmp(c->url, "memory:", 7) != 0)
				forget(lk_sweep(b->m, NULL)); /* nothing of it stays */
			forget(lk_close(b->m));
		}
	}
	free(b);
	return code;
}
