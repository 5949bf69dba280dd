/* SPDX-License-Identifier: MIT */
/*
 * Locks among threads and processes.  What processes lock are bytes of the file `space`, far behind its end, by open file
 * descriptions: the kernel drops them when the process dies, whatever else it closes.
 *
 * GA1  threads of one opening have one description between them, which does not keep them apart: so a gate lets one thread
 *      at a time come to its byte.
 * GA2  no two of these bytes are neighbours: the kernel never joins locks of one description, so that to unlock one never
 *      means to split another, for which it may lack memory.
 */
#ifndef LK_ADAPTERS_FILE_GATE_H
#define LK_ADAPTERS_FILE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/io.h"

#define FILE_BYTE_SETUP          (UINT64_C(1) << 40)
#define FILE_BYTE_TABLE          (FILE_BYTE_SETUP + 2)
#define FILE_BYTE_STRIPE(number) (FILE_BYTE_SETUP + 16 + 2 * (uint64_t)(number)) /* (GA2) */
#define FILE_BYTE_BEACON(slot)   ((UINT64_C(1) << 41) + 2 * (uint64_t)(slot))

struct file_gate {
	pthread_mutex_t mutex;
	pthread_cond_t news;
	bool is_taken;
	uint64_t byte;
};

void file_gate_init(struct file_gate *g, uint64_t byte);
void file_gate_fini(struct file_gate *g);

struct file_store;

/* 0; LK_E_TIMEDOUT; LK_E_STORE: the system does not lock. */
int file_gate_lock(struct file_store *s, struct file_gate *g, enum io_lock how,
		   uint64_t deadline_ns);
void file_gate_unlock(struct file_store *s, struct file_gate *g);

#endif /* LK_ADAPTERS_FILE_GATE_H */
