/* SPDX-License-Identifier: MIT */
/* The program that tests of processes start: as one of a crowd, or as a puppet that does what it is told. */
#ifndef TESTS_PROCESSES_CHILD_H
#define TESTS_PROCESSES_CHILD_H

/* BOARD PROCESS SEED URL: random locks until the board says stop. */
int crowd_main(char **args);

/* Commands on the standard input, a line of answer to each. */
int puppet_main(void);

#endif /* TESTS_PROCESSES_CHILD_H */
