/* SPDX-License-Identifier: MIT */
/* A store's own words on its latest failure. */
#ifndef LK_ADAPTERS_WORDS_H
#define LK_ADAPTERS_WORDS_H

#include <pthread.h>
#include <stddef.h>

#include <latchkey/store.h>

struct words {
	pthread_mutex_t lock;
	char text[320];
	lk_store_say_fn *say; /* from when the store is opened; NULL: nobody listens */
	void *say_arg;
};

void words_init(struct words *w);
void words_fini(struct words *w);

/* Returns `rc`. */
int words_say(struct words *w, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* To whoever looks after the program, once for each change. */
void words_tell(const struct words *w, enum lk_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As `error` of struct lk_store_ops. */
size_t words_copy(struct words *w, char *buf, size_t cap);

#endif /* LK_ADAPTERS_WORDS_H */
