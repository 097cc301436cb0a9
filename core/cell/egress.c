/*
 * Egress rules: contract/receptor-api.md 5. What a protocol may have is one
 * row of a table.
 */
#include "cell/egress.h"

#include <arpa/inet.h>

#include "cell/action.h"

static const struct protocol {
    const char *name;
    bool ports, icmp, log;
} protocols[] = {
    {"tcp", true, false, true},
    {"udp", true, false, false},
    {"icmp", false, true, false},
    {"all", false, false, true},
};

static const struct protocol *find_protocol(struct ccb_slice name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (ccb_slice_is(name, protocols[i].name))
            return &protocols[i];
    return NULL;
}

/* ---- destinations ------------------------------------------------------- */

/* Both families as 16 bytes, so that ranges compare bytewise. The width in
 * bits of the address as it was written, or 0: none. */
static int parse_ip(struct ccb_slice text, unsigned char out[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char cstr[INET6_ADDRSTRLEN + 1];

    if (text.len == 0 || text.len >= sizeof(cstr))
        return 0;
    memcpy(cstr, text.ptr, text.len);
    cstr[text.len] = '\0';
    if (strlen(cstr) != text.len)
        return 0;
    memcpy(out, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, cstr, out + 12) == 1)
        return 32;
    return inet_pton(AF_INET6, cstr, out) == 1 ? 128 : 0;
}

static bool is_prefix_length(struct ccb_slice text, int width)
{
    int value = 0;

    if (text.len == 0 || text.len > 3)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value <= width;
}

static bool is_destination(struct ccb_slice text)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    const char *dash = text.len ? memchr(text.ptr, '-', text.len) : NULL;
    const char *cut = slash ? slash : dash;
    unsigned char first[16], last[16];
    struct ccb_slice head = text, tail = {NULL, 0};
    int width;

    if (cut) {
        head.len = (size_t)(cut - text.ptr);
        tail = ccb_slice_make(cut + 1, text.len - head.len - 1);
    }
    width = parse_ip(head, first);
    if (width == 0)
        return false;
    if (slash)
        return is_prefix_length(tail, width);
    return !dash ||
           (parse_ip(tail, last) > 0 && memcmp(first, last, sizeof(last)) <= 0);
}

static void validate_destinations(struct ccb_buf *messages,
                                  const struct ccb_egress_rule *rule)
{
    const struct ccb_slice *items = rule->destinations.items;
    struct ccb_buf inside = {0};

    if (rule->destinations.count == 0)
        ccb_message_add(&inside, "Must have at least 1 destination");
    for (size_t i = 0; i < rule->destinations.count; i++)
        if (!is_destination(items[i]))
            ccb_message_add(&inside, "Invalid IP");
    if (inside.failed) {
        messages->failed = inside.failed;
    } else if (inside.len > 0) {
        ccb_message_add(messages, "Invalid field: destinations [ ");
        (void)ccb_buf_put_slice(messages, ccb_buf_slice(&inside));
        (void)ccb_buf_put(messages, " ]");
    }
    ccb_buf_destroy(&inside);
}

/* ---- ports -------------------------------------------------------------- */

static bool all_ports_given(const struct ccb_json_list *ports)
{
    const uint32_t *items = ports->items;

    for (size_t i = 0; i < ports->count; i++)
        if (items[i] < 1)
            return false;
    return ports->count > 0;
}

static void validate_ports(struct ccb_buf *messages,
                           const struct ccb_egress_rule *rule)
{
    if (rule->ports.given && rule->has_port_range)
        ccb_message_add(messages, "Invalid: ports and port_range provided");
    else if (rule->ports.given && !all_ports_given(&rule->ports))
        ccb_message_add(messages, "Invalid field: ports");
    else if (rule->has_port_range &&
             (rule->port_range.start < 1 || rule->port_range.end < 1 ||
              rule->port_range.start > rule->port_range.end))
        ccb_message_add(messages, "Invalid field: port_range");
    else if (!rule->ports.given && !rule->has_port_range)
        ccb_message_add(messages,
                        "Missing required field: ports or port_range");
}

static void validate_no_ports(struct ccb_buf *messages,
                              const struct ccb_egress_rule *rule)
{
    if (rule->ports.given)
        ccb_message_add(messages, "Invalid field: ports");
    if (rule->has_port_range)
        ccb_message_add(messages, "Invalid field: port_range");
}

/* ---- rules -------------------------------------------------------------- */

static void validate_rule(struct ccb_buf *messages,
                          const struct ccb_egress_rule *rule)
{
    const struct protocol *protocol = find_protocol(rule->protocol);

    if (!protocol)
        ccb_message_add(messages, "Invalid field: protocol");
    validate_destinations(messages, rule);
    if (!protocol)
        return;
    if (protocol->ports)
        validate_ports(messages, rule);
    else
        validate_no_ports(messages, rule);
    if (protocol->icmp != rule->has_icmp_info)
        ccb_message_add(messages, "Invalid field: icmp_info");
    if (rule->log && !protocol->log)
        ccb_message_add(messages, "Invalid field: log");
}

void ccb_egress_validate(struct ccb_buf *messages,
                         const struct ccb_json_list *rules)
{
    const struct ccb_egress_rule *items = rules->items;

    for (size_t i = 0; i < rules->count; i++)
        validate_rule(messages, &items[i]);
}

bool ccb_egress_ports_fit(const struct ccb_json_list *rules)
{
    const struct ccb_egress_rule *items = rules->items;

    for (size_t i = 0; i < rules->count; i++) {
        const uint32_t *ports = items[i].ports.items;

        if (items[i].port_range.start > UINT16_MAX ||
            items[i].port_range.end > UINT16_MAX)
            return false;
        for (size_t j = 0; j < items[i].ports.count; j++)
            if (ports[j] > UINT16_MAX)
                return false;
    }
    return true;
}

/* Checked rules have destinations and a protocol, so the form that leaves out
 * what is empty leaves out nothing; and it keeps ports whole. */
void ccb_egress_encode(struct ccb_json_writer *w,
                       const struct ccb_json_list *rules)
{
    ccb_put_egress_rules(w, rules, CCB_EGRESS_STAGING);
}
