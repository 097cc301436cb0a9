/*
 * `ccbridged config check`: says what a start with these words would refuse.
 * Nothing is started, listened on, or made. Plugins are opened as for a start,
 * each in a process of its own, since a lifecycle needs one that claims it.
 */
#ifndef CCB_DAEMON_CONFIG_CHECK_H
#define CCB_DAEMON_CONFIG_CHECK_H

/* main's arguments, "config" the first behind the program. The status to exit
 * with: 0 when a start would go as far as to listen, else 2. */
int ccb_config_command(int argc, char **argv);

#endif
