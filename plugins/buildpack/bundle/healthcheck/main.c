/*
 * The health check's process: flags, one walk over the addresses, one word
 * (contract/lifecycle-healthcheck.md A2). Nothing is written on stderr but for
 * bad flags.
 */
#include <signal.h>
#include <stdio.h>

#include "base/flags.h"
#include "healthcheck.h"

#define TEXT(flag_name, member, default_value, words)                          \
    {                                                                          \
        .name = (flag_name), .type = CCB_FLAG_STRING,                          \
        .offset = offsetof(struct ccb_health_config, member),                  \
        .default_text = (default_value), .help = (words)                       \
    }

static const struct ccb_flag flags[] = {
    TEXT("network", network, "tcp", "network to dial (tcp, tcp4)"),
    TEXT("uri", uri, NULL, "path to get by HTTP; without it a port is checked"),
    TEXT("port", port, "8080", "port to check, by number or service name"),
    {.name = "timeout",
     .type = CCB_FLAG_DURATION,
     .offset = offsetof(struct ccb_health_config, timeout),
     .default_text = "1s",
     .help = "how long to wait for one address"},
};

static bool on_address(void *ctx, struct in_addr address)
{
    const struct ccb_health_config *config = ctx;

    return *config->uri != '\0' ? ccb_health_http(address, config)
                                : ccb_health_port(address, config);
}

int main(int argc, char **argv)
{
    struct ccb_health_config config;
    struct ccb_flag_set set = {NULL, flags, sizeof(flags) / sizeof(flags[0]),
                               &config};
    int words = argc > 1 ? argc - 1 : 0;
    bool passed;

    (void)signal(SIGPIPE, SIG_IGN);
    if (ccb_flags_parse(&set, 1, words, argv + (words > 0),
                        argc > 0 ? argv[0] : "healthcheck",
                        stderr) != CCB_FLAGS_OK)
        return 2;
    passed = ccb_health_each_address(on_address, &config);
    ccb_arena_drain();
    (void)puts(passed ? "healthcheck passed" : "healthcheck failed");
    return passed ? 0 : 1;
}
