/* SPDX-License-Identifier: MIT */
/*
 * Is a history serializable: could its transactions have run one by one?
 *
 * They are the points of a graph.  An arrow says who must come before whom:
 *
 *	wr   one wrote what the other read
 *	rw   one read what the other wrote over, or what was not there before the other wrote it
 *	ww   one wrote what the other wrote over
 *
 * A scan has read every row of its table that the history knows, also those that it did not see.  There is an order
 * to run them one by one if and only if no arrows lead in a ring (Adya 1999).  With locks that are kept to the end
 * that order is the one of the commits: every arrow has to point from a lower number to a higher one.
 */
#ifndef TXNKV_JUDGE_H
#define TXNKV_JUDGE_H

#include "history.h"

enum verdict {
	JUDGE_SERIAL,      /* they could have run one by one, in the order of their commits */
	JUDGE_OTHER_ORDER, /* … one by one, but in another order */
	JUDGE_CYCLE,       /* no */
	JUDGE_NO_WRITER    /* a version was read that nobody wrote, or a number was given twice */
};

/*
 * Judge it, and say in words what was found.  The records are put in the order of their commits.
 *
 * Returns 0, or LK_E_NOMEM: `*verdict` is not written.
 */
int judge(struct history *h, FILE *out, enum verdict *verdict);

#endif /* TXNKV_JUDGE_H */
