/* SPDX-License-Identifier: MIT */
/* Lines in and out of `latchkey stdio`.  (LN1, LN2) */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lines.h"

enum { READ_BYTES = 65536, WRITE_BYTES = 4096 /* a pipe that can be written to takes so many */ };

int
lines_init(struct lines *l)
{
	*l = (struct lines){ .latch = PTHREAD_MUTEX_INITIALIZER };
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return l->bell < 0 ? errno : 0;
}

void
lines_fini(struct lines *l)
{
	free(l->in);
	free(l->out);
	close(l->bell);
}

void
lines_ring(struct lines *l)
{
	const uint64_t one = 1;

	(void)!write(l->bell, &one, sizeof(one));
}

/* ------------------------------------------------------------------------------- out */

static bool
make_room(char **buf, size_t *cap, size_t need)
{
	size_t more = *cap != 0 ? *cap : 4096;
	char *moved;

	if (need <= *cap)
		return true;
	while (more < need)
		more *= 2;
	moved = realloc(*buf, more);
	if (moved == NULL)
		return false;
	*buf = moved;
	*cap = more;
	return true;
}

/* With the latch: room behind what waits, which moves to the beginning if most of the memory is before it. */
static bool
make_out_room(struct lines *l, size_t more)
{
	if (l->from > l->n_out) {
		memcpy(l->out, l->out + l->from, l->n_out);
		l->from = 0;
	}
	return make_room(&l->out, &l->cap_out, l->from + l->n_out + more);
}

static bool
say(struct lines *l, const json_t *value, size_t most)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(16));
	const size_t n = text != NULL ? strlen(text) : 0;
	bool said = false;

	pthread_mutex_lock(&l->latch);
	if (l->n_out <= most && text != NULL && make_out_room(l, n + 1)) {
		char *at = l->out + l->from + l->n_out;

		memcpy(at, text, n);
		at[n] = '\n';
		l->n_out += n + 1;
		said = true;
	}
	if (!said && most == SIZE_MAX)
		l->is_short = true;
	pthread_mutex_unlock(&l->latch);
	free(text);
	lines_ring(l);
	return said;
}

void
lines_say(struct lines *l, const json_t *value)
{
	(void)say(l, value, SIZE_MAX);
}

bool
lines_mention(struct lines *l, const json_t *value)
{
	return say(l, value, LINES_FULL);
}

size_t
lines_waiting(struct lines *l)
{
	size_t n;

	pthread_mutex_lock(&l->latch);
	n = l->n_out;
	pthread_mutex_unlock(&l->latch);
	return n;
}

int
lines_write(struct lines *l, int fd)
{
	char piece[WRITE_BYTES];
	size_t n;
	ssize_t done;
	bool is_short;

	pthread_mutex_lock(&l->latch);
	n = l->n_out < sizeof(piece) ? l->n_out : sizeof(piece);
	memcpy(piece, l->out + l->from, n);
	is_short = l->is_short;
	pthread_mutex_unlock(&l->latch);
	if (is_short)
		return ENOMEM; /* somebody would wait for that line for ever */
	done = write(fd, piece, n);
	if (done < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : errno;
	pthread_mutex_lock(&l->latch);
	l->n_out -= (size_t)done;
	l->from += (size_t)done;
	pthread_mutex_unlock(&l->latch);
	return 0;
}

/* -------------------------------------------------------------------------------- in */

static void
give(struct lines *l, const char *line, size_t len,
     void (*each)(void *arg, const char *line, size_t len), void *arg)
{
	if (l->skips)
		each(arg, NULL, 0);
	else
		each(arg, line, len);
	l->skips = false;
}

/* Whole lines, of which `searched` bytes have no end in them. */
static void
take_apart(struct lines *l, size_t searched, void (*each)(void *arg, const char *line, size_t len),
	   void *arg)
{
	char *line = l->in, *end;

	while ((end = memchr(l->in + searched, '\n', l->n_in - searched)) != NULL) {
		give(l, line, (size_t)(end - line), each, arg);
		line = end + 1;
		searched = (size_t)(line - l->in);
	}
	l->n_in -= (size_t)(line - l->in);
	memmove(l->in, line, l->n_in);
	if (l->n_in > LINE_MAX_BYTES) {
		l->skips = true;
		l->n_in = 0;
	}
}

int
lines_read(struct lines *l, int fd, void (*each)(void *arg, const char *line, size_t len),
	   void *arg)
{
	const size_t had = l->n_in;
	ssize_t n;

	if (!make_room(&l->in, &l->cap_in, l->n_in + READ_BYTES)) {
		errno = ENOMEM;
		return -1;
	}
	n = read(fd, l->in + l->n_in, READ_BYTES);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	l->n_in += (size_t)n;
	take_apart(l, had, each, arg);
	return n > 0;
}

void
lines_rest(struct lines *l, void (*each)(void *arg, const char *line, size_t len), void *arg)
{
	if (l->n_in > 0 || l->skips)
		give(l, l->in, l->n_in, each, arg);
	l->n_in = 0;
}
