/* SPDX-License-Identifier: MIT */
/* What the store is asked about one name, and what it answers.  The only place that knows records. */
#ifndef LK_REMOTE_ASK_H
#define LK_REMOTE_ASK_H

#include "remote/remote.h"

/*
 * "From now on we have the name in `has`; and want it in `want`."  (CO3)
 */
struct ask {
	lk_mode has;  /* LK_NL: nothing */
	lk_mode want; /* LK_NL: no more than that */
	uint64_t
		id; /* of this question: the same again is one (CO3), and keeps its place in the line */
	bool has_died; /* of what it had until now a writer ended without releasing, and nobody was told (DE7) */
	bool is_unheard;              /* what came with what it had until now is not known */
	uint64_t fence;               /* the last that was given out here; 0: unknown */
	const struct lk_value *value; /* that the record does not have yet; NULL: none */
	struct pool pool;
	bool had_units;    /* the record may say that we have some */
	bool is_hinted;    /* it is only looked again, as a hint came (CO11) */
	uint64_t earlier;  /* the question before this one, if that waits; else 0 */
	struct desk *desk; /* it is on its way already; NULL: not */
};

enum answer_kind {
	ANSWER_HAS,      /* what was wanted, or what was said */
	ANSWER_WAITS,    /* it stands in the line of the store */
	ANSWER_DEADLOCK, /* another process that holds it wants more too */
	ANSWER_FAILED    /* the store did not answer, or not clearly */
};

struct answer {
	enum answer_kind kind;
	int rc;         /* FAILED: why */
	lk_mode has;    /* what the record says now */
	lk_mode demand; /* what somebody else waits for, whom that keeps waiting; LK_NL: nobody */
	uint32_t units; /* that we have, as the record says */
	uint32_t demand_units; /* as demand, with what he has */
	bool is_unsure; /* WAITS, DEADLOCK: who is in the way was alive a moment ago, and was not asked about now (LV1) */
	bool is_misfit;      /* FAILED: others say another number of permits */
	uint64_t fence_from; /* the fences above it … */
	uint64_t fence_end;  /* … up to here are ours; both 0: none */
	uint64_t last_fence; /* of the name, before that */
	bool has_died; /* a writer did, here or elsewhere: who comes next is to be told, by us */
	struct lk_value value;   /* of the name; not of a look */
	struct answer_line line; /* WAITS */
};

/* Change the record, once sessions that are dead are out of it. */
struct answer ask_store(struct remote *m, const struct lk_resource *r, const struct ask *q);

/*
 * Ask several such questions at once, each of another name: then ask_store() tells what came of it.  ask_begin() makes one
 * ready, in q->desk; without memory it stays NULL, and the question is asked alone.
 */
struct asks {
	struct errand *list;
	struct errand **last;
};

void asks_init(struct asks *all);
void ask_begin(struct remote *m, const struct lk_resource *r, struct ask *q, struct asks *all);
void ask_all(struct remote *m, struct asks *all);

/* Hold it as we do, but no more units than `pool` keeps.  `want` is as `has`. */
struct answer ask_shed(struct remote *m, const struct lk_resource *r, const struct ask *q);

/* More fences for a name that we have in a mode that writes, above all that there are. */
struct answer ask_fences(struct remote *m, const struct lk_resource *r);

/* Let it have this value, as we have it in a mode that writes; and what it has. */
struct answer ask_value(struct remote *m, const struct lk_resource *r, const struct ask *q);
int ask_for_value(struct remote *m, const struct lk_resource *r, struct lk_value *out);

/* Look only.  `is_hinted`: at what a hint has said, if that can be known (CO11). */
struct answer ask_look(struct remote *m, const struct lk_resource *r, bool is_hinted);

/* Has so much time gone by since that moment (of env_now()) that what the clock said then is not to be decided by?  (DE9) */
bool ask_is_old(const struct remote *m, uint64_t read_at);

/* The floor of all fences is at least so high: 0, or why the store does not say so. */
int ask_floor(struct remote *m, uint64_t floor);

/* … as the locks are not here: where they are, or where they come from, in words. */
void ask_where(struct remote *m, char *out, size_t cap);

/* Its memory. */
void ask_fini(struct remote *m);

/* The name of its record; its bytes. */
size_t ask_record_name(const struct lk_resource *r, unsigned char *buf);

/* The entry of a record's name, pinned; NULL: we have none. */
struct lk_resource *ask_named(struct remote *m, const void *record, size_t len);

#endif /* LK_REMOTE_ASK_H */
