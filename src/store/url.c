/* SPDX-License-Identifier: MIT */
/* Taking a URL apart.  One piece of memory: the parameters, then a copy of the text, cut where its parts end. */
#include "store/url.h"

#include <string.h>

bool
store_scheme_is_one(const char *scheme, size_t len)
{
	if (len == 0 || len > LK_STORE_SCHEME_MAX || scheme[0] < 'a' || scheme[0] > 'z')
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!(scheme[i] >= 'a' && scheme[i] <= 'z') &&
		    !(scheme[i] >= '0' && scheme[i] <= '9'))
			return false;
	}
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place: the result is never longer.  False: "%" without two digits after it, or a NUL. */
static bool
undo_escapes(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		int byte = (unsigned char)*from;

		if (byte == '%') {
			int high = hex_digit(from[1]);
			int low = high < 0 ? -1 : hex_digit(from[2]);

			byte = high * 16 + low;
			if (low < 0 || byte == 0)
				return false;
			from += 2;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return true;
}

/* Cut `text` at the first `mark`; what comes behind it, or NULL. */
static char *
cut(char *text, char mark)
{
	char *at = strchr(text, mark);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

static bool
is_there(const struct store_url *u, const char *name)
{
	for (size_t i = 0; i < u->n_parameters; i++) {
		if (strcmp(u->parameters[i].name, name) == 0)
			return true;
	}
	return false;
}

static const char *
put_parameter(struct store_url *u, char *text)
{
	char *value = cut(text, '=');

	if (value == NULL || text[0] == '\0')
		return "a parameter is not name=value";
	if (!undo_escapes(text) || !undo_escapes(value))
		return "% is not followed by two hexadecimal digits of a byte that is not 0";
	if (is_there(u, text))
		return "a parameter is there twice";
	u->parameters[u->n_parameters++] = (struct lk_store_parameter){ text, value };
	return NULL;
}

/* "redis+sentinel://x" is written as other programs have it, and is "redis:sentinel://x". */
static char *
cut_scheme(char *text)
{
	const char *colon = strchr(text, ':');
	const char *plus = strchr(text, '+');

	return cut(text, colon != NULL && plus != NULL && plus < colon ? '+' : ':');
}

static const char *
take_apart(struct store_url *u, char *text)
{
	char *rest = cut_scheme(text);
	char *next;

	if (rest == NULL || !store_scheme_is_one(text, strlen(text)))
		return "it does not begin with a scheme in small letters, as \"file:\" is one";
	next = cut(rest, '?');
	if (!undo_escapes(rest))
		return "% is not followed by two hexadecimal digits of a byte that is not 0";
	u->scheme = text;
	u->rest = rest;
	while (next != NULL && *next != '\0') {
		char *parameter = next;
		const char *why;

		next = cut(parameter, '&');
		why = put_parameter(u, parameter);
		if (why != NULL)
			return why;
	}
	return NULL;
}

static size_t
count(const char *text, char mark)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == mark;
	return n;
}

int
store_url_parse(struct store_url *u, struct env *e, const char *url, const char **why)
{
	const size_t most = count(url, '&') + 1; /* parameters */
	const size_t len = strlen(url);
	char *text;

	*u = (struct store_url){ .env = e, .size = most * sizeof(*u->parameters) + len + 1 };
	u->parameters = env_alloc(e, u->size, _Alignof(struct lk_store_parameter));
	if (u->parameters == NULL)
		return LK_E_NOMEM;
	text = (char *)&u->parameters[most];
	memcpy(text, url, len + 1);
	*why = take_apart(u, text);
	if (*why == NULL)
		return 0;
	store_url_free(u);
	return LK_E_INVAL;
}

void
store_url_free(struct store_url *u)
{
	env_free(u->env, u->parameters, u->size);
	*u = (struct store_url){ .env = u->env };
}
