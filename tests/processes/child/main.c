/* SPDX-License-Identifier: MIT */
/* usage: processes-child crowd BOARD PROCESS SEED URL;  processes-child puppet */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "child.h"

int
main(int argc, char **argv)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody outlives the test */
	if (argc == 6 && strcmp(argv[1], "crowd") == 0)
		return crowd_main(argv + 2);
	if (argc == 2 && strcmp(argv[1], "puppet") == 0)
		return puppet_main();
	fprintf(stderr, "the tests of processes start this program\n");
	return 2;
}
