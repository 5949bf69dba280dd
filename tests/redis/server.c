/* SPDX-License-Identifier: MIT */
/* Starting and ending redis-server. */
#define _GNU_SOURCE
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../processes/shift/shift.h"

enum { ARGUMENTS = 80 };

/* One that nobody uses now: whoever takes it first has it, so the server may fail to, and another is tried. */
static int
find_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
		  getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* No more than the store needs, for the standard prefix: as docs/stores.md has it. */
#define RIGHTS                                                                                     \
	"on", ">se?cret@1", "resetkeys", "resetchannels", "-@all", "~{latchkey}*", "&{latchkey}*", \
		"+ping", "+select", "+info", "+time", "+config|get", "+eval", "+evalsha", "+get",  \
		"+set", "+mget", "+exists", "+incr", "+del", "+pexpire", "+scan", "+publish",      \
		"+subscribe"

/* What is loaded before it makes its clocks wrong.  A sanitizer's is not for it. */
static void
load_shift(const struct server *s)
{
	char file[64], program[400], library[420];
	const ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		_exit(126);
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	snprintf(library, sizeof(library), "%s/redis-shift.so", program);
	snprintf(file, sizeof(file), "%s/clocks", s->top);
	(void)setenv("LK_TEST_CLOCKS", file, 1);
	(void)setenv("LD_PRELOAD", library, 1);
}

static void
run_sentinel(const struct server *s)
{
	char conf[64];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(conf, sizeof(conf), "%s/conf", s->top);
	(void)execlp("redis-server", "redis-server", conf, "--sentinel", (char *)NULL);
	_exit(127);
}

static void
run(const struct server *s)
{
	char port[16], log[64];
	const char *first[] = { "redis-server",
				"--port",
				port,
				"--bind",
				"127.0.0.1",
				"--unixsocket",
				s->socket,
				"--dir",
				s->top,
				"--logfile",
				log,
				"--save",
				"",
				"--daemonize",
				"no",
				"--user",
				"app",
				RIGHTS };
	const char *argv[ARGUMENTS];
	size_t n = countof(first);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(port, sizeof(port), "%d", s->port);
	snprintf(log, sizeof(log), "%s/log", s->top);
	memcpy(argv, first, sizeof(first));
	for (int i = 0; s->options != NULL && s->options[i] != NULL && n < ARGUMENTS - 1; i++)
		argv[n++] = strcmp(s->options[i], SERVER_PORT) == 0 ? port : s->options[i];
	argv[n] = NULL;
	(void)execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* Its answer to PING is PONG; it may still be reading its data. */
static bool
answers(struct server *s)
{
	redisReply *r;
	bool is_fine;

	if (s->c == NULL)
		s->c = redisConnectUnix(s->socket);
	if (s->c == NULL || s->c->err != 0) {
		if (s->c != NULL)
			redisFree(s->c);
		s->c = NULL;
		return false;
	}
	r = redisCommand(s->c, "PING");
	is_fine = r != NULL && r->type == REDIS_REPLY_STATUS;
	if (r != NULL)
		freeReplyObject(r);
	else
		redisFree(s->c);
	if (r == NULL)
		s->c = NULL;
	return is_fine;
}

/* False: it has ended, as others may have taken the port. */
static bool
begin(struct server *s)
{
	int status;

	(void)unlink(s->socket);
	s->pid = fork();
	cr_assert_ge(s->pid, 0);
	if (s->pid == 0 && s->watched != 0)
		run_sentinel(s);
	if (s->pid == 0) {
		if (s->clocks != NULL)
			load_shift(s);
		run(s);
	}
	wait_until(answers(s) || waitpid(s->pid, &status, WNOHANG) == s->pid);
	return s->c != NULL;
}

static void
begin_somewhere(struct server *s)
{
	for (int i = 0; i < 10; i++) {
		s->port = find_port();
		if (begin(s))
			return;
	}
	cr_assert(false, "redis-server does not start: see %s/log", s->top);
}

static void
make_top(struct server *s)
{
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(s->top, sizeof(s->top), "%s/latchkey-XXXXXX", place);
	cr_assert_not_null(mkdtemp(s->top));
	snprintf(s->socket, sizeof(s->socket), "%s/s", s->top);
}

void
server_start(struct server *s, const char *const *options)
{
	*s = (struct server){ .options = options };
	make_top(s);
	begin_somewhere(s);
}

void
server_start_shifted(struct server *s)
{
	char path[64];
	int fd;

	*s = (struct server){ 0 };
	make_top(s);
	snprintf(path, sizeof(path), "%s/clocks", s->top);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && ftruncate(fd, sizeof(struct shift)) == 0);
	s->clocks = mmap(NULL, sizeof(struct shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq((void *)s->clocks, MAP_FAILED);
	(void)close(fd);
	begin_somewhere(s);
}

void
server_shift(struct server *s, long long seconds)
{
	atomic_store(&s->clocks->realtime_s, seconds);
}

/* It keeps what it learns in its settings, so they are in a file. */
static void
write_settings(const struct server *s)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/conf", s->top);
	f = fopen(path, "w");
	cr_assert_not_null(f);
	fprintf(f,
		"port %d\nbind 127.0.0.1\nunixsocket %s\ndir %s\nlogfile %s/log\n"
		"sentinel monitor mymaster 127.0.0.1 %d 1\n"
		"sentinel down-after-milliseconds mymaster 600000\n",
		s->port, s->socket, s->top, s->top, s->watched);
	cr_assert_eq(fclose(f), 0);
}

void
server_start_sentinel(struct server *s, int port)
{
	*s = (struct server){ .watched = port };
	make_top(s);
	for (int i = 0; i < 10; i++) {
		s->port = find_port();
		write_settings(s);
		if (begin(s))
			return;
	}
	cr_assert(false, "redis-server --sentinel does not start: see %s/log", s->top);
}

void
server_kill(struct server *s)
{
	int status;

	if (s->c != NULL)
		redisFree(s->c);
	s->c = NULL;
	if (s->pid == 0)
		return;
	(void)kill(s->pid, SIGKILL);
	cr_assert_eq(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
}

/* On the same port, if nobody took it meanwhile. */
void
server_restart(struct server *s)
{
	server_kill(s);
	if (!begin(s))
		begin_somewhere(s);
}

static int
remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
	(void)is;
	(void)type;
	(void)at;
	return remove(path);
}

void
server_stop(struct server *s)
{
	server_kill(s);
	if (s->clocks != NULL)
		(void)munmap(s->clocks, sizeof(*s->clocks));
	(void)nftw(s->top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

long long
server_do(struct server *s, const char *format, ...)
{
	long long number;
	redisReply *r;
	va_list args;

	va_start(args, format);
	r = redisvCommand(s->c, format, args);
	va_end(args);
	cr_assert_not_null(r, "%s: no answer", format);
	cr_assert_neq(r->type, REDIS_REPLY_ERROR, "%s: %s", format, r->str);
	number = r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
	freeReplyObject(r);
	return number;
}

long long
server_info(struct server *s, const char *name)
{
	redisReply *r = redisCommand(s->c, "INFO everything");
	const char *at;
	long long number = 0;

	cr_assert(r != NULL && r->type == REDIS_REPLY_STRING);
	at = strstr(r->str, name);
	if (at != NULL)
		number = strtoll(at + strlen(name), NULL, 10);
	freeReplyObject(r);
	return number;
}

bool
server_says(struct server *s, const char *text)
{
	redisReply *r = redisCommand(s->c, "INFO everything");
	bool is;

	cr_assert(r != NULL && r->type == REDIS_REPLY_STRING);
	is = strstr(r->str, text) != NULL;
	freeReplyObject(r);
	return is;
}

static bool
cluster_says(struct server *s, const char *text)
{
	redisReply *r = redisCommand(s->c, "CLUSTER INFO");
	bool is;

	cr_assert(r != NULL && r->type == REDIS_REPLY_STRING);
	is = strstr(r->str, text) != NULL;
	freeReplyObject(r);
	return is;
}

bool
server_cluster_is_fine(struct server *s)
{
	return cluster_says(s, "cluster_state:ok");
}

bool
server_knows(struct server *s, int nodes)
{
	char text[40];

	snprintf(text, sizeof(text), "cluster_known_nodes:%d\r", nodes);
	return cluster_says(s, text);
}
