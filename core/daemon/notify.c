/* Tells a service manager of readiness, life and the end (notify.h). */
#include "daemon/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"

#define NS_PER_MS 1000

static void say_failed(struct ccb_notify *notify, const char *why)
{
    if (!notify->failed)
        ccb_log_error(notify->log, "failed-to-notify", why);
    notify->failed = true;
}

static void tell(struct ccb_notify *notify, const char *text)
{
    if (notify->fd >= 0 &&
        sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
               (struct sockaddr *)&notify->address, notify->address_len) < 0)
        say_failed(notify, strerror(errno));
}

/* A path, or with '@' a name in the abstract space. */
static bool parse_address(struct ccb_notify *notify, const char *text)
{
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || len < 2 ||
        len >= sizeof(notify->address.sun_path))
        return false;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, text, len);
    if (text[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

void ccb_notify_open(struct ccb_notify *notify, struct ccb_log_session *log)
{
    const char *text = getenv("NOTIFY_SOCKET");
    *notify = (struct ccb_notify){.fd = -1, .log = log};
    if (!text || !text[0])
        return;
    if (!parse_address(notify, text)) {
        say_failed(notify, "NOTIFY_SOCKET is neither a path nor @NAME");
    } else {
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify->fd < 0)
            say_failed(notify, strerror(errno));
    }
    unsetenv("NOTIFY_SOCKET");
}

static void on_alive(uv_timer_t *timer)
{
    tell(timer->data, "WATCHDOG=1");
}

/* How often, in ms; 0: nobody watches this process. */
static uint64_t find_interval(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
    int64_t number, wanted;
    if (!usec || ccb_number_parse(ccb_slice_of(usec), &wanted) < 0 ||
        wanted <= 0)
        return 0;
    if (pid && (ccb_number_parse(ccb_slice_of(pid), &number) < 0 ||
                number != (int64_t)getpid()))
        return 0;
    return (uint64_t)wanted / NS_PER_MS / 3 + 1;
}

void ccb_notify_ready(struct ccb_notify *notify, uv_loop_t *loop)
{
    uint64_t interval = notify->fd >= 0 ? find_interval() : 0;
    tell(notify, "READY=1");
    if (interval == 0)
        return;
    uv_timer_init(loop, &notify->watchdog);
    notify->watchdog.data = notify;
    uv_timer_start(&notify->watchdog, on_alive, interval, interval);
    notify->watched = true;
}

void ccb_notify_stopping(struct ccb_notify *notify)
{
    tell(notify, "STOPPING=1");
}

void ccb_notify_stop_watchdog(struct ccb_notify *notify)
{
    if (notify->watched)
        uv_close((uv_handle_t *)&notify->watchdog, NULL);
    notify->watched = false;
}

void ccb_notify_close(struct ccb_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
