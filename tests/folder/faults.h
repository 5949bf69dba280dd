/* SPDX-License-Identifier: MIT */
/*
 * The system's calls of stores in folders, which fail on demand, or in the middle of which the process is killed.  The
 * linker puts them before those of the system (--wrap in the Makefile).  Only calls of the thread that said so take part.
 */
#ifndef TESTS_FOLDER_FAULTS_H
#define TESTS_FOLDER_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
	FAULT_PREAD,
	FAULT_PWRITE,
	FAULT_FSYNC,
	FAULT_FALLOCATE,
	FAULT_FTRUNCATE,
	FAULT_RENAME,
	FAULT_OPENAT,
	FAULT_FCNTL,
	FAULT_FSTAT,
	FAULT_FSTATAT,
	FAULT_LSEEK,
	FAULT_UNLINK,
	FAULT_MKDIR,
	FAULT_STATFS,
	FAULT_INOTIFY,
	FAULT_WATCH,
	FAULT_EVENTFD,
	FAULT_COPY, /* into a file in memory: it cannot fail, but be killed in the middle */
	FAULTS
};

enum how {
	HOW_ERROR,  /* it fails with `error` */
	HOW_SHORT,  /* a write writes half */
	HOW_KILLED, /* the process is killed before the call */
	HOW_HALF    /* … in the middle of it, if it writes */
};

/* From now on the n-th of those calls, and with `keep` all later ones; 0: none.  FAULTS: all that change files. */
void fault_at(enum fault f, uint64_t nth, bool keep, enum how how, int error);
uint64_t fault_hits(void);

/* Calls of that kind since then, whatever became of them. */
uint64_t fault_calls(void);
void faults_here(bool here);

/* What fstatfs(2) says from now on; 0: the truth. */
void faults_magic(uint32_t magic);

/* What is read as the boot's id from now on: the path of a file; NULL: the truth. */
void faults_boot(const char *path);

/* Called before each fsync(2) of a thread that takes part; NULL: not. */
void faults_on_sync(void (*fn)(int fd));

#endif /* TESTS_FOLDER_FAULTS_H */
