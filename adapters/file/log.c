/* SPDX-License-Identifier: MIT */
/* Logs.  (SF2, SF3) */
#include "file/log.h"

#include "file/map.h"
#include "file/stripe.h"

static int
say(struct file_store *s, uint32_t stripe, int error)
{
	char name[16];

	if (error == 0)
		return 0;
	file_stripe_name(stripe, name);
	return file_say(s, LK_E_STORE, name, error);
}

static int
write_to(struct file_store *s, uint32_t stripe, const void *bytes, size_t n, uint64_t at)
{
	return say(s, stripe, file_put(s, stripe, bytes, n, at));
}

static int
sync_one(struct file_store *s, uint32_t stripe)
{
	return say(s, stripe, io_sync(s->stripes[stripe].fd));
}

static int
clear(struct file_store *s, uint32_t stripe)
{
	static const uint64_t none = 0;

	return write_to(s, stripe, &none, sizeof(none), FILE_LOG_AT);
}

/* All but the home.  What cannot be cleared is looked after by who comes next. */
static void
clear_others(struct file_store *s, uint64_t stripes, uint32_t home)
{
	for (uint32_t i = file_next(stripes, home + 1); i < FILE_STRIPES_ALL;
	     i = file_next(stripes, i + 1))
		(void)clear(s, i);
}

/* ------------------------------------------------------------------------- make it */

static bool
is_sane(const struct file_patch *p, uint64_t stripes, size_t left)
{
	return left >= sizeof(*p) && p->stripe < FILE_STRIPES_ALL &&
	       (stripes & file_bit(p->stripe)) != 0 && p->len <= left - sizeof(*p) &&
	       p->at < INT64_MAX - UINT32_MAX;
}

static int
make(struct file_store *s, uint64_t stripes, const unsigned char *patches, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const struct file_patch *p =
			(const struct file_patch *)(const void *)(patches + at);
		int rc;

		if (!is_sane(p, stripes, len - at))
			return file_complain(s, LK_E_CORRUPT, "a log", "it makes no sense");
		rc = write_to(s, p->stripe, p + 1, p->len, p->at);
		if (rc != 0)
			return rc;
		at += sizeof(*p) + ((p->len + 7) & ~(size_t)7);
	}
	return (stripes & file_bit(FILE_DURABLE)) != 0 ? sync_one(s, FILE_DURABLE) : 0;
}

/* -------------------------------------------------------------------------- log it */

/* The log's head, and all of it that is short, in one write. */
static int
write_log(struct file_store *s, const struct file_log *log, const unsigned char *patches)
{
	unsigned char page[sizeof(*log) + FILE_LOG_INLINE];
	const bool is_inline = log->len <= FILE_LOG_INLINE;

	memcpy(page, log, sizeof(*log));
	if (is_inline)
		memcpy(page + sizeof(*log), patches, log->len);
	return write_to(s, log->home, page, sizeof(*log) + (is_inline ? log->len : 0), FILE_LOG_AT);
}

static int
write_see(struct file_store *s, const struct file_log *log)
{
	struct file_log see = { .magic = FILE_SEE_MAGIC,
				.stripes = log->stripes,
				.home = log->home };
	int rc = 0;

	file_seal(&see, s->key);
	for (uint32_t i = file_next(log->stripes, log->home + 1); i < FILE_STRIPES_ALL && rc == 0;
	     i = file_next(log->stripes, i + 1))
		rc = write_to(s, i, &see, sizeof(see), FILE_LOG_AT);
	return rc;
}

/* It is not known how much of the log is there: if it can be cleared, nothing is. */
static int
take_back(struct file_store *s, const struct file_log *log, int rc)
{
	if (clear(s, log->home) != 0)
		return LK_E_UNKNOWN;
	clear_others(s, log->stripes, log->home);
	return rc;
}

static int
prepare(struct file_store *s, const struct file_log *log, const unsigned char *patches)
{
	int rc = 0;

	if (log->len > FILE_LOG_INLINE)
		rc = write_to(s, log->home, patches, log->len, log->body_at);
	if (rc == 0)
		rc = write_see(s, log);
	if (rc != 0)
		clear_others(s, log->stripes, log->home);
	return rc;
}

/* From the first of these two writes on, whoever finds the log makes the update.  (SF2) */
static int
commit(struct file_store *s, const struct file_log *log, const unsigned char *patches)
{
	int rc = write_log(s, log, patches);

	if (rc != 0)
		return take_back(s, log, rc);
	if ((log->stripes & file_bit(FILE_DURABLE)) != 0 && sync_one(s, log->home) != 0)
		return take_back(s, log, LK_E_UNKNOWN); /* it may be on the disk */
	return 0;
}

/* A long log is behind the last extent: its room is given back. */
static void
cut(struct file_store *s, const struct file_log *log)
{
	struct file_stripe *home = &s->stripes[log->home];

	if (log->len <= FILE_LOG_INLINE)
		return;
	if (home->size > log->body_at)
		home->size = log->body_at; /* (SF10) */
	(void)io_truncate(home->fd, log->body_at);
}

/*
 * Make it, and clear the log.  Of one stripe alone the heads are the last patch, and the log is behind them: one write makes
 * the ones and clears the other, and a part of that write, which begins at the heads, leaves the log as it was.  (SF2)
 */
static int
make_and_clear(struct file_store *s, const struct file_log *log, const unsigned char *patches)
{
	struct {
		struct file_patch patch;
		unsigned char heads[FILE_LOG_AT];
		uint64_t no_log;
	} last;
	const size_t rest = log->len - offsetof(__typeof__(last), no_log);
	int rc;

	if (log->stripes == file_bit(log->home) && log->home != FILE_DURABLE) {
		memcpy(&last, patches + rest, offsetof(__typeof__(last), no_log));
		last.no_log = 0;
		if (last.patch.at == 0 && last.patch.len == sizeof(last.heads)) {
			rc = make(s, log->stripes, patches, rest);
			if (rc == 0)
				rc = write_to(s, log->home, last.heads,
					      sizeof(last.heads) + sizeof(last.no_log), 0);
			if (rc == 0)
				cut(s, log);
			return rc;
		}
	}
	rc = make(s, log->stripes, patches, log->len);
	if (rc == 0 && clear(s, log->home) == 0) { /* else it will be made once more */
		clear_others(s, log->stripes, log->home);
		cut(s, log);
	}
	return rc;
}

int
file_log_write(struct file_store *s, uint64_t stripes, const unsigned char *patches, size_t len)
{
	const uint32_t home = file_next(stripes, 0);
	struct file_log log = { .magic = FILE_LOG_MAGIC,
				.stripes = stripes,
				.home = home,
				.len = len,
				.body_sum = file_sum(patches, len, s->key) };
	int rc;

	log.body_at = len <= FILE_LOG_INLINE ? FILE_LOG_AT + sizeof(log)
					     : file_reserved(s->stripes[home].head.end);
	file_seal(&log, s->key);
	rc = prepare(s, &log, patches);
	if (rc == 0)
		rc = commit(s, &log, patches);
	if (rc != 0)
		return rc;
	return make_and_clear(s, &log, patches) == 0 ? 0 : LK_E_UNKNOWN;
}

/* -------------------------------------------------------------------- what is found */

static bool
is_good(const struct file_store *s, const struct file_log *log, uint32_t stripe)
{
	return log->magic == FILE_LOG_MAGIC && file_is_sealed(log, s->key) && log->home == stripe &&
	       file_next(log->stripes, 0) == stripe && log->len < UINT64_C(1) << 30;
}

/* `*body` NULL: it was not written to its end, so there is no update. */
static int
read_body(struct file_store *s, const struct file_log *log, unsigned char **body)
{
	int error;

	*body = place_alloc(&s->place, log->len);
	if (*body == NULL)
		return LK_E_NOMEM;
	error = io_read(s->stripes[log->home].fd, *body, log->len, log->body_at);
	if (error == 0 && file_sum(*body, log->len, s->key) == log->body_sum)
		return 0;
	place_free(&s->place, *body, log->len);
	*body = NULL;
	return error == 0 || error == IO_SHORT ? 0 : file_say(s, LK_E_STORE, "a log", error);
}

static int
redo(struct file_store *s, const struct file_log *log)
{
	unsigned char *body;
	int rc = read_body(s, log, &body);

	if (rc != 0 || body == NULL)
		return rc;
	for (uint32_t i = file_next(log->stripes, 0); i < FILE_STRIPES_ALL && rc == 0;
	     i = file_next(log->stripes, i + 1))
		rc = file_has_stripe(s, i) ? 0 : LK_E_CORRUPT;
	if (rc == 0)
		rc = make(s, log->stripes, body, log->len);
	if (rc == 0)
		rc = clear(s, log->home);
	if (rc == 0)
		cut(s, log);
	place_free(&s->place, body, log->len);
	return rc;
}

static int
recover_one(struct file_store *s, uint32_t stripe)
{
	struct file_log log;
	char name[16];
	int error = io_read(s->stripes[stripe].fd, &log, sizeof(log), FILE_LOG_AT);

	file_stripe_name(stripe, name);
	if (error == IO_SHORT)
		return 0; /* who reads its head will say so */
	if (error != 0)
		return file_say(s, LK_E_STORE, name, error);
	return is_good(s, &log, stripe) ? redo(s, &log) : 0;
}

/* Whatever it was, it is made, or never will be. */
static int
clear_found(struct file_store *s, uint32_t stripe)
{
	uint64_t magic = 0;
	int error = io_read(s->stripes[stripe].fd, &magic, sizeof(magic), FILE_LOG_AT);

	return error == 0 && magic != 0 ? clear(s, stripe) : 0;
}

int
file_log_recover(struct file_store *s)
{
	int rc = 0;

	for (uint32_t i = 0; i < FILE_STRIPES_ALL && rc == 0; i++) {
		if (file_has_stripe(s, i))
			rc = file_stripe_use(s, i, 0);
	}
	for (uint32_t i = 0; i < FILE_STRIPES_ALL && rc == 0; i++) {
		if (file_has_stripe(s, i))
			rc = recover_one(s, i);
	}
	for (uint32_t i = 0; i < FILE_STRIPES_ALL && rc == 0; i++) {
		if (file_has_stripe(s, i))
			rc = clear_found(s, i);
	}
	return rc;
}
