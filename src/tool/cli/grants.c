/* SPDX-License-Identifier: MIT */
/* Grants of `latchkey stdio`, by what their tokens say. */
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

struct grants {
	pthread_mutex_t latch;
	void *root; /* of struct held, by their grants, which are unique in the manager */
	bool is_closed;
};

static int
compare(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->grant < y->grant ? -1 : x->grant > y->grant;
}

struct grants *
grants_make(void)
{
	struct grants *t = calloc(1, sizeof(*t));

	if (t != NULL)
		pthread_mutex_init(&t->latch, NULL);
	return t;
}

bool
grants_add(struct stdio *s, struct strand *strand, lk_grant g)
{
	struct held *h = malloc(sizeof(*h));
	void *at = NULL;

	bool is_closed;

	if (h == NULL)
		return false;
	*h = (struct held){ strand, g };
	pthread_mutex_lock(&s->grants->latch);
	is_closed = s->grants->is_closed;
	if (!is_closed)
		at = tsearch(h, &s->grants->root, compare);
	if (at != NULL)
		strand_use(&s->work, strand); /* before anybody finds it */
	pthread_mutex_unlock(&s->grants->latch);
	if (at == NULL)
		free(h);
	return at != NULL || is_closed;
}

bool
grants_find(struct stdio *s, const char *token, struct held *out)
{
	struct lk_token_info info = { .size = (uint32_t)sizeof(info) };
	struct held key = { 0 };
	void *at = NULL;

	if (lk_token_parse(token, &info) != 0)
		return false;
	key.grant = info.grant;
	pthread_mutex_lock(&s->grants->latch);
	at = tfind(&key, &s->grants->root, compare);
	if (at != NULL) {
		*out = **(struct held **)at;
		strand_use(&s->work, out->strand);
	}
	pthread_mutex_unlock(&s->grants->latch);
	return at != NULL;
}

void
grants_remove(struct stdio *s, lk_grant g)
{
	struct held key = { .grant = g };
	struct held *h = NULL;
	void *at;

	pthread_mutex_lock(&s->grants->latch);
	at = tfind(&key, &s->grants->root, compare);
	if (at != NULL) {
		h = *(struct held **)at;
		(void)tdelete(&key, &s->grants->root, compare);
	}
	pthread_mutex_unlock(&s->grants->latch);
	if (h == NULL)
		return;
	strand_leave(&s->work, h->strand);
	free(h);
}

/* Any of them, which is none of theirs any more; NULL: there are none. */
static struct held *
take_one(struct grants *t)
{
	struct held *h = NULL;

	pthread_mutex_lock(&t->latch);
	t->is_closed = true;
	if (t->root != NULL) {
		h = *(struct held **)t->root;
		(void)tdelete(h, &t->root, compare);
	}
	pthread_mutex_unlock(&t->latch);
	return h;
}

void
grants_close(struct stdio *s)
{
	struct held *h;

	while ((h = take_one(s->grants)) != NULL) {
		strand_leave(&s->work, h->strand);
		free(h);
	}
}

void
grants_free(struct stdio *s)
{
	grants_close(s);
	free(s->grants);
}
