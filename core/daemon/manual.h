/*
 * The daemon's manual page and its completion for bash, from the tables of
 * roles and flags. Each puts its text into `out`, whose errors stick.
 */
#ifndef CCB_DAEMON_MANUAL_H
#define CCB_DAEMON_MANUAL_H

/* `ccbridged man` and `ccbridged completion bash`: main's arguments; the
 * status to exit with. */
int ccb_man_command(int argc, char **argv);
int ccb_completion_command(int argc, char **argv);

#endif
