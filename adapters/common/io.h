/* SPDX-License-Identifier: MIT */
/*
 * The calls of the system that touch files, each in one place, so that tests can let them fail.  All return 0 or an errno;
 * none is cut short by a signal.
 */
#ifndef LK_ADAPTERS_IO_H
#define LK_ADAPTERS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define IO_SHORT (-1) /* the file ends before what was asked for */

int io_read(int fd, void *buf, size_t n, uint64_t at);

/* As much as there is: `*got` bytes. */
int io_read_some(int fd, void *buf, size_t n, uint64_t at, size_t *got);
int io_write(int fd, const void *buf, size_t n, uint64_t at);
int io_sync(int fd);

/* Room on the disk for these bytes, so that writing them later does not fail for want of it. */
int io_reserve(int fd, uint64_t at, uint64_t n);
int io_truncate(int fd, uint64_t size);

/* A plain file of ours: no link, nobody else's, and nobody else may write it.  EPERM if it is not that. */
int io_open(int dir, const char *name, int flags, int *fd);
int io_rename(int dir, const char *from, const char *to);
void io_remove(int dir, const char *name);
int io_stat(int fd, struct stat *out);

/* The size alone, in a third of the time: for files that are read and written where one says, as this moves where one is. */
int io_size(int fd, uint64_t *out);

/* Of a name in a folder, links not followed. */
int io_stat_at(int dir, const char *name, struct stat *out);
void io_close(int *fd);

enum io_lock { IO_UNLOCK, IO_LOCK_SHARED, IO_LOCK_EXCLUSIVE };

/* Try to lock a byte for this description.  EAGAIN: another one has it. */
int io_lock(int fd, uint64_t byte, enum io_lock how);

/* Has another description locked any of `n` bytes (0: all that follow)? */
int io_is_locked(int fd, uint64_t byte, uint64_t n, bool *is);

/* To memory that others read: not moved before what was copied so before, nor after what comes later.  Returns its end. */
void *io_copy(void *to, const void *from, size_t n);

/* In words. */
const char *io_text(int error);

#endif /* LK_ADAPTERS_IO_H */
