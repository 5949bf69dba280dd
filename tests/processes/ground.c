/* SPDX-License-Identifier: MIT */
/* Where a test's store is, and what is in it. */
#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/wait.h>

#include <latchkey/store.h>

#include "record/record.h"

static const char *
scheme(void)
{
	const char *s = getenv("LK_TEST_STORE");

	return s != NULL && s[0] != '\0' ? s : "file";
}

bool
ground_is(const char *s)
{
	return strcmp(scheme(), s) == 0;
}

/* In memory if the machine has a place for that, so that the tests measure locks and not disks. */
void
ground_make(struct ground *g, const char *parameters)
{
	ground_make_in(g, scheme(), parameters);
}

/*
 * In the server that listens at the socket LK_TEST_REDIS: a prefix of its own, and a short time to live, as that is how
 * long the dead keep what they had.
 */
static void
find_place_in_server(struct ground *g, const char *parameters)
{
	const char *socket = getenv("LK_TEST_REDIS");

	cr_assert_not_null(socket, "LK_TEST_REDIS is the path of a socket");
	snprintf(g->path, sizeof(g->path), "%.60s?prefix=%.20s", socket, strrchr(g->top, '/') + 1);
	snprintf(g->url, sizeof(g->url), "redis:%s&timeout_ms=20000&ttl_ns=3s%s%s", g->path,
		 parameters[0] != '\0' ? "&" : "", parameters[0] != '\0' ? parameters + 1 : "");
}

void
ground_make_in(struct ground *g, const char *in, const char *parameters)
{
	const char *top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(g->top, sizeof(g->top), "%s/latchkey-XXXXXX", top);
	cr_assert_not_null(mkdtemp(g->top));
	snprintf(g->path, sizeof(g->path), "%s/store", g->top);
	snprintf(g->url, sizeof(g->url), "%s:%s%s", in, g->path, parameters);
	if (strcmp(in, "redis") == 0)
		find_place_in_server(g, parameters);
}

const char *
ground_file(const struct ground *g, const char *name, char buf[128])
{
	snprintf(buf, 128, "%s/%s", g->top, name);
	return buf;
}

static int
remove_it(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st;
	(void)what;
	(void)at;
	return remove(path);
}

void
ground_remove(struct ground *g)
{
	cr_assert_eq(nftw(g->top, remove_it, 8, FTW_DEPTH | FTW_PHYS), 0);
}

uint64_t
test_number(const char *variable, uint64_t standard)
{
	const char *text = getenv(variable);

	return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 0) : standard;
}

/* -------------------------------------------------------------------------- children */

/* Beside this program. */
static void
child_path(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 8);

	cr_assert_gt(n, 0);
	strcpy(path + n, "-child");
}

static void
become_child(const char *how, const char *path, char *const args[])
{
	if (how == NULL)
		(void)execv(path, args);
	else
		(void)execl("/bin/sh", "sh", "-c", how, path, args[1], (char *)NULL);
	_exit(127);
}

static pid_t
start(const char *how, char *const args[], int *in, int *out)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	char path[PATH_MAX];
	pid_t pid;

	child_path(path);
	cr_assert(in == NULL || (pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0));
	pid = fork();
	cr_assert_ge(pid, 0);
	if (pid == 0) {
		if (in != NULL && (dup2(to[0], 0) < 0 || dup2(from[1], 1) < 0))
			_exit(126);
		become_child(how, path, args);
	}
	if (in != NULL) {
		(void)close(to[0]);
		(void)close(from[1]);
		*in = to[1];
		*out = from[0];
	}
	return pid;
}

pid_t
child_start(char *const args[], int *in, int *out)
{
	return start(NULL, args, in, out);
}

pid_t
child_start_by(const char *how, char *const args[], int *in, int *out)
{
	return start(how, args, in, out);
}

bool
child_is_gone(pid_t pid)
{
	char path[40], text[256];
	const char *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return true;
	text[n] = '\0';
	state = strrchr(text, ')');
	return state != NULL && (state[2] == 'Z' || state[2] == 'X');
}

/* --------------------------------------------------------------------------- records */

static int
check_record(void *arg, const struct lk_store_record *r)
{
	struct record *record = arg;
	const char *name = r->name;

	cr_assert_eq(r->status, 0);
	if (name[0] != 'n' && name[0] != 'i')
		return 0;
	cr_assert_eq(record_decode(record, r->old, r->old_len, name + 1, r->len - 1), RECORD_FINE);
	cr_expect_eq(record->n_holders, 0, "%.*s is held", (int)r->len - 1, name + 1);
	cr_expect_eq(record->n_waiters, 0, "%.*s is waited for", (int)r->len - 1, name + 1);
	return 0;
}

void
store_is_empty(const struct ground *g)
{
	struct record *record = malloc(sizeof(*record));
	struct lk_store *s;
	char url[160];

	cr_assert_not_null(record);
	snprintf(url, sizeof(url), "%s:%s", scheme(), g->path); /* without settings of managers */
	ok(lk_store_open(url, NULL, &s));
	ok(s->ops->scan(s, "", 0, check_record, record, UINT64_MAX));
	lk_store_close(s);
	free(record);
}
