/*
 * The container's own addresses (contract/lifecycle-healthcheck.md A2).
 * Invariant: an address is judged by itself, whatever its interface is.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>

#include "healthcheck.h"

static bool is_loopback(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

bool ccb_health_each_address(bool (*check)(void *ctx, struct in_addr address),
                             void *ctx)
{
    struct ifaddrs *all;
    bool passed = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *one = all; one != NULL && !passed;
         one = one->ifa_next) {
        const struct sockaddr_in *in =
            (const struct sockaddr_in *)(const void *)one->ifa_addr;

        if (in != NULL && in->sin_family == AF_INET &&
            !is_loopback(in->sin_addr))
            passed = check(ctx, in->sin_addr);
    }
    freeifaddrs(all);
    return passed;
}
