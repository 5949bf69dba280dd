/* SPDX-License-Identifier: MIT */
/* Group commit: see commit.h. */
#include <stdio.h>

#include "commit.h"

void
committer_init(struct committer *c, struct file *f)
{
	*c = (struct committer){ .file = f };
	c->end = &c->first;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->done, NULL);
}

void
committer_fini(struct committer *c)
{
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->mutex);
}

/* Take the first of the line, at most COMMIT_GROUP_MAX.  Latched. */
static size_t
take_group(struct committer *c, struct commit **group)
{
	size_t n = 0;

	while (c->first != NULL && n < COMMIT_GROUP_MAX) {
		group[n++] = c->first;
		c->first = c->first->next;
	}
	if (c->first == NULL)
		c->end = &c->first;
	return n;
}

/* Not latched: nobody else writes. */
static int
write_together(struct committer *c, struct commit *const *group, size_t n)
{
	const struct writes *batch[COMMIT_GROUP_MAX];

	for (size_t i = 0; i < n; i++)
		batch[i] = group[i]->writes;
	return file_write(c->file, batch, n);
}

/* If they cannot be written together, each is on its own: one may be too large for the disk, and others not. */
static void
write_group(struct committer *c, struct commit *const *group, size_t n)
{
	int rc = write_together(c, group, n);

	for (size_t i = 0; i < n; i++) {
		if (rc == KV_DISK && n > 1)
			group[i]->rc = write_together(c, &group[i], 1);
		else
			group[i]->rc = rc;
		if (group[i]->rc == KV_DOUBT)
			rc = KV_DOUBT;
	}
}

/* Latched, but for the writing. */
static void
lead(struct committer *c)
{
	struct commit *group[COMMIT_GROUP_MAX];
	size_t n = take_group(c, group);
	bool in_doubt = c->in_doubt;

	c->is_writing = true;
	pthread_mutex_unlock(&c->mutex);
	for (size_t i = 0; in_doubt && i < n; i++)
		group[i]->rc = KV_DOUBT;
	if (!in_doubt)
		write_group(c, group, n);
	pthread_mutex_lock(&c->mutex);
	c->is_writing = false;
	c->n_groups++;
	c->n_commits += n;
	for (size_t i = 0; i < n; i++) {
		if (group[i]->rc != 0)
			snprintf(c->why, sizeof(c->why), "%s", file_why(c->file));
		c->in_doubt = c->in_doubt || group[i]->rc == KV_DOUBT;
		group[i]->is_done = true;
	}
	pthread_cond_broadcast(&c->done);
}

int
committer_write(struct committer *c, const struct writes *w)
{
	struct commit me = { .writes = w };

	pthread_mutex_lock(&c->mutex);
	*c->end = &me;
	c->end = &me.next;
	while (!me.is_done) {
		if (c->is_writing)
			pthread_cond_wait(&c->done, &c->mutex);
		else
			lead(c);
	}
	pthread_mutex_unlock(&c->mutex);
	return me.rc;
}
