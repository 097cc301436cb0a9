/*
 * Any bytes as an answer of Consul's: what is read can be put into a URL or a
 * JSON document, what is refused has words (core/consul/answers.h). The first
 * byte chooses what it is the answer to.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ccbridge/json.h"
#include "consul/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_code(int code, const struct ccb_error *err)
{
    check(code <= 0);
    check(code == 0 || (err->code == code && err->message[0] != '\0'));
}

static void check_id(const char *id)
{
    size_t len = strnlen(id, CCB_CONSUL_ID_SIZE);

    check(len > 0 && len < CCB_CONSUL_ID_SIZE);
    for (; *id != '\0'; id++)
        check(strchr("/?&#% \"", *id) == NULL && *id > ' ' && *id < 0x7f);
}

static int try_node(struct ccb_slice body, struct ccb_arena *arena,
                    struct ccb_error *err)
{
    struct ccb_slice name;
    int code = ccb_consul_read_node(body, arena, &name, err);

    check(code < 0 || name.len > 0);
    return code;
}

static int try_sessions(struct ccb_slice body, struct ccb_arena *arena,
                        struct ccb_error *err)
{
    struct ccb_consul_ids ids;
    int code = ccb_consul_read_sessions(body, "n", arena, &ids, err);

    for (size_t i = 0; code == 0 && i < ids.count; i++)
        check_id(ids.items[i]);
    return code;
}

static int try_session(struct ccb_slice body, struct ccb_arena *arena,
                       struct ccb_error *err)
{
    char id[CCB_CONSUL_ID_SIZE];
    int code = ccb_consul_read_session(body, id, err);

    (void)arena;
    if (code == 0)
        check_id(id);
    return code;
}

static int try_entry(struct ccb_slice body, struct ccb_arena *arena,
                     struct ccb_error *err)
{
    struct ccb_consul_entry entry;
    int code = ccb_consul_read_entry(body, "s", &entry, err);

    (void)arena;
    check(code < 0 || entry.there || entry.holder == CCB_CONSUL_NOBODY);
    return code;
}

static int try_small(struct ccb_slice body, struct ccb_arena *arena,
                     struct ccb_error *err)
{
    bool truth;
    int code = ccb_consul_read_truth(body, &truth, err);

    (void)arena;
    check_code(code, err);
    (void)ccb_consul_read_index(body);
    return ccb_consul_read_renewal(body, err);
}

static int try_addresses(struct ccb_slice body, struct ccb_arena *arena,
                         struct ccb_error *err)
{
    struct ccb_buf out = {0};
    struct ccb_json list;
    int code = ccb_consul_read_addresses(body, &out, err);

    (void)arena;
    if (code == 0) {
        check(ccb_json_parse(&list, ccb_buf_slice(&out), CCB_JSON_WHOLE,
                             NULL) == 0);
        check(list.type == CCB_JSON_ARRAY);
    }
    ccb_buf_destroy(&out);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const readers[])(struct ccb_slice body,
                                  struct ccb_arena * arena,
                                  struct ccb_error * err) = {
        try_node,  try_sessions, try_session,
        try_entry, try_small,    try_addresses,
    };
    struct ccb_error err = {0};
    struct ccb_arena *arena;

    if (size == 0)
        return 0;
    arena = ccb_arena_create();
    check(arena != NULL);
    check_code(
        readers[data[0] % 6](ccb_slice_make((const char *)data + 1, size - 1),
                             arena, &err),
        &err);
    ccb_arena_unref(arena);
    return 0;
}
