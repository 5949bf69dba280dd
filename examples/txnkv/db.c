/* SPDX-License-Identifier: MIT */
/* Databases: open, load, close. */
#include <stdlib.h>

#include "db.h"

#define MAX_TRIES 1000

/* A row of the file becomes a row in memory. */
static int
load_row(void *arg, struct bytes table, struct bytes key, struct bytes bytes)
{
	struct db *db = arg;
	struct table *t;
	struct value *value;
	struct row *r;
	int rc = store_table(&db->store, table, &t);

	if (rc != 0)
		return rc;
	r = store_reserve(t, key);
	value = value_make(bytes);
	if (r == NULL || value == NULL) {
		free(value);
		return LK_E_NOMEM;
	}
	store_write(&db->store, t, r, value, 0);
	return 0;
}

static int
open_file(struct db *db, const struct db_options *o)
{
	int rc;

	if (o->file == NULL)
		return 0;
	rc = file_open(o->file, o->sync, &db->file);
	return rc != 0 ? rc : file_load(db->file, load_row, db);
}

static void
free_db(struct db *db)
{
	committer_fini(&db->committer);
	if (db->file != NULL)
		file_close(db->file);
	store_fini(&db->store);
	free(db);
}

int
db_open(const struct db_options *o, struct db **out)
{
	struct db *db = calloc(1, sizeof(*db));
	int rc;

	if (db == NULL)
		return LK_E_NOMEM;
	db->history = o->history;
	db->max_tries = o->max_tries != 0 ? o->max_tries : MAX_TRIES;
	store_init(&db->store, o->history != NULL);
	rc = open_file(db, o);
	committer_init(&db->committer, db->file);
	if (rc == 0)
		rc = locks_open(&db->locks, o);
	if (rc != 0)
		free_db(db);
	else
		*out = db;
	return rc;
}

void
db_close(struct db *db)
{
	locks_close(&db->locks);
	free_db(db);
}

void
db_why(struct db *db, char *buf, size_t cap)
{
	pthread_mutex_lock(&db->committer.mutex);
	snprintf(buf, cap, "%s", db->committer.why);
	pthread_mutex_unlock(&db->committer.mutex);
}

void
db_count(struct db *db, struct db_counts *out)
{
	*out = (struct db_counts){
		.commits = atomic_load(&db->number),
		.aborts = atomic_load(&db->n_aborts),
		.retries = atomic_load(&db->n_retries),
	};
	pthread_mutex_lock(&db->committer.mutex);
	out->groups = db->committer.n_groups;
	out->grouped = db->committer.n_commits;
	pthread_mutex_unlock(&db->committer.mutex);
}

struct lk_manager *
db_manager(struct db *db)
{
	return db->locks.manager;
}
