/* SPDX-License-Identifier: MIT */
/*
 * Berkeley DB's lock subsystem alone: an environment with DB_INIT_LOCK, private to the process, in
 * memory, no log and no pages.  This is the peer that is most like Latchkey: names of any bytes, a locker
 * that owns locks, intent modes, waiting lines, conversion, release of all that a locker has.
 *
 * Set up as for a program with many locks: a hash table with about a bucket for each lock that is held
 * (more only cost cache misses), the default 10 partitions for each processor, no deadlock detection unless
 * lock_detect() is called, as by default.  Its matrix of conflicts is the program's to choose
 * (set_lk_conflicts): IWR, which the lock subsystem itself has no use for, becomes SIX, and one mode is added
 * at the end, U.
 *
 * What it lacks: fencing, cancellation, paths, downgrading (see berkeley_convert), a default in which a
 * deadlock ends.  What it does more: deadlock detection on demand, and memory that processes can share.
 *
 * Needs: libdb5.3-dev <db.h> -ldb-5.3
 * Not under: thread
 */
#include <stdlib.h>
#include <string.h>

#include <db.h>

#include "bench.h"

#define N_MODES    10 /* 0 to 8 are Berkeley DB's own, 9 is U */
#define MODE_U     ((db_lockmode_t)9)
#define N_ROOM_MIN 1000 /* locks, objects, lockers and buckets beyond what the case holds */

/* What a thread has, or a transaction: a locker. */
struct locker {
	DB_ENV *env;
	u_int32_t id;
	DBT name; /* filled in for each call: all its other fields stay zero */
};

/* Row: held; column: wanted.  Gray's matrix, and U as in latchkey.h. */
static u_int8_t conflicts[N_MODES * N_MODES] = {
	/* NG R  W WAIT IW IR SIX  -  -  U */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* NG */
	0, 0, 1, 0, 1, 0, 1, 0, 0, 0, /* READ */
	0, 1, 1, 1, 1, 1, 1, 0, 0, 1, /* WRITE */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* WAIT */
	0, 1, 1, 0, 0, 0, 1, 0, 0, 1, /* IWRITE */
	0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* IREAD */
	0, 1, 1, 0, 1, 0, 1, 0, 0, 1, /* IWR: SIX */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* not used */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* not used */
	0, 0, 1, 0, 1, 0, 1, 0, 0, 1, /* U */
};

static const db_lockmode_t mode_of[LK_X + 1] = {
	[LK_NL] = DB_LOCK_NG,   [LK_IS] = DB_LOCK_IREAD, [LK_IX] = DB_LOCK_IWRITE,
	[LK_S] = DB_LOCK_READ,  [LK_SIX] = DB_LOCK_IWR,  [LK_U] = MODE_U,
	[LK_X] = DB_LOCK_WRITE,
};

static void
must(int error, const char *what)
{
	if (__builtin_expect(error != 0, 0))
		bench_die(what, db_strerror(error));
}

/* ------------------------------------------------------------------------ set-up */

static void
env_size(DB_ENV *env, size_t n_held)
{
	u_int32_t room = (u_int32_t)n_held + N_ROOM_MIN;

	must(env->set_lk_max_locks(env, room), "berkeley_db: locks");
	must(env->set_lk_max_objects(env, room), "berkeley_db: objects");
	must(env->set_lk_max_lockers(env, N_ROOM_MIN), "berkeley_db: lockers");
	must(env->set_lk_tablesize(env, room), "berkeley_db: table");
}

static void *
berkeley_open(size_t n_names, size_t n_held)
{
	DB_ENV *env;

	(void)n_names;
	must(db_env_create(&env, 0), "berkeley_db: create");
	env_size(env, n_held);
	must(env->set_lk_conflicts(env, conflicts, N_MODES), "berkeley_db: conflicts");
	must(env->open(env, NULL, DB_CREATE | DB_PRIVATE | DB_THREAD | DB_INIT_LOCK, 0),
	     "berkeley_db: open");
	return env;
}

static void
berkeley_close(void *world)
{
	DB_ENV *env = world;

	must(env->close(env, 0), "berkeley_db: close");
}

static void *
locker_open(void *world)
{
	struct locker *l = calloc(1, sizeof(*l));

	if (l == NULL)
		bench_die("berkeley_db", "out of memory");
	l->env = world;
	must(l->env->lock_id(l->env, &l->id), "berkeley_db: locker");
	return l;
}

/* All that it holds, in one call. */
static void
locker_release_all(void *session)
{
	struct locker *l = session;
	DB_LOCKREQ all = { .op = DB_LOCK_PUT_ALL };

	must(l->env->lock_vec(l->env, l->id, 0, &all, 1, NULL), "berkeley_db: put all");
}

static void
locker_close(void *session)
{
	struct locker *l = session;

	locker_release_all(l);
	must(l->env->lock_id_free(l->env, l->id), "berkeley_db: end of a locker");
	free(l);
}

static void *
session_open(void *world, void *target, unsigned lane)
{
	(void)target;
	(void)lane;
	return locker_open(world);
}

/* ------------------------------------------------------------------- one at a time */

BENCH_INLINE void
berkeley_acquire(void *session, const void *target, lk_mode mode, DB_LOCK *ticket)
{
	struct locker *l = session;

	l->name.data = (void *)(uintptr_t)target;
	l->name.size = (u_int32_t)strlen(target);
	must(l->env->lock_get(l->env, l->id, 0, &l->name, mode_of[mode], ticket),
	     "berkeley_db: get");
}

BENCH_INLINE void
berkeley_release(void *session, const void *target, DB_LOCK *ticket)
{
	struct locker *l = session;

	(void)target;
	must(l->env->lock_put(l->env, ticket), "berkeley_db: put");
}

/*
 * Upwards the lock itself is changed, ahead of those who wait (DB_LOCK_UPGRADE).  Downwards there is no
 * such thing: the weaker lock is taken beside the stronger one, for a locker is not in its own way.  That
 * is fine as long as nobody waits: then it would be queued behind who waits for it.
 */
BENCH_INLINE void
berkeley_convert(void *session, const void *target, DB_LOCK *ticket, lk_mode from, lk_mode to)
{
	struct locker *l = (struct locker *)session;
	const u_int32_t flags = from == LK_X ? 0 : DB_LOCK_UPGRADE;
	DB_LOCK former = *ticket;

	l->name.data = (void *)(uintptr_t)target;
	l->name.size = (u_int32_t)strlen((const char *)target);
	must(l->env->lock_get(l->env, l->id, flags, &l->name, mode_of[to], ticket),
	     "berkeley_db: convert");
	if (from == LK_X)
		must(l->env->lock_put(l->env, &former), "berkeley_db: put");
}

/* ---------------------------------------------------------------------- several */

/* The requests are filled in by the caller of lock_vec(): that is part of the price. */
static void
vector_get(struct locker *l, DB_LOCKREQ *request, DBT *name, const struct bench_name *names,
	   size_t n)
{
	for (size_t i = 0; i < n; i++) {
		name[i].data = (void *)(uintptr_t)names[i].text;
		name[i].size = (u_int32_t)strlen(names[i].text);
		request[i].op = DB_LOCK_GET;
		request[i].obj = &name[i];
	}
	must(l->env->lock_vec(l->env, l->id, 0, request, (int)n, NULL), "berkeley_db: vector get");
}

BENCH_INLINE void
tickets_fill(const DB_LOCKREQ *request, size_t n, DB_LOCK *ticket)
{
	for (size_t i = 0; i < n; i++)
		ticket[i] = request[i].lock;
}

/* The ancestors and the row in one call. */
BENCH_INLINE void
berkeley_path_acquire(void *session, const struct bench_path *path, lk_mode mode, DB_LOCK *ticket)
{
	DB_LOCKREQ request[N_LEVELS] = { 0 };
	DBT name[N_LEVELS] = { 0 };
	lk_mode intent = mode == LK_S || mode == LK_IS ? LK_IS : LK_IX;

	for (int i = 0; i < N_LEVELS; i++)
		request[i].mode = mode_of[i < N_LEVELS - 1 ? intent : mode];
	vector_get((struct locker *)session, request, name, path->level, N_LEVELS);
	tickets_fill(request, N_LEVELS, ticket);
}

BENCH_INLINE void
berkeley_many_acquire(void *session, const struct bench_name *names, size_t n, lk_mode mode,
		      DB_LOCK *ticket)
{
	DB_LOCKREQ request[BATCH_MAX];
	DBT name[BATCH_MAX];

	memset(request, 0, n * sizeof(*request));
	memset(name, 0, n * sizeof(*name));
	for (size_t i = 0; i < n; i++)
		request[i].mode = mode_of[mode];
	vector_get((struct locker *)session, request, name, names, n);
	tickets_fill(request, n, ticket);
}

BENCH_INLINE void
berkeley_many_release(void *session, const struct bench_name *names, size_t n, DB_LOCK *ticket)
{
	struct locker *l = session;
	DB_LOCKREQ request[BATCH_MAX];

	(void)names;
	for (size_t i = n; i > 0; i--) {
		request[n - i].op = DB_LOCK_PUT;
		request[n - i].lock = ticket[i - 1];
	}
	must(l->env->lock_vec(l->env, l->id, 0, request, (int)n, NULL), "berkeley_db: vector put");
}

BENCH_INLINE void
berkeley_path_release(void *session, const struct bench_path *path, DB_LOCK *ticket)
{
	berkeley_many_release(session, path->level, N_LEVELS, ticket);
}

#define PEER               berkeley_db
#define PEER_WHAT          "lock_get() and lock_put() of a private environment, own matrix of 6 modes"
#define PEER_BY            BY_NAME
#define PEER_MODES         MODES_ALL
#define PEER_TICKET        DB_LOCK
#define PEER_OPEN          berkeley_open
#define PEER_CLOSE         berkeley_close
#define PEER_SESSION_OPEN  session_open
#define PEER_SESSION_CLOSE locker_close
#define PEER_ACQUIRE       berkeley_acquire
#define PEER_RELEASE       berkeley_release
#define PEER_CONVERT       berkeley_convert
#define PEER_PATH_ACQUIRE  berkeley_path_acquire
#define PEER_PATH_RELEASE  berkeley_path_release
#define PEER_RELEASE_ALL   locker_release_all
#define PEER_MANY_ACQUIRE  berkeley_many_acquire
#define PEER_MANY_RELEASE  berkeley_many_release
#define PEER_OWNER_OPEN    locker_open
#define PEER_OWNER_CLOSE   locker_close
#include "contestant.h"
