/*
 * Connecting under a deadline, and what a port's text means
 * (contract/lifecycle-healthcheck.md A2). Invariant: nothing here waits past
 * the deadline; names are looked for in files, since a static program can't
 * ask the system's name services.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ccbridge/error.h"
#include "healthcheck.h"

int64_t ccb_health_deadline(int64_t timeout)
{
    int64_t deadline;

    if (timeout == 0 ||
        __builtin_add_overflow(ccb_clock_monotonic(), timeout, &deadline))
        return 0;
    return deadline <= 0 ? 1 : deadline;
}

bool ccb_health_wait(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd poller = {fd, events, 0};
        int64_t left = -1;
        int ready;

        if (deadline != 0) {
            left = deadline - ccb_clock_monotonic();
            if (left <= 0)
                return false;
            left = left / CCB_MILLISECOND + 1;
        }
        ready = poll(&poller, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

static bool finish_connect(int fd, int64_t deadline)
{
    int number = 0;
    socklen_t size = sizeof(number);

    return ccb_health_wait(fd, POLLOUT, deadline) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 &&
           number == 0;
}

int ccb_health_dial(int type, struct in_addr address, uint16_t port,
                    int64_t deadline)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 &&
        (errno != EINPROGRESS || !finish_connect(fd, deadline))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* ---- ports -------------------------------------------------------------- */

/* One line of a services file: "http  80/tcp  www  # words". */
static bool line_names(char *line, const char *name, unsigned *number)
{
    static const char blanks[] = " \t\r\n";
    char *rest = line, *word;
    char protocol[8] = "";
    bool found = false;

    line[strcspn(line, "#")] = '\0';
    word = strsep(&rest, blanks);
    found = word != NULL && strcmp(word, name) == 0;
    while (rest != NULL && (word = strsep(&rest, blanks)) != NULL) {
        if (*word == '\0')
            continue;
        if (protocol[0] == '\0') {
            if (sscanf(word, "%5u/%7s", number, protocol) != 2)
                return false;
        } else if (strcmp(word, name) == 0) {
            found = true;
        }
    }
    return found && strcmp(protocol, "tcp") == 0 && *number <= 65535;
}

static int find_service(const char *name, const char *services_file,
                        uint16_t *port)
{
    static const struct {
        const char *name;
        uint16_t port;
    } known[] = {{"http", 80}, {"https", 443}, {"ssh", 22}, {"smtp", 25}};
    FILE *file = fopen(services_file, "re");
    char line[512];
    unsigned number;
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = line_names(line, name, &number);
    if (file != NULL)
        (void)fclose(file);
    if (found) {
        *port = (uint16_t)number;
        return 0;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *port = known[i].port;
            return 0;
        }
    }
    return CCB_NOT_FOUND;
}

int ccb_health_parse_port(struct ccb_slice text, const char *services_file,
                          uint16_t *port)
{
    unsigned value = 0;
    char name[64];
    size_t digits = 0;

    for (; digits < text.len && text.ptr[digits] >= '0' &&
           text.ptr[digits] <= '9' && value <= 65535;
         digits++)
        value = value * 10 + (unsigned)(text.ptr[digits] - '0');
    if (value > 65535)
        return CCB_NOT_FOUND;
    if (digits == text.len) { /* nothing at all means port 0 */
        *port = (uint16_t)value;
        return 0;
    }
    if (text.len >= sizeof(name))
        return CCB_NOT_FOUND;
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    return find_service(name, services_file, port);
}

bool ccb_health_port(struct in_addr address,
                     const struct ccb_health_config *config)
{
    static const struct {
        const char *name;
        int type;
    } networks[] = {{"tcp", SOCK_STREAM},
                    {"tcp4", SOCK_STREAM},
                    {"udp", SOCK_DGRAM},
                    {"udp4", SOCK_DGRAM}};
    uint16_t port;

    if (ccb_health_parse_port(ccb_slice_of(config->port), "/etc/services",
                              &port) != 0)
        return false;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        int fd;

        if (strcmp(config->network, networks[i].name) != 0)
            continue;
        fd = ccb_health_dial(networks[i].type, address, port,
                             ccb_health_deadline(config->timeout));
        if (fd >= 0)
            (void)close(fd);
        return fd >= 0;
    }
    return false;
}
