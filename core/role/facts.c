/* Turns flag values into the facts that plugins are given. */
#include "role/facts.h"

#include "base/mem.h"
#include "ccbridge/json.h"

struct ccb_facts_text {
    struct ccb_buf json;
};

static void put_pairs(struct ccb_json_writer *w, const struct ccb_pairs *pairs)
{
    size_t i;
    ccb_json_begin_object(w);
    for (i = 0; i < pairs->count; i++) {
        ccb_json_key_slice(w, pairs->items[i].key);
        ccb_json_put_string(w, pairs->items[i].value);
    }
    ccb_json_end_object(w);
}

static void put_value(struct ccb_json_writer *w, const struct ccb_flag *flag,
                      const char *value)
{
    const char *text;
    switch (flag->type) {
    case CCB_FLAG_STRING:
        memcpy(&text, value, sizeof(text));
        ccb_json_put_string(w, ccb_slice_of(text ? text : ""));
        break;
    case CCB_FLAG_BOOL:
        ccb_json_put_bool(w, *(const bool *)value);
        break;
    case CCB_FLAG_INT:
    case CCB_FLAG_DURATION:
        ccb_json_put_int(w, *(const int64_t *)value);
        break;
    case CCB_FLAG_UINT:
        ccb_json_put_uint(w, *(const uint64_t *)value);
        break;
    case CCB_FLAG_PAIRS:
        put_pairs(w, (const struct ccb_pairs *)value);
        break;
    }
}

void ccb_role_facts(struct ccb_buf *out, const struct ccb_flag *flags,
                    size_t flag_count, const void *config)
{
    struct ccb_json_writer w;
    size_t i;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    for (i = 0; i < flag_count; i++) {
        if (!flags[i].fact)
            continue;
        ccb_json_key(&w, flags[i].fact);
        put_value(&w, &flags[i], (const char *)config + flags[i].offset);
    }
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
}

/* ---- the text that calls take ------------------------------------------- */

struct ccb_facts_text *ccb_facts_text_create(const struct ccb_flag *flags,
                                             size_t flag_count,
                                             const void *config)
{
    struct ccb_facts_text *text = ccb_calloc(1, sizeof(*text));
    if (!text)
        return NULL;
    ccb_role_facts(&text->json, flags, flag_count, config);
    if (text->json.failed) {
        ccb_facts_text_free(text);
        text = NULL;
    }
    return text;
}

void ccb_facts_text_free(struct ccb_facts_text *text)
{
    if (text)
        ccb_buf_destroy(&text->json);
    ccb_free(text);
}

int ccb_facts_init(struct ccb_facts *facts, const struct ccb_flag *flags,
                   size_t flag_count, const void *config, struct ccb_error *err)
{
    struct ccb_facts_text *text =
        ccb_facts_text_create(flags, flag_count, config);
    atomic_init(&facts->now, text);
    return text ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

void ccb_facts_destroy(struct ccb_facts *facts)
{
    ccb_facts_text_free(ccb_facts_swap(facts, NULL));
}

struct ccb_slice ccb_facts_get(const struct ccb_facts *facts,
                               struct ccb_arena *arena)
{
    const struct ccb_facts_text *text = atomic_load(&facts->now);
    return ccb_arena_copy(arena, ccb_buf_slice(&text->json));
}

struct ccb_facts_text *ccb_facts_swap(struct ccb_facts *facts,
                                      struct ccb_facts_text *text)
{
    return atomic_exchange(&facts->now, text);
}
