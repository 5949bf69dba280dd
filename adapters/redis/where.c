/* SPDX-License-Identifier: MIT */
/* Taking apart what is between "redis:", or "rediss:", and "?". */
#define _GNU_SOURCE
#include "redis/where.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
say(char why[WHERE_WHY], const char *what)
{
	(void)snprintf(why, WHERE_WHY, "%s", what);
	return false;
}

static bool
copy(char *to, size_t room, const char *from, size_t len)
{
	if (len >= room)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool
is_number(const char *text, unsigned long most)
{
	char *end;

	return text[0] >= '0' && text[0] <= '9' && strlen(text) <= 5 &&
	       strtoul(text, &end, 10) <= most && *end == '\0';
}

static void
describe(struct where *w)
{
	if (w->socket[0] != '\0')
		(void)snprintf(w->text, sizeof(w->text), "%s:%s", w->scheme, w->socket);
	else if (w->host[0] == '\0')
		(void)snprintf(w->text, sizeof(w->text), "%s+sentinel://%.150s/%s/%u", w->scheme,
			       w->sentinels, w->master, w->db);
	else
		(void)snprintf(w->text, sizeof(w->text), "%s://%.200s:%s/%u%s%s", w->scheme,
			       w->host, w->port, w->db, w->master[0] != '\0' ? " " : "", w->master);
}

/* "user:password", or a password alone. */
static bool
read_who(struct where *w, const char *text, size_t len, char why[WHERE_WHY])
{
	const char *colon = memchr(text, ':', len);
	const size_t user = colon != NULL ? (size_t)(colon - text) : 0;
	const size_t skipped = colon != NULL ? user + 1 : 0;

	if (!copy(w->user, sizeof(w->user), text, user))
		return say(why, "the user's name is too long");
	if (!copy(w->password, sizeof(w->password), text + skipped, len - skipped))
		return say(why, "the password is too long");
	return true;
}

/* What stands before the last '@' is who, as a password may have one in it. */
static const char *
take_who(struct where *w, const char *text, char why[WHERE_WHY])
{
	const char *at = strrchr(text, '@');

	if (at == NULL)
		return text;
	return read_who(w, text, (size_t)(at - text), why) ? at + 1 : NULL;
}

/* "host", "host:port", "[::1]:port". */
static bool
read_host(struct where *w, const char *text, size_t len, const char *port, char why[WHERE_WHY])
{
	const char *bracket = text[0] == '[' ? memchr(text, ']', len) : NULL;
	const char *host = bracket != NULL ? text + 1 : text;
	const char *rest = bracket != NULL ? bracket + 1 : text;
	const char *colon = memchr(rest, ':', len - (size_t)(rest - text));
	const char *end = bracket != NULL ? bracket : colon != NULL ? colon : text + len;

	if (!copy(w->host, sizeof(w->host), host, (size_t)(end - host)))
		return say(why, "the host's name is too long");
	if (w->host[0] == '\0')
		(void)strcpy(w->host, "localhost");
	(void)strcpy(w->port, port);
	if (colon != NULL &&
	    (!copy(w->port, sizeof(w->port), colon + 1, (size_t)(text + len - colon - 1)) ||
	     !is_number(w->port, 65535)))
		return say(why, "behind the host is no port");
	return true;
}

bool
where_set_db(struct where *w, const char *text)
{
	if (!is_number(text, 65535))
		return false;
	w->db = (unsigned)strtoul(text, NULL, 10);
	describe(w);
	return true;
}

static bool
parse_socket(struct where *w, const char *rest, char why[WHERE_WHY])
{
	const char *path = take_who(w, rest, why);

	if (path == NULL)
		return false;
	if (path[0] != '/')
		return say(why, "the path of a socket begins with /");
	if (!copy(w->socket, sizeof(w->socket), path, strlen(path)))
		return say(why, "the path of the socket is too long");
	describe(w);
	return true;
}

static bool
parse_host(struct where *w, const char *rest, char why[WHERE_WHY])
{
	const char *host = take_who(w, rest, why);
	const char *slash;

	if (host == NULL)
		return false;
	slash = strchrnul(host, '/');
	if (!read_host(w, host, (size_t)(slash - host), "6379", why))
		return false;
	if (slash[0] != '\0' && slash[1] != '\0' && !where_set_db(w, slash + 1))
		return say(why, "behind the / is the number of a database");
	describe(w);
	return true;
}

/* ------------------------------------------------------------------------- sentinels */

unsigned
where_count_sentinels(const struct where *w)
{
	unsigned n = w->sentinels[0] != '\0';

	for (const char *at = w->sentinels; *at != '\0'; at++)
		n += *at == ',';
	return n;
}

static bool
read_sentinel(const struct where *w, unsigned i, struct where *out, char why[WHERE_WHY])
{
	const char *at = w->sentinels;

	while (i-- > 0)
		at = strchr(at, ',') + 1;
	return read_host(out, at, strcspn(at, ","), "26379", why);
}

void
where_sentinel(const struct where *w, unsigned i, struct where *out)
{
	char why[WHERE_WHY];

	memset(out, 0, sizeof(*out));
	memcpy(out->scheme, w->scheme, sizeof(out->scheme));
	memcpy(out->user, w->sentinel_user, sizeof(out->user));
	memcpy(out->password, w->sentinel_password, sizeof(out->password));
	(void)read_sentinel(w, i, out, why); /* it was fine when it was parsed */
	describe(out);
}

static bool
parse_sentinels(struct where *w, const char *rest, char why[WHERE_WHY])
{
	const char *list = take_who(w, rest, why);
	const char *master, *slash;
	struct where one;

	if (list == NULL)
		return false;
	master = strchrnul(list, '/');
	if (!copy(w->sentinels, sizeof(w->sentinels), list, (size_t)(master - list)))
		return say(why, "there are too many sentinels");
	for (unsigned i = 0; i < where_count_sentinels(w); i++) {
		if (!read_sentinel(w, i, &one, why))
			return false;
	}
	master += *master == '/';
	slash = strchrnul(master, '/');
	if (master == slash ||
	    !copy(w->master, sizeof(w->master), master, (size_t)(slash - master)))
		return say(why, "behind the sentinels is no name of a master");
	if (slash[0] != '\0' && slash[1] != '\0' && !where_set_db(w, slash + 1))
		return say(why, "behind the master is the number of a database");
	describe(w);
	return w->sentinels[0] != '\0' || say(why, "there is no sentinel");
}

bool
where_parse(struct where *w, const char *scheme, const char *rest, char why[WHERE_WHY])
{
	memset(w, 0, sizeof(*w));
	(void)snprintf(w->scheme, sizeof(w->scheme), "%s", scheme);
	if (strncmp(rest, "//", 2) == 0)
		return parse_host(w, rest + 2, why);
	if (strncmp(rest, "sentinel://", 11) == 0)
		return parse_sentinels(w, rest + 11, why);
	if (strncmp(rest, "unix:", 5) == 0)
		return parse_socket(w, rest + 5, why);
	if (rest[0] == '/')
		return parse_socket(w, rest, why);
	return say(why, "neither //host:port nor the path of a socket");
}

bool
where_move(struct where *w, const char *host, size_t host_len, const char *port)
{
	if (host_len > 0 && !copy(w->host, sizeof(w->host), host, host_len))
		return false;
	if (!copy(w->port, sizeof(w->port), port, strspn(port, "0123456789")) ||
	    !is_number(w->port, 65535))
		return false;
	w->socket[0] = '\0';
	describe(w);
	return true;
}

bool
where_read_password(struct where *w, bool of_sentinels, const char *path, char why[WHERE_WHY])
{
	char *password = of_sentinels ? w->sentinel_password : w->password;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = -1;

	if (fd >= 0) {
		do
			n = read(fd, password, sizeof(w->password));
		while (n < 0 && errno == EINTR);
		(void)close(fd);
	}
	if (n < 0 || n == (ssize_t)sizeof(w->password)) {
		where_forget(w);
		return say(why, n < 0 ? "the file with the password cannot be read"
				      : "what is in the file with the password is too long");
	}
	password[n] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	return true;
}

void
where_forget(struct where *w)
{
	explicit_bzero(w->password, sizeof(w->password));
	explicit_bzero(w->sentinel_password, sizeof(w->sentinel_password));
}
