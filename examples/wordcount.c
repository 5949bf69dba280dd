/* SPDX-License-Identifier: MIT */
/*
 * Count the words of files with several threads and ONE hash table, which nothing but Latchkey
 * makes safe.  A word is a run of ASCII letters, made lower case.
 *
 * Two kinds of names guard the table:
 *
 *   the number of a bucket   its chain.  S to look for a word; U to look again and, if the word
 *                            is really missing, X to put it in: check-then-insert, during whose
 *                            check readers still pass.
 *   the word itself          its count.  X to add one, S to read.
 *
 * An entry neither moves nor goes away while threads count, so it may be used when its bucket is
 * unlocked again.  A thread never waits for a name while it holds another one: no deadlock.
 */
#define _GNU_SOURCE 1 /* asprintf */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <latchkey.h>

#define N_BUCKETS     16384 /* a power of 2 */
#define N_THREADS_MAX 256
#define N_HOTTEST     10
#define CHUNK_SIZE    65536

/* A word of the table. */
struct entry {
	struct entry *next; /* guarded by the bucket, as is being in it */
	uint64_t count;     /* guarded by the word, as is `waited` */
	uint64_t waited;    /* times that somebody else had the word locked */
	size_t len;         /* never changes, nor does the text */
	char text[];
};

/* Some text, not ending within a word. */
struct chunk {
	const char *text;
	size_t len;
};

struct job {
	struct lk_manager *locks; /* NULL: count without locks, and wrong */
	struct entry *bucket[N_BUCKETS];
	struct chunk *chunk;
	size_t n_chunks;
	size_t n_chunks_max;
	size_t n_threads;
	pthread_barrier_t start; /* all threads begin together */
	char **text;             /* of each file */
	size_t n_files;
	uint64_t n_bytes;
	uint64_t n_words;
	uint64_t n_locks; /* grants on words and buckets, as the threads counted them */
	double seconds;
};

struct worker {
	pthread_t thread;
	struct job *job;
	struct lk_owner *owner;
	size_t number; /* takes the chunks number, number + n_threads, ... */
	char *word;    /* the present word, in lower case */
	size_t word_cap;
	uint64_t n_words;
	int rc; /* why it gave up; 0: it did not */
};

static const char usage[] =
	"usage: wordcount [-t THREADS] [-o FILE] [--no-locks] FILE...\n"
	"Count the words (runs of ASCII letters, in lower case) of all files together, several\n"
	"threads adding to one table under locks.  Prints statistics.\n"
	"  -t, --threads N   threads that count (the processors there are, at least 2)\n"
	"  -o, --output FILE write the counts there, as `sort | uniq -c | sort` does\n"
	"  -n, --no-locks    do not lock; the counts may be wrong, which shows what locks are for\n"
	"  -h, --help        this text\n"
	"Exit status: 0 counted, 1 something failed, 2 usage.\n";

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "wordcount: %s: %s\n", what, why);
	exit(1);
}

static void
check(int rc, const char *what)
{
	if (rc != 0)
		die(what, lk_strerror(rc));
}

/* Memory, or the end of the program: for the parts that one thread runs. */
static void *
must_have(void *memory)
{
	if (memory == NULL)
		die("memory", strerror(ENOMEM));
	return memory;
}

/* ------------------------------------------------------------------ the table */

static size_t
bucket_of(const char *word, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)word[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32) & (N_BUCKETS - 1);
}

/* The bucket is locked in S or more. */
static struct entry *
chain_find(const struct job *j, size_t bucket, const char *word, size_t len)
{
	struct entry *e = j->bucket[bucket];

	while (e != NULL && (e->len != len || memcmp(e->text, word, len) != 0))
		e = e->next;
	return e;
}

/* The bucket is locked in X. */
static struct entry *
chain_push(struct job *j, size_t bucket, const char *word, size_t len)
{
	struct entry *e = malloc(sizeof(*e) + len + 1);

	if (e == NULL)
		return NULL;
	e->count = 0;
	e->waited = 0;
	e->len = len;
	memcpy(e->text, word, len + 1);
	e->next = j->bucket[bucket];
	j->bucket[bucket] = e;
	return e;
}

/* Put in the worker's word if it is (still) missing: U to check, X to insert. */
static int
table_insert(struct worker *t, size_t bucket, size_t len, struct entry **out)
{
	lk_grant g;
	int rc = lk_acquire_id(t->owner, bucket, LK_U, NULL, &g);
	int released;

	if (rc != 0)
		return rc;
	*out = chain_find(t->job, bucket, t->word, len);
	if (*out == NULL)
		rc = lk_upgrade(t->owner, g, NULL);
	if (*out == NULL && rc == 0) {
		*out = chain_push(t->job, bucket, t->word, len);
		rc = *out == NULL ? LK_E_NOMEM : 0;
	}
	released = lk_release(t->owner, g);
	return rc != 0 ? rc : released;
}

/* Find the worker's word, which is `len` long, or put it in. */
static int
table_get(struct worker *t, size_t len, struct entry **out)
{
	size_t bucket = bucket_of(t->word, len);
	lk_grant g;
	int rc = lk_acquire_id(t->owner, bucket, LK_S, NULL, &g);

	if (rc != 0)
		return rc;
	*out = chain_find(t->job, bucket, t->word, len);
	rc = lk_release(t->owner, g);
	if (rc == 0 && *out == NULL)
		rc = table_insert(t, bucket, len, out);
	return rc;
}

/*
 * Lock a word.  A monster longer than a name may be is locked by its beginning: words that share
 * it then share a lock, which is as safe.
 */
static int
word_lock(struct lk_owner *w, const struct entry *e, lk_mode mode, uint32_t flags, lk_grant *out)
{
	struct lk_options o = LK_OPTIONS_INIT;
	size_t len = e->len < LK_NAME_MAX ? e->len : LK_NAME_MAX;

	o.flags = flags;
	return lk_acquire_bytes(w, e->text, len, mode, &o, out);
}

/* Add one to a word. */
static int
entry_add(struct worker *t, struct entry *e)
{
	lk_grant g;
	bool waited = false;
	int rc = word_lock(t->owner, e, LK_X, LK_NOWAIT, &g);

	if (rc == LK_E_BUSY) {
		waited = true;
		rc = word_lock(t->owner, e, LK_X, 0, &g);
	}
	if (rc != 0)
		return rc;
	e->count++;
	e->waited += waited;
	return lk_release(t->owner, g);
}

/* What add_word() does when nothing is locked: wrong, on purpose. */
static int
add_unlocked(struct worker *t, size_t len)
{
	size_t bucket = bucket_of(t->word, len);
	struct entry *e = chain_find(t->job, bucket, t->word, len);

	if (e == NULL)
		e = chain_push(t->job, bucket, t->word, len);
	if (e == NULL)
		return LK_E_NOMEM;
	e->count++;
	return 0;
}

static int
add_word(struct worker *t, size_t len)
{
	struct entry *e;
	int rc;

	t->n_words++;
	if (t->job->locks == NULL)
		return add_unlocked(t, len);
	rc = table_get(t, len, &e);
	return rc != 0 ? rc : entry_add(t, e);
}

/* -------------------------------------------------------------------- counting */

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Room for one more letter and the NUL. */
static bool
word_reserve(struct worker *t, size_t len)
{
	size_t cap = t->word_cap == 0 ? 64 : t->word_cap * 2;
	char *word;

	if (len + 2 <= t->word_cap)
		return true;
	word = realloc(t->word, cap);
	if (word == NULL)
		return false;
	t->word = word;
	t->word_cap = cap;
	return true;
}

static int
count_chunk(struct worker *t, const struct chunk *c)
{
	size_t len = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->len; i++) {
		if (!is_letter(c->text[i]))
			continue;
		if (!word_reserve(t, len))
			return LK_E_NOMEM;
		t->word[len++] = (char)(c->text[i] | 0x20);
		if (i + 1 < c->len && is_letter(c->text[i + 1]))
			continue;
		t->word[len] = '\0';
		rc = add_word(t, len);
		len = 0;
	}
	return rc;
}

static void *
worker_run(void *arg)
{
	struct worker *t = arg;
	struct job *j = t->job;

	pthread_barrier_wait(&j->start);
	for (size_t i = t->number; t->rc == 0 && i < j->n_chunks; i += j->n_threads)
		t->rc = count_chunk(t, &j->chunk[i]);
	return NULL;
}

static void
worker_start(struct worker *t, struct job *j, size_t number)
{
	struct lk_owner_options o = LK_OWNER_OPTIONS_INIT;
	char label[LK_LABEL_MAX + 1];
	int error;

	t->job = j;
	t->number = number;
	snprintf(label, sizeof(label), "counter %zu", number);
	o.label = label;
	if (j->locks != NULL)
		check(lk_owner_open(j->locks, &o, &t->owner), "open an owner");
	error = pthread_create(&t->thread, NULL, worker_run, t);
	if (error != 0)
		die("start a thread", strerror(error));
}

static void
worker_finish(struct worker *t)
{
	struct lk_stats s = { .size = (uint32_t)sizeof(s) };
	int error = pthread_join(t->thread, NULL);

	if (error != 0)
		die("join a thread", strerror(error));
	check(t->rc, "a thread gave up");
	t->job->n_words += t->n_words;
	free(t->word);
	if (t->owner == NULL)
		return;
	check(lk_owner_stats(t->owner, &s), "statistics of an owner");
	t->job->n_locks += s.grants;
	check(lk_owner_close(t->owner), "close an owner");
}

static double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
count_all(struct job *j)
{
	struct worker workers[N_THREADS_MAX] = { 0 };
	double start = seconds_now();

	if (pthread_barrier_init(&j->start, NULL, (unsigned)j->n_threads) != 0)
		die("barrier", strerror(ENOMEM));
	for (size_t i = 0; i < j->n_threads; i++)
		worker_start(&workers[i], j, i);
	for (size_t i = 0; i < j->n_threads; i++)
		worker_finish(&workers[i]);
	j->seconds = seconds_now() - start;
	pthread_barrier_destroy(&j->start);
}

/* --------------------------------------------------------------------- reading */

/* All of an open file, with its length in `*len`. */
static char *
read_all(FILE *f, const char *path, size_t *len)
{
	size_t cap = CHUNK_SIZE;
	char *text = must_have(malloc(cap));

	*len = 0;
	errno = 0;
	for (;;) {
		*len += fread(text + *len, 1, cap - *len, f);
		if (ferror(f))
			die(path, errno != 0 ? strerror(errno) : "cannot be read");
		if (feof(f))
			return text;
		if (*len == cap) {
			cap *= 2;
			text = must_have(realloc(text, cap));
		}
	}
}

static void
chunk_add(struct job *j, const char *text, size_t len)
{
	if (j->n_chunks == j->n_chunks_max) {
		j->n_chunks_max = j->n_chunks_max == 0 ? 64 : j->n_chunks_max * 2;
		j->chunk = must_have(realloc(j->chunk, j->n_chunks_max * sizeof(*j->chunk)));
	}
	j->chunk[j->n_chunks++] = (struct chunk){ .text = text, .len = len };
}

/* Cut a text into chunks, between words. */
static void
cut(struct job *j, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = len < CHUNK_SIZE ? len : CHUNK_SIZE;

		while (n < len && is_letter(text[n - 1]))
			n++;
		chunk_add(j, text, n);
		text += n;
		len -= n;
	}
}

static void
read_files(struct job *j, char **paths, size_t n)
{
	j->text = must_have(calloc(n, sizeof(*j->text)));
	for (j->n_files = 0; j->n_files < n; j->n_files++) {
		const char *path = paths[j->n_files];
		FILE *f = fopen(path, "rb");
		size_t len;

		if (f == NULL)
			die(path, strerror(errno));
		j->text[j->n_files] = read_all(f, path, &len);
		fclose(f);
		j->n_bytes += len;
		cut(j, j->text[j->n_files], len);
	}
}

/* ------------------------------------------------------------------- reporting */

/* The words as an array. */
struct list {
	struct entry **entry;
	size_t n;
};

static struct list
list_make(const struct job *j)
{
	struct list l = { 0 };

	for (size_t b = 0; b < N_BUCKETS; b++)
		for (const struct entry *e = j->bucket[b]; e != NULL; e = e->next)
			l.n++;
	l.entry = must_have(malloc((l.n + 1) * sizeof(struct entry *)));
	l.n = 0;
	for (size_t b = 0; b < N_BUCKETS; b++)
		for (struct entry *e = j->bucket[b]; e != NULL; e = e->next)
			l.entry[l.n++] = e;
	return l;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Most counted first, which is most locked first. */
static int
by_heat(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->text, y->text);
}

/* "  17 word": the line of uniq -c for an entry, read under S. */
static char *
line_make(const struct job *j, const struct entry *e)
{
	char *line;
	lk_grant g = 0;

	if (j->locks != NULL)
		check(word_lock(lk_self(j->locks), e, LK_S, 0, &g), "lock a word");
	if (asprintf(&line, "%7" PRIu64 " %s", e->count, e->text) < 0)
		die("memory", strerror(ENOMEM));
	if (j->locks != NULL)
		check(lk_release(lk_self(j->locks), g), "release a word");
	return line;
}

/* sort compares lines as bytes, so whole lines are made and compared. */
static void
write_counts(const struct job *j, const struct list *l, const char *path)
{
	char **line = must_have(malloc((l->n + 1) * sizeof(*line)));
	FILE *f = fopen(path, "w");

	if (f == NULL)
		die(path, strerror(errno));
	for (size_t i = 0; i < l->n; i++)
		line[i] = line_make(j, l->entry[i]);
	qsort(line, l->n, sizeof(*line), by_text);
	for (size_t i = 0; i < l->n; i++) {
		fprintf(f, "%s\n", line[i]);
		free(line[i]);
	}
	if (ferror(f) || fclose(f) != 0)
		die(path, "cannot be written");
	free(line);
}

static void
print_work(const struct job *j, const struct list *l)
{
	printf("read      %zu files, %.1f MB\n", j->n_files, (double)j->n_bytes / 1e6);
	printf("counted   %" PRIu64 " words, %zu different, by %zu threads %s\n", j->n_words, l->n,
	       j->n_threads, j->locks != NULL ? "under locks" : "WITHOUT LOCKS");
	printf("rate      %.0f words/s", (double)j->n_words / j->seconds);
	if (j->locks != NULL)
		printf(", %.0f locks/s", (double)j->n_locks / j->seconds);
	printf(" (%.2f s)\n", j->seconds);
}

static void
print_counters(struct lk_manager *m)
{
	struct lk_stats s = { .size = (uint32_t)sizeof(s) };

	check(lk_stats(m, &s), "statistics");
	printf("counters of the manager:\n");
#define PRINT_COUNTER(name, text) printf("  %-20s %10" PRIu64 "  %s\n", #name, s.name, text);
	LK_COUNTER_LIST(PRINT_COUNTER)
#undef PRINT_COUNTER
	printf("  %-20s %10" PRIu64 "  names in the index now\n", "names", s.names);
	printf("  %-20s %10" PRIu64 "  bytes taken now\n", "bytes", s.bytes);
}

static void
print_hottest(const struct list *l)
{
	printf("words locked most often, and how often somebody was in the way:\n");
	for (size_t i = 0; i < l->n && i < N_HOTTEST; i++)
		printf("  %-20.40s %10" PRIu64 " %10" PRIu64 "\n", l->entry[i]->text,
		       l->entry[i]->count, l->entry[i]->waited);
}

static void
report(const struct job *j, const char *output)
{
	struct list l = list_make(j);

	if (output != NULL)
		write_counts(j, &l, output);
	print_work(j, &l);
	if (j->locks != NULL) {
		print_counters(j->locks);
		qsort(l.entry, l.n, sizeof(struct entry *), by_heat);
		print_hottest(&l);
	}
	free(l.entry);
}

/* ------------------------------------------------------------------------ main */

static void
job_free(struct job *j)
{
	for (size_t b = 0; b < N_BUCKETS; b++) {
		while (j->bucket[b] != NULL) {
			struct entry *e = j->bucket[b];

			j->bucket[b] = e->next;
			free(e);
		}
	}
	for (size_t i = 0; i < j->n_files; i++)
		free(j->text[i]);
	free(j->text);
	free(j->chunk);
	free(j);
}

static void
bad_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static size_t
thread_number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n < 1 || n > N_THREADS_MAX) {
		fprintf(stderr, "wordcount: %s is not from 1 to %d threads\n", text, N_THREADS_MAX);
		bad_usage();
	}
	return n;
}

static size_t
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 2)
		return 2;
	return n > N_THREADS_MAX ? N_THREADS_MAX : (size_t)n;
}

struct wishes {
	size_t n_threads;
	const char *output;
	bool no_locks;
};

static void
read_options(int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "output", required_argument, NULL, 'o' },
		{ "no-locks", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "t:o:nh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			w->n_threads = thread_number(optarg);
			break;
		case 'o':
			w->output = optarg;
			break;
		case 'n':
			w->no_locks = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			bad_usage();
		}
	}
	if (optind == argc)
		bad_usage();
}

int
main(int argc, char **argv)
{
	struct wishes w = { .n_threads = processors() };
	struct job *j = must_have(calloc(1, sizeof(*j)));

	read_options(argc, argv, &w);
	j->n_threads = w.n_threads;
	read_files(j, argv + optind, (size_t)(argc - optind));
	if (!w.no_locks)
		check(lk_open("memory:", NULL, &j->locks), "open");
	count_all(j);
	report(j, w.output);
	if (j->locks != NULL)
		check(lk_close(j->locks), "close");
	job_free(j);
	return 0;
}
