/* SPDX-License-Identifier: MIT */
/*
 * Bound: how much comes first here, at most, when somebody abroad waits for a name of this process.  Else he has it when the line
 * here comes to him, who stands in it as the phantom.
 *
 * BN1 it is counted from when the phantom stands in the line because somebody asked; not from when a cover goes early (LG6), unless
 *     somebody then asks.
 * BN2 of the requests that stand before it then, and for which it waits by their place alone, `max_local_passes` come first; all others
 *     go behind it, and so do all who come later.
 * BN3 once it has waited for `max_cover_ns`, none comes first.
 * BN4 each is done once, for each time that the phantom comes to stand in the line: so who is let past it, as they would wait for each
 *     other else, stays there.
 */
#ifndef LK_REMOTE_BOUND_H
#define LK_REMOTE_BOUND_H

#include <stdbool.h>
#include <stdint.h>

struct cover;

/* What has become of the phantom in the line. */
struct bound {
	bool is_asked;     /* somebody abroad waits for it … */
	bool is_first;     /* … and nobody here comes first any more */
	uint64_t since_ns; /* … on the clock of env_now() */
};

/* It has come to stand in the line; somebody abroad waits for it. */
void bound_begins(struct cover *c);
void bound_asked(struct cover *c);

/* Is its time over?  (BN3) */
void bound_ends(struct cover *c);

/* In `ns` it is to be looked at, or before that. */
uint64_t bound_sooner(const struct cover *c, uint64_t ns);

#endif /* LK_REMOTE_BOUND_H */
