/* SPDX-License-Identifier: MIT */
/* The functions of the commands, each in a file of its own. */
#ifndef LATCHKEY_CLI_COMMANDS_H
#define LATCHKEY_CLI_COMMANDS_H

struct call;

int acquire_run(struct call *c);
int bench_run(struct call *c);
int break_run(struct call *c);
int check_run(struct call *c);
int config_run(struct call *c);
int doctor_run(struct call *c);
int fence_run(struct call *c);
int guarantee_run(struct call *c);
int health_run(struct call *c);
int help_run(struct call *c);
int ls_run(struct call *c);
int metrics_run(struct call *c);
int migrate_run(struct call *c);
int release_run(struct call *c);
int renew_run(struct call *c);
int repair_run(struct call *c);
int run_run(struct call *c);
int stats_run(struct call *c);
int stdio_run(struct call *c);
int sweep_run(struct call *c);
int top_run(struct call *c);
int tree_run(struct call *c);
int watch_run(struct call *c);
int why_run(struct call *c);

#endif /* LATCHKEY_CLI_COMMANDS_H */
