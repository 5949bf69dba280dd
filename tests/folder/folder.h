/* SPDX-License-Identifier: MIT */
/* What the tests of stores in folders share: folders, states of stores, and deeds that change them. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#include "faults.h"

#define NEVER UINT64_MAX

#define is(call, code)                                                                        \
	do {                                                                                  \
		int is_rc = (call);                                                           \
		cr_assert(is_rc == (code), "%s:%d: %s is %d (%s)", __FILE__, __LINE__, #call, \
			  is_rc, lk_errname(is_rc));                                          \
	} while (0)
#define ok(call) is(call, 0)

struct folder {
	char top[40];  /* made and removed by us */
	char path[48]; /* the store's, below it */
	char url[96];
};

/* From now on: stores are opened as if on a disk, so that nothing of them is in memory. */
void folder_on_disk(bool is);

/* Nothing is at `path` yet; `parameters` as in a URL, or "". */
void folder_make(struct folder *f, const char *parameters);
void folder_remove(struct folder *f);

/* The path of a file in it. */
const char *folder_file(const struct folder *f, const char *name, char buf[80]);

struct lk_store *store_open(const struct folder *f);

/* With a report: the code. */
int store_try(const char *url, uint32_t flags, char report[256]);

int put(struct lk_store *s, const char *name, const void *bytes, size_t n);
int put_flags(struct lk_store *s, const char *name, const void *bytes, size_t n, uint32_t flags);

/* Bytes of the record, or a code; the first `cap` are copied. */
int get(struct lk_store *s, const char *name, void *buf, size_t cap);
int get_flags(struct lk_store *s, const char *name, void *buf, size_t cap, uint32_t flags);

/* ------------------------------------------------------------------ states and deeds */

enum { STATE_MOST = 256 };

/* All that is in a store. */
struct state {
	size_t n;
	struct {
		char name[24];
		uint64_t sum; /* of its record */
	} row[STATE_MOST];
};

void state_read(struct lk_store *s, struct state *out);
bool state_is(const struct state *a, const struct state *b);

/* Something that is done to a store, the same each time, and as often as one likes. */
struct deed {
	const char *name;
	const char *parameters;
	void (*before)(struct lk_store *s);
	int (*act)(struct lk_store *s);
};

extern const struct deed deeds[];
extern const size_t n_deeds;

#endif /* TESTS_FOLDER_H */
