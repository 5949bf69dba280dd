/* SPDX-License-Identifier: MIT */
/*
 * Sessions of a store in a folder: a slot in the file `sessions` says who, a locked byte of `space`, its *beacon*, that it
 * lives.  The kernel unlocks it when the last descriptor of that opening is gone: so when the process is killed.
 *
 * SE1  a session is alive if and only if its slot has its id and its beacon is locked.
 * SE2  a slot is given away with the table locked, and its beacon is locked before it is written.
 * SE3  what cannot be read counts as alive as long as any beacon is locked that may be its.
 * SE4  a child closes what it has of the descriptors before fork() returns there; programs that are started do not get
 *      them (O_CLOEXEC).  So they keep nobody alive.
 */
#ifndef LK_ADAPTERS_FILE_SESSIONS_H
#define LK_ADAPTERS_FILE_SESSIONS_H

#include <latchkey/store.h>

int file_session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		      const char *who, uint64_t deadline_ns);
int file_session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int file_session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns);
int file_session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		       unsigned char *alive, uint64_t deadline_ns);
int file_session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		     uint64_t deadline_ns);

struct file_store;

/* All of this opening. */
void file_sessions_end(struct file_store *s);

#endif /* LK_ADAPTERS_FILE_SESSIONS_H */
