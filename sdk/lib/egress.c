/*
 * Egress rules: from the Cloud Controller's message into a recipe, unchecked,
 * since the back end judges them (contract/stager.md B8, nsync.md 3.1).
 *
 * Invariant: what is left out and what is cut is the historic programs' doing
 * and differs between staging and running; nothing else changes on the way.
 */
#include "ccbridge/sdk.h"

#define RULE(member) offsetof(struct ccb_egress_rule, member)

static const struct ccb_json_field range_fields[] = {
    {.name = "start", .kind = CCB_JSON_K_UINT32, .offset = 0},
    {.name = "end",
     .kind = CCB_JSON_K_UINT32,
     .offset = RULE(port_range.end) - RULE(port_range)},
};
static const struct ccb_json_shape range_shape = {
    range_fields, 2, sizeof(((struct ccb_egress_rule *)0)->port_range)};

static const struct ccb_json_field icmp_fields[] = {
    {.name = "type", .kind = CCB_JSON_K_INT32, .offset = 0},
    {.name = "code",
     .kind = CCB_JSON_K_INT32,
     .offset = RULE(icmp_info.code) - RULE(icmp_info)},
};
static const struct ccb_json_shape icmp_shape = {
    icmp_fields, 2, sizeof(((struct ccb_egress_rule *)0)->icmp_info)};

static const struct ccb_json_field rule_fields[] = {
    {.name = "protocol", .kind = CCB_JSON_K_STRING, .offset = RULE(protocol)},
    {.name = "destinations",
     .kind = CCB_JSON_K_LIST,
     .offset = RULE(destinations),
     .element = CCB_JSON_K_STRING},
    {.name = "ports",
     .kind = CCB_JSON_K_LIST,
     .offset = RULE(ports),
     .element = CCB_JSON_K_UINT32},
    {.name = "port_range",
     .kind = CCB_JSON_K_OBJECT,
     .offset = RULE(port_range),
     .shape = &range_shape,
     .given = RULE(has_port_range) + 1},
    {.name = "icmp_info",
     .kind = CCB_JSON_K_OBJECT,
     .offset = RULE(icmp_info),
     .shape = &icmp_shape,
     .given = RULE(has_icmp_info) + 1},
    {.name = "log", .kind = CCB_JSON_K_BOOL, .offset = RULE(log)},
};

const struct ccb_json_shape ccb_egress_rule_shape = {
    rule_fields, sizeof(rule_fields) / sizeof(rule_fields[0]),
    sizeof(struct ccb_egress_rule)};

static void put_destinations(struct ccb_json_writer *w,
                             const struct ccb_json_list *list)
{
    const struct ccb_slice *items = list->items;
    size_t i;

    ccb_json_key(w, "destinations");
    if (!list->given) {
        ccb_json_put_null(w);
        return;
    }
    ccb_json_begin_array(w);
    for (i = 0; i < list->count; i++)
        ccb_json_put_string(w, items[i]);
    ccb_json_end_array(w);
}

static void put_ports(struct ccb_json_writer *w,
                      const struct ccb_json_list *list, uint32_t mask)
{
    const uint32_t *items = list->items;
    size_t i;

    if (list->count == 0)
        return;
    ccb_json_key(w, "ports");
    ccb_json_begin_array(w);
    for (i = 0; i < list->count; i++)
        ccb_json_put_uint(w, items[i] & mask);
    ccb_json_end_array(w);
}

static void put_pair(struct ccb_json_writer *w, const char *key,
                     const char *first, int64_t a, const char *second,
                     int64_t b)
{
    ccb_json_key(w, key);
    ccb_json_begin_object(w);
    ccb_json_member_int(w, first, a);
    ccb_json_member_int(w, second, b);
    ccb_json_end_object(w);
}

static void put_rule(struct ccb_json_writer *w,
                     const struct ccb_egress_rule *rule,
                     enum ccb_egress_form form)
{
    bool run = form == CCB_EGRESS_RUN;

    ccb_json_begin_object(w);
    if (run || rule->protocol.len > 0)
        ccb_json_member_string(w, "protocol", rule->protocol);
    if (run || rule->destinations.count > 0)
        put_destinations(w, &rule->destinations);
    put_ports(w, &rule->ports, run ? UINT16_MAX : UINT32_MAX);
    if (rule->has_port_range)
        put_pair(w, "port_range", "start", rule->port_range.start, "end",
                 rule->port_range.end);
    if (rule->has_icmp_info)
        put_pair(w, "icmp_info", "type", rule->icmp_info.type, "code",
                 rule->icmp_info.code);
    ccb_json_member_bool(w, "log", rule->log);
    ccb_json_end_object(w);
}

void ccb_put_egress_rules(struct ccb_json_writer *w,
                          const struct ccb_json_list *rules,
                          enum ccb_egress_form form)
{
    const struct ccb_egress_rule *items = rules->items;
    size_t i;

    if (rules->count == 0)
        return;
    ccb_json_key(w, "egress_rules");
    ccb_json_begin_array(w);
    for (i = 0; i < rules->count; i++)
        put_rule(w, &items[i], form);
    ccb_json_end_array(w);
}
