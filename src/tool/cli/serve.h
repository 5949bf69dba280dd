/* SPDX-License-Identifier: MIT */
/*
 * `latchkey stdio`: what its parts share.
 *
 *   lines.c      lines in, lines out
 *   work.c       requests under way, in threads
 *   fields.c     what a request says, and what is answered
 *   grants.c     grants by their tokens
 *   ops.c        requests about locks
 *   views.c      requests that only look
 *   pairs.c      the form of keys and values
 *   shelf.c      what is kept of them beside their locks
 *   events.c     what happened, for those who subscribed
 *   stdio.c      the loop around all of it
 */
#ifndef LATCHKEY_CLI_SERVE_H
#define LATCHKEY_CLI_SERVE_H

#include "json.h"
#include "lines.h"
#include "work.h"

struct grants;
struct pairs;
struct events;

struct stdio {
	struct call *call;
	struct lk_manager *m;
	struct lines lines;
	struct work work;
	struct grants *grants;
	struct pairs *pairs;
	struct events *events;
	int separator; /* of names; LK_NO_SEPARATOR: they have none */
	bool ends;     /* "close" was asked for; of the first thread */
};

/* ---------------------------------------------------------------------------- fields.c */

struct name {
	unsigned char *bytes; /* the request's, or made: see name_free() */
	size_t len;
	bool is_made;
};

/*
 * A field of a request.  0; LK_E_INVAL: it is missing, or not what it should be, and `why` says so; LK_E_NOMEM.
 * What is optional is left as it is if it is not there.
 */
struct wrong {
	char text[160];
};
int wrong_say(struct wrong *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "name", or "name_hex": any bytes; so with other words in place of `word`. */
int field_bytes(const json_t *request, const char *word, struct name *out, struct wrong *why);
int value_bytes(const json_t *value, const char *word, struct name *out, struct wrong *why);
void name_free(struct name *n);
int field_text(const json_t *request, const char *word, const char **out, struct wrong *why);
int field_mode(const json_t *request, lk_mode *mode, struct wrong *why);
int field_number(const json_t *request, const char *word, uint64_t most, uint64_t *out,
		 struct wrong *why);
int field_bool(const json_t *request, const char *word, bool *out, struct wrong *why);

/* Milliseconds with a fraction, not negative, as nanoseconds; "Infinity" and more than INT64_MAX: `forever`. */
int field_ms(const json_t *request, const char *word, uint64_t forever, uint64_t *ns,
	     struct wrong *why);

/* Only these words, one after the other with blanks between them, and "id" and "op" are there. */
int fields_only(const json_t *request, const char *words, struct wrong *why);

/* One answer for each request.  `result` is given away. */
void answer(struct stdio *s, const json_t *id, json_t *result);
void answer_wrong(struct stdio *s, const json_t *id, int rc, const struct wrong *why);
/* An lk_why() function: adds it to an array. */
int blocker_add(void *array, const struct lk_blocker *b);
void answer_refused(struct stdio *s, const json_t *id, int rc, const struct lk_report *report);

/* ---------------------------------------------------------------------------- grants.c */

struct held {
	struct strand *strand; /* one use of it is the grant's */
	lk_grant grant;
};

struct grants *grants_make(void);

/* Nobody can release them any more: they go, and later ones as soon as they are told. */
void grants_close(struct stdio *s);
void grants_free(struct stdio *s);
bool grants_add(struct stdio *s, struct strand *strand, lk_grant g);

/* Whose grant a token is; with a use of the strand for the caller.  False: it is none of ours. */
bool grants_find(struct stdio *s, const char *token, struct held *out);
void grants_remove(struct stdio *s, lk_grant g);

/* ------------------------------------------------------------------------------ requests */

struct op {
	const char *name;
	const char *fields;
	void (*run)(struct stdio *s, struct job *j);
	enum { ON_ITS_OWN, ON_ITS_TOKEN, ON_PAIRS, AT_ONCE } where;
	bool may_wait;
};

extern const struct op ops_locks[], ops_views[], ops_pairs[], ops_events[];

struct pairs *pairs_make(struct stdio *s);
void pairs_free(struct stdio *s);
struct strand *pairs_strand(struct stdio *s);

/* A job of the strand's, so often: what has no end goes on. */
void pairs_renew(struct stdio *s, struct job *j);
uint64_t pairs_renew_ms(struct stdio *s);

/* The strand's job at the end: all of them go. */
void pairs_end(struct stdio *s, struct job *j);

struct events *events_make(struct stdio *s, struct lk_config *config, const char *url);
void events_free(struct stdio *s);

#endif /* LATCHKEY_CLI_SERVE_H */
