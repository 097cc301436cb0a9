/*
 * The container's network: loopback and a veth pair with both ends inside, so
 * that programs find an address that is not loopback's. Nothing leads out:
 * there is no route, no end of anything on the host, and so nothing to clean
 * up there. The daemon comes in by sockets made in here (serve.c). Spoken to
 * the kernel over netlink, with rights over this name space only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cell/init/init.h"

#define OUTER "eth0"
#define INNER "eth0-peer"
#define PREFIX 30

/* A request under construction; large enough for all below. */
struct request {
    struct nlmsghdr head;
    char room[512];
};

static void *put_bytes(struct request *request, const void *bytes, size_t len)
{
    char *at = (char *)request + NLMSG_ALIGN(request->head.nlmsg_len);

    if (bytes != NULL)
        memcpy(at, bytes, len);
    request->head.nlmsg_len =
        NLMSG_ALIGN(request->head.nlmsg_len) + (uint32_t)len;
    return at;
}

static struct rtattr *put_attr(struct request *request, unsigned short type,
                               const void *bytes, size_t len)
{
    struct rtattr attr = {(unsigned short)RTA_LENGTH(len), type};
    struct rtattr *at = put_bytes(request, &attr, sizeof(attr));

    if (len > 0)
        (void)put_bytes(request, bytes, len);
    return at;
}

/* What was put since belongs inside `attr`. */
static void end_attr(struct request *request, struct rtattr *attr)
{
    attr->rta_len = (unsigned short)((char *)request + request->head.nlmsg_len -
                                     (char *)attr);
}

static void begin(struct request *request, unsigned short type, int flags,
                  const void *message, size_t len)
{
    memset(request, 0, sizeof(*request));
    request->head.nlmsg_len = NLMSG_HDRLEN;
    request->head.nlmsg_type = type;
    request->head.nlmsg_flags =
        (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    (void)put_bytes(request, message, len);
}

/* Sends and waits for the kernel's word; sets errno. */
static int ask(int socket, const struct request *request)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char room[1024];
    } reply;
    ssize_t n = send(socket, request, request->head.nlmsg_len, 0);

    if (n < 0)
        return -1;
    n = recv(socket, &reply, sizeof(reply), 0);
    if (n < (ssize_t)(sizeof(reply.head) + sizeof(reply.error.error)) ||
        reply.head.nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return -1;
    }
    errno = -reply.error.error;
    return errno != 0 ? -1 : 0;
}

static int make_pair(int socket)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    struct request request;
    struct rtattr *info, *data, *peer;

    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link,
          sizeof(link));
    (void)put_attr(&request, IFLA_IFNAME, OUTER, sizeof(OUTER));
    info = put_attr(&request, IFLA_LINKINFO, NULL, 0);
    (void)put_attr(&request, IFLA_INFO_KIND, "veth", 4);
    data = put_attr(&request, IFLA_INFO_DATA, NULL, 0);
    peer = put_attr(&request, VETH_INFO_PEER, NULL, 0);
    (void)put_bytes(&request, &link, sizeof(link));
    (void)put_attr(&request, IFLA_IFNAME, INNER, sizeof(INNER));
    end_attr(&request, peer);
    end_attr(&request, data);
    end_attr(&request, info);
    return ask(socket, &request);
}

static int bring_up(int socket, const char *name)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
                             .ifi_index = (int)if_nametoindex(name),
                             .ifi_flags = IFF_UP,
                             .ifi_change = IFF_UP};
    struct request request;

    begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
    return ask(socket, &request);
}

static int give_address(int socket)
{
    struct ifaddrmsg message = {.ifa_family = AF_INET,
                                .ifa_prefixlen = PREFIX,
                                .ifa_index = if_nametoindex(OUTER)};
    struct in_addr address;
    struct request request;

    (void)inet_pton(AF_INET, CCB_CONTAINER_ADDRESS, &address);
    begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &message,
          sizeof(message));
    (void)put_attr(&request, IFA_LOCAL, &address, sizeof(address));
    (void)put_attr(&request, IFA_ADDRESS, &address, sizeof(address));
    return ask(socket, &request);
}

int ccb_init_network(struct ccb_error *err)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const char *what = "netlink socket";
    int result = fd < 0 ? -1 : 0;

    if (result == 0)
        result = bring_up(fd, what = "lo");
    if (result == 0) {
        what = "veth pair (is the kernel's module veth there?)";
        result = make_pair(fd);
    }
    if (result == 0)
        result = bring_up(fd, what = INNER);
    if (result == 0)
        result = bring_up(fd, what = OUTER);
    if (result == 0) {
        what = "address " CCB_CONTAINER_ADDRESS;
        result = give_address(fd);
    }
    if (result != 0)
        (void)ccb_error_set(err, CCB_IO, "container network: %s: %s", what,
                            strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return result != 0 ? CCB_IO : CCB_OK;
}
