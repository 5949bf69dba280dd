/* SPDX-License-Identifier: MIT */
/*
 * An open store in a database.  Its tables, with the prefix that the URL says:
 *
 *   …meta       one row: the format, whose store it is, how many changes there were
 *   …records    name, bytes, and a sum of both
 *   …sessions   id, slot, who
 *   …guards     the highest fence that passed the guard, by record
 *
 * and beside the database a file, the *sidecar*, "DATABASE-PREFIXbeacons": whose bytes are locked as long as sessions live
 * (common/beacons.h), and in which the names of the latest changes are (hints.h).
 *
 * SQ1   all that is written is written in one transaction that has begun with BEGIN IMMEDIATE: what it read is what is
 *       there until it ends.
 * SQ2   a transaction in which a durable record changes is committed with synchronous=EXTRA.  In WAL mode that means: its
 *       frames are in the WAL file and fsync() has returned before its end is written into the index, where others would see
 *       it.  The file is written in order and synced as a whole, so all that was committed before is on the disk too;
 *       what was moved to the database before was synced there before the WAL was begun anew (the checkpoint of
 *       synchronous=NORMAL does both).  With a rollback journal: journal and database are synced, and the folder
 *       after the journal is gone.  All other transactions are not synced: a power cut takes the last of them back, in
 *       their order, and whoever made them is gone with it.
 * SQ3   `changes` grows with every transaction that writes, but for those that nobody need hear of: of them each opening
 *       counts the first in some milliseconds (SQ9).  A database that has fewer changes than were seen is an older one,
 *       put in its place.
 * SQ4   in this process nobody but SQLite opens or closes the database: its locks are POSIX locks, which a close() of any
 *       descriptor of the file would drop.
 * SQ5   a connection of the program's is used with its mutex held from before a transaction begins until it has ended, and
 *       never while the program has a transaction open on it.  So no statement of the program comes into ours, and
 *       what it has begun is neither committed nor rolled back.
 * SQ6   what COMMIT failed to say is UNKNOWN: frames may be in the WAL that whoever recovers it will find.  But for BUSY,
 *       which leaves the transaction open, to be rolled back; for a hook of the program's that said no; and for a full disk
 *       where nothing is synced: then the frame that would end it is not there as a whole.
 * SQ7   what ends a transaction is there before it begins, so that memory which has run out does not keep it open.  Should it
 *       stay open all the same, nothing else is done with that connection before it is ended.
 * SQ9   what is not counted of this opening's since its last count are fewer than UNCOUNTED_MOST transactions, which began to
 *       commit within UNCOUNTED_NS of it; none of them was durable.  So a database is found to be older unless all that
 *       it lacks was done in so short a time.
 * SQ10  that both files are there by their names is looked at in each transaction, unless the folder says that no name in it
 *       has changed (SF9); and with each heartbeat, whatever it says, as it does not say that one above it was moved.
 * SQ11  several updates in one transaction are made one after the other, and each sees what those before it wrote.  Only if all
 *       that was written is committed are they answered.  If that is not known, those that wrote are UNKNOWN; whoever wrote
 *       nothing is left to ask alone, as what he saw may never have been.  If it failed, all are, or the time of all is
 *       over.  What would have to be synced is not among it.
 * SQ12  the row that was written last is kept, as it was bound.  It is told instead of what the database has as long as the
 *       transaction that wrote it goes on; and in the next that writes, if it was committed, and SQLite says that nobody
 *       has written since.
 */
#ifndef LK_ADAPTERS_SQLITE_STORE_H
#define LK_ADAPTERS_SQLITE_STORE_H

#include <latchkey/store.h>

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/beacons.h"
#include "common/forks.h"
#include "common/listener.h"
#include "common/names.h"
#include "common/place.h"
#include "common/words.h"
#include "common/turns.h"
#include "sqlite/latest.h"

enum {
	SQLITE_STORE_FORMAT = 1,
	SQLITE_STORE_PREFIX = 40, /* of tables, with a NUL */
	SQLITE_STORE_READERS = 4,
	SQLITE_STORE_CELLS = 64 /* the latest changes whose names are known */
};

/* Statements that are kept, of a connection. */
enum statement {
	ST_BEGIN, /* to read */
	ST_BEGIN_IMMEDIATE,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_META,
	ST_COUNT,
	ST_GET,
	ST_PUT,
	ST_REMOVE,
	ST_SCAN_FIRST,
	ST_SCAN,
	ST_SESSION,
	ST_SESSIONS,
	ST_SESSION_PUT,
	ST_SESSION_REMOVE,
	STATEMENTS
};

struct connection {
	struct connection *next; /* of those that nobody reads with */
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	bool is_stuck;      /* a transaction is open that could not be rolled back */
	bool is_durable;    /* what it commits now is synced (SQ2) */
	bool is_programs;   /* it came by lk_store_open.handle (SQ5) */
	int synchronous;    /* … as it was */
	bool knows_changes; /* its last transaction was committed, and meta said then … */
	uint64_t changes;
	uint32_t data_version; /* … and this is what SQLite calls that state of the database */
};

/* Which file a name stands for: another one has another. */
struct ident {
	dev_t dev;
	ino_t ino;
};

struct sqlite_store {
	struct lk_store base;
	struct fork_note fork;
	struct sqlite_store *left; /* by a fork, the next (store.c) */
	struct place place;
	struct words words;
	char path[PATH_MAX];    /* of the database */
	char sidecar[PATH_MAX]; /* its path */
	char prefix[SQLITE_STORE_PREFIX];
	struct ident ident;
	struct ident sidecar_ident;
	unsigned char id[16]; /* of this store */
	uint64_t key;         /* of sums, made of it */
	uint64_t clock_id;
	uint64_t max_size;
	_Atomic uint64_t seen; /* (SQ3) */
	uint64_t counted_ns;   /* when `changes` grew; both with the turn of `writing` (SQ9) */
	unsigned uncounted;    /* transactions since then */
	int dir;               /* the folder of both files */
	struct names names;
	_Atomic uint64_t looked; /* its state when they were there (SQ10) */
	bool is_read_only;
	bool is_volatile; /* a file system in memory */
	bool time_is_given;
	struct turns writing; /* and reading with the program's connection */
	struct connection writer;
	struct latest latest; /* with the turn of `writing` */
	struct turns reading;
	pthread_mutex_t readers_lock;
	struct connection *idle; /* with readers_lock */
	struct connection readers[SQLITE_STORE_READERS];
	struct beacons beacons; /* its descriptor is that of the sidecar */
	struct listener listener;
	lk_store_hint_fn *hint;
	void *hint_arg;
	uint64_t hints_seen;
	_Atomic uint64_t hints_own
		[SQLITE_STORE_CELLS]; /* numbers of our own hints: nobody is told of those */
};

static inline struct sqlite_store *
sqlite_store_of(struct lk_store *base)
{
	return (struct sqlite_store *)base;
}

/* A failure in words; returns `rc`. */
int store_complain(struct sqlite_store *s, int rc, const char *what, const char *why);
int store_say_errno(struct sqlite_store *s, int rc, const char *what, int error);

/* Is this process a child of one that had that database open at the fork?  (store.c) */
bool store_was_left(const struct ident *ident);

#endif /* LK_ADAPTERS_SQLITE_STORE_H */
