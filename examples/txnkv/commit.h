/* SPDX-License-Identifier: MIT */
/*
 * Group commit: transactions that commit at the same time are written together.
 *
 * Whoever finds nobody writing writes for all who wait, while others line up for the next time.  So a disk that
 * needs a millisecond is waited for once for many.  They can be written together, in any order, as each holds
 * what it has written in X: no two have written the same row.
 *
 * Who writes waits for no lock, so this is no wait that a search for deadlocks would have to know of
 * (lk_external_wait_begin()).
 */
#ifndef TXNKV_COMMIT_H
#define TXNKV_COMMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "file.h"

#define COMMIT_GROUP_MAX 64

/* A transaction that is to be written; on the stack of its thread. */
struct commit {
	struct commit *next;
	const struct writes *writes;
	bool is_done;
	int rc;
};

struct committer {
	struct file *file;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t done;
	struct commit *first, **end; /* who waits to be written */
	bool is_writing;
	bool in_doubt; /* nothing is written any more */
	uint64_t n_groups, n_commits;
	char why[256];
};

void committer_init(struct committer *c, struct file *f);
void committer_fini(struct committer *c);

/* 0: it is in the file.  KV_DISK, KV_DOUBT. */
int committer_write(struct committer *c, const struct writes *w);

#endif /* TXNKV_COMMIT_H */
