/* SPDX-License-Identifier: MIT */
/* Locking stripes; and what is to be done if a log is found.  (SF1, SF2) */
#include "file/lock.h"

#include "file/dir.h"
#include "file/log.h"
#include "file/stripe.h"

uint64_t
file_all(const struct file_store *s)
{
	return (file_bit(s->n_stripes) - 1) | file_bit(FILE_DURABLE);
}

void
file_unlock(struct file_store *s, uint64_t stripes)
{
	for (uint32_t i = file_next(stripes, 0); i < FILE_STRIPES_ALL;
	     i = file_next(stripes, i + 1))
		file_gate_unlock(s, &s->stripes[i].gate);
}

int
file_lock_plain(struct file_store *s, uint64_t stripes, enum io_lock how, uint64_t deadline_ns)
{
	for (uint32_t i = file_next(stripes, 0); i < FILE_STRIPES_ALL;
	     i = file_next(stripes, i + 1)) {
		int rc = file_gate_lock(s, &s->stripes[i].gate, how, deadline_ns);

		if (rc != 0) {
			file_unlock(s, stripes & (file_bit(i) - 1));
			return rc;
		}
	}
	return 0;
}

static int
load(struct file_store *s, uint64_t stripes, bool *is_dirty)
{
	const uint64_t names = names_now(&s->names, s->dir);
	int rc = file_space_check(s, names);

	*is_dirty = false;
	if (rc != 0)
		return rc;
	for (uint32_t i = file_next(stripes, 0); i < FILE_STRIPES_ALL;
	     i = file_next(stripes, i + 1)) {
		bool is = false;

		rc = file_stripe_load(s, i, names, &is);
		if (rc != 0)
			return rc;
		*is_dirty |= is;
	}
	return 0;
}

static int
recover(struct file_store *s, uint64_t deadline_ns)
{
	int rc;

	if (s->is_read_only)
		return file_complain(s, LK_E_STORE, "a log",
				     "somebody died in the middle of an update: who may write must "
				     "come first");
	rc = file_lock_plain(s, file_all(s), IO_LOCK_EXCLUSIVE, deadline_ns);
	if (rc != 0)
		return rc;
	rc = file_log_recover(s);
	file_unlock(s, file_all(s));
	return rc;
}

int
file_lock(struct file_store *s, uint64_t stripes, enum io_lock how, uint64_t deadline_ns)
{
	for (;;) {
		bool is_dirty;
		int rc = file_lock_plain(s, stripes, how, deadline_ns);

		if (rc != 0)
			return rc;
		rc = load(s, stripes, &is_dirty);
		if (rc == 0 && !is_dirty)
			return 0;
		file_unlock(s, stripes);
		if (rc == 0)
			rc = recover(s, deadline_ns);
		if (rc != 0)
			return rc;
	}
}
