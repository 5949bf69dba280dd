/* SPDX-License-Identifier: MIT */
/* --async: the whole server in one thread, in one loop. */
#ifndef RESPD_SINGLE_H
#define RESPD_SINGLE_H

#include <stdbool.h>

struct server;

/* Accept and serve connections until `stop_fd` can be read, then end them all.  False: errno. */
bool single_run(struct server *s, int stop_fd);

#endif /* RESPD_SINGLE_H */
