/*
 * What a service manager is told (sd_notify(3), systemd units of
 * Type=notify): datagrams to the socket that NOTIFY_SOCKET names. Without one
 * nothing is sent. The protocol is these few lines; its library would bring
 * more into the process than the daemon itself is.
 *
 * All of it on the main loop's thread.
 */
#ifndef CCB_DAEMON_NOTIFY_H
#define CCB_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

#include "base/log.h"

struct ccb_notify {
    int fd; /* -1: nobody wants to be told */
    struct sockaddr_un address;
    socklen_t address_len;
    bool failed; /* said once */
    struct ccb_log_session *log;
    uv_timer_t watchdog; /* alive, since the loop turns */
    bool watched;
};

/* Reads NOTIFY_SOCKET, and takes it out of the environment: what runs below
 * does not speak for us. A value that is no address is logged. */
void ccb_notify_open(struct ccb_notify *notify, struct ccb_log_session *log);
/* Tells "READY=1", and from then on, as often as WATCHDOG_USEC wants, that the
 * loop turns. */
void ccb_notify_ready(struct ccb_notify *notify, uv_loop_t *loop);
/* The end has begun, which may take its time: what is in flight is answered. */
void ccb_notify_stopping(struct ccb_notify *notify);
/* Before the loop can end. */
void ccb_notify_stop_watchdog(struct ccb_notify *notify);
void ccb_notify_close(struct ccb_notify *notify);

#endif
