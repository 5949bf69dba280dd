/* SPDX-License-Identifier: MIT */
/* The URL of a store, taken apart: "file:/run/app?stripes=4&label=a%20b". */
#ifndef LK_STORE_URL_H
#define LK_STORE_URL_H

#include <latchkey/store.h>

#include "base/env.h"

struct store_url {
	const char *scheme;
	const char *rest;
	struct lk_store_parameter *parameters;
	size_t n_parameters;
	size_t size; /* of the memory that all of it is in */
	struct env *env;
};

/*
 * Returns 0; LK_E_INVAL: it is none, and `*why` says what is wrong; LK_E_NOMEM.  What %XX stands for is put in its
 * place; %00 is refused.
 */
int store_url_parse(struct store_url *u, struct env *e, const char *url, const char **why);
void store_url_free(struct store_url *u);

/* A letter, then letters and digits, all lower case, at most LK_STORE_SCHEME_MAX: it becomes part of a file's name. */
bool store_scheme_is_one(const char *scheme, size_t len);

#endif /* LK_STORE_URL_H */
