/* SPDX-License-Identifier: MIT */
/*
 * Are the files of a folder still those that were open?  To ask for each by its name costs more than all else that an update
 * asks of the system; so the folder is asked when it has changed last.
 *
 * SF9   a name that was looked at stands for the same file as long as the folder's time of change is what it was before that
 *       look; if that was far enough from the change for the clock of such times to have gone on in between.
 */
#ifndef LK_ADAPTERS_NAMES_H
#define LK_ADAPTERS_NAMES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct names {
	pthread_mutex_t lock;
	struct timespec changed; /* what the folder said last */
	uint64_t since_ns;       /* when it was first heard */
	uint64_t number;         /* of the state of the folder: counts them */
	bool is_settled;         /* what changes now will be seen by the time of change */
};

void names_init(struct names *n);
void names_fini(struct names *n);

/*
 * The state of the folder now; 0: it may be another one in the next moment.  What is looked at after this call, and was as it
 * should be, is so as long as it returns the same.
 */
uint64_t names_now(struct names *n, int dir);

#endif /* LK_ADAPTERS_NAMES_H */
