/* SPDX-License-Identifier: MIT */
/*
 * Variables of the process, and a file of text, byte by byte.  No call changes errno or is a cancellation point.
 */
#ifndef LK_BASE_TEXT_FILE_H
#define LK_BASE_TEXT_FILE_H

#include <stddef.h>

enum { TEXT_FILE_ROOM = 1024, TEXT_FILE_END = -1, TEXT_FILE_FAILED = -2 };

struct text_file {
	int fd;
	int error; /* errno of what failed */
	size_t at;
	size_t n;
	unsigned char bytes[TEXT_FILE_ROOM];
};

/* 0, or an errno; only a regular file is opened, so no pipe makes the caller wait. */
int text_file_open(struct text_file *f, const char *path);

/* The next byte, TEXT_FILE_END, or TEXT_FILE_FAILED. */
int text_file_next(struct text_file *f);

void text_file_close(struct text_file *f);

/* In words; as much as there is room for. */
void text_file_error(int error, char *out, size_t cap);

/* The variable, or NULL: not set, or the program runs with more rights than who started it has. */
const char *variable_get(const char *name);

#endif /* LK_BASE_TEXT_FILE_H */
