/*
 * What the back end had when a pass began (nsync/snapshot.h).
 *
 * Three stores that only ever grow by a whole piece: text (guid and annotation
 * of each LRP, side by side, in chunks), entries (in segments, found by
 * number), and a table of 32-bit numbers that finds an entry by its guid. Only
 * the table is made anew as it grows, at 4 bytes a place. Routes are in a file
 * of their own.
 */
#include "nsync/snapshot.h"
#include "base/mem.h"
#include "base/scratch.h"
#include "nsync/route_file.h"

#define CHUNK_SIZE ((size_t)256 << 10)
#define SEGMENT_ENTRIES 4096
#define FIRST_TABLE 1024
#define MAX_COUNT (UINT32_MAX / 2)

/* 32 bytes; there may be hundreds of thousands. */
struct entry {
    const char *text; /* guid, then annotation */
    uint64_t routes_at;
    uint32_t guid_len, annotation_len;
    uint32_t hash;
    uint32_t routes_len : 31; /* 0: none were kept */
    uint32_t marked : 1;
};

struct chunk {
    struct chunk *next;
    char bytes[];
};

struct ccb_snapshot {
    struct ccb_route_file *file;
    struct chunk *chunks;
    size_t chunk_room; /* bytes left in the newest chunk */
    char *chunk_at;
    struct entry **segments;
    size_t segment_count, segment_room;
    uint32_t count;
    uint32_t *table;   /* number + 1 of an entry; 0: free */
    size_t table_size; /* a power of 2; at most three quarters are used */
};

/* ---- text --------------------------------------------------------------- */

static char *put_text(struct ccb_snapshot *s, size_t size)
{
    size_t chunk_size = size > CHUNK_SIZE ? size : CHUNK_SIZE;
    char *at;
    if (size > s->chunk_room) {
        struct chunk *chunk = ccb_malloc(sizeof(*chunk) + chunk_size);
        if (!chunk)
            return NULL;
        chunk->next = s->chunks;
        s->chunks = chunk;
        s->chunk_at = chunk->bytes;
        s->chunk_room = chunk_size;
    }
    at = s->chunk_at;
    s->chunk_at += size;
    s->chunk_room -= size;
    return at;
}

static void copy_to(char *at, struct ccb_slice text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
}

/* ---- entries ------------------------------------------------------------ */

static struct entry *entry_at(const struct ccb_snapshot *s, uint32_t at)
{
    return &s->segments[at / SEGMENT_ENTRIES][at % SEGMENT_ENTRIES];
}

static int add_segment(struct ccb_snapshot *s)
{
    struct entry *segment;
    if (s->segment_count == s->segment_room) {
        size_t room = s->segment_room ? 2 * s->segment_room : 16;
        struct entry **more =
            ccb_realloc(s->segments, room * sizeof(*s->segments));
        if (!more)
            return CCB_NO_MEMORY;
        s->segments = more;
        s->segment_room = room;
    }
    segment = ccb_calloc(SEGMENT_ENTRIES, sizeof(*segment));
    if (!segment)
        return CCB_NO_MEMORY;
    s->segments[s->segment_count++] = segment;
    return 0;
}

/* ---- the table ---------------------------------------------------------- */

/* FNV-1a, its bits then spread over the low ones, which the table uses. */
static uint32_t hash_of(struct ccb_slice guid)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t i;
    for (i = 0; i < guid.len; i++)
        hash = (hash ^ (unsigned char)guid.ptr[i]) * UINT64_C(1099511628211);
    return (uint32_t)(hash ^ (hash >> 32));
}

static bool is_entry(const struct entry *entry, uint32_t hash,
                     struct ccb_slice guid)
{
    return entry->hash == hash &&
           ccb_slice_equal(ccb_slice_make(entry->text, entry->guid_len), guid);
}

/* The place of the guid, or the free one where it would be. */
static uint32_t *find_place(const struct ccb_snapshot *s, uint32_t hash,
                            struct ccb_slice guid)
{
    size_t at = hash & (s->table_size - 1);
    while (s->table[at] != 0 &&
           !is_entry(entry_at(s, s->table[at] - 1), hash, guid))
        at = (at + 1) & (s->table_size - 1);
    return &s->table[at];
}

static int grow_table(struct ccb_snapshot *s)
{
    size_t size = s->table_size ? 2 * s->table_size : FIRST_TABLE;
    uint32_t *table = ccb_calloc(size, sizeof(*table));
    uint32_t i;
    if (!table)
        return CCB_NO_MEMORY;
    for (i = 0; i < s->count; i++) {
        size_t at = entry_at(s, i)->hash & (size - 1);
        while (table[at] != 0)
            at = (at + 1) & (size - 1);
        table[at] = i + 1;
    }
    ccb_free(s->table);
    s->table = table;
    s->table_size = size;
    return 0;
}

/* ---- its life ----------------------------------------------------------- */

int ccb_snapshot_create(struct ccb_snapshot **out, struct ccb_loop *loop,
                        void (*on_room)(void *user), void *user,
                        struct ccb_error *err)
{
    struct ccb_snapshot *s = ccb_calloc(1, sizeof(*s));
    if (s)
        s->file = ccb_route_file_open(loop, on_room, user);
    if (!s || !s->file || grow_table(s) < 0) {
        ccb_snapshot_free(s);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    *out = s;
    return 0;
}

void ccb_snapshot_free(struct ccb_snapshot *s)
{
    size_t i;
    if (!s)
        return;
    ccb_route_file_close(s->file);
    while (s->chunks) {
        struct chunk *chunk = s->chunks;
        s->chunks = chunk->next;
        ccb_free(chunk);
    }
    for (i = 0; i < s->segment_count; i++)
        ccb_free(s->segments[i]);
    ccb_free(s->segments);
    ccb_free(s->table);
    ccb_free(s);
}

/* ---- routes ------------------------------------------------------------- */

static bool is_kept(const struct ccb_json_iter *it)
{
    return !ccb_json_string_is(it->key, "cf-router");
}

/* Of the object that the kept routes make; 0: there are none. */
static size_t measure_routes(struct ccb_json routes)
{
    struct ccb_json_iter it = ccb_json_iter(routes);
    size_t size = 0;
    while (ccb_json_next(&it))
        if (is_kept(&it)) /* and a colon, and a comma or the brace */
            size += it.key.raw.len + it.value.raw.len + 2;
    return size > 0 ? size + 1 : 0;
}

static char *put_slice(char *at, struct ccb_slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static void write_routes(char *at, struct ccb_json routes)
{
    struct ccb_json_iter it = ccb_json_iter(routes);
    char before = '{';
    while (ccb_json_next(&it)) {
        if (!is_kept(&it))
            continue;
        *at++ = before;
        at = put_slice(at, it.key.raw);
        *at++ = ':';
        at = put_slice(at, it.value.raw);
        before = ',';
    }
    *at = '}';
}

static int keep_routes(struct ccb_snapshot *s, struct entry *entry,
                       struct ccb_json routes, struct ccb_error *err)
{
    size_t size = measure_routes(routes);
    char *room;
    int code;
    entry->routes_len = 0;
    if (size == 0)
        return 0;
    if (size >= UINT32_C(1) << 31)
        return ccb_error_set(err, CCB_INVALID, "routes: %zu bytes are too many",
                             size);
    code = ccb_route_file_put(s->file, size, &room, &entry->routes_at, err);
    if (code < 0)
        return code;
    write_routes(room, routes);
    entry->routes_len = (uint32_t)size & INT32_MAX;
    return 0;
}

/* ---- adding ------------------------------------------------------------- */

struct wire {
    struct ccb_slice process_guid, annotation;
    struct ccb_json routes;
};

static const struct ccb_json_field lrp_fields[] = {
    {.name = "process_guid",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire, process_guid)},
    {.name = "annotation",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire, annotation)},
    {.name = "routes",
     .kind = CCB_JSON_K_RAW,
     .offset = offsetof(struct wire, routes)},
};
static const struct ccb_json_shape lrp_shape = {lrp_fields, 3,
                                                sizeof(struct wire)};

static int check(const struct wire *wire, struct ccb_error *err)
{
    enum ccb_json_type routes = wire->routes.type;
    if (wire->process_guid.len == 0)
        return ccb_error_set(err, CCB_INVALID,
                             "a desired LRP has no process_guid");
    if (wire->process_guid.len > UINT32_MAX / 2 ||
        wire->annotation.len > UINT32_MAX / 2)
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "process_guid or annotation is too large");
    if (routes != CCB_JSON_OBJECT && routes != CCB_JSON_NULL &&
        routes != CCB_JSON_NONE)
        return ccb_error_set(
            err, CCB_INVALID, "routes of %.*s: expected an object",
            (int)(wire->process_guid.len > 100 ? 100 : wire->process_guid.len),
            wire->process_guid.ptr);
    return 0;
}

/* Room for one entry more, in segments and table. */
static int make_room(struct ccb_snapshot *s)
{
    if (s->count >= MAX_COUNT)
        return CCB_NO_MEMORY;
    if (s->count == s->segment_count * SEGMENT_ENTRIES && add_segment(s) < 0)
        return CCB_NO_MEMORY;
    return s->count + 1 > s->table_size / 4 * 3 ? grow_table(s) : 0;
}

/* The entry is changed last, when nothing can fail any more. */
static int put_entry(struct ccb_snapshot *s, const struct wire *wire,
                     struct ccb_error *err)
{
    struct entry entry = {.hash = hash_of(wire->process_guid)};
    size_t size = wire->process_guid.len + wire->annotation.len;
    uint32_t *place;
    char *text;
    int code = make_room(s);
    if (code == 0)
        code = keep_routes(s, &entry, wire->routes, err);
    else
        ccb_error_set(err, code, "out of memory");
    if (code < 0)
        return code;
    text = put_text(s, size);
    if (!text)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    copy_to(text, wire->process_guid);
    copy_to(text + wire->process_guid.len, wire->annotation);
    entry.text = text;
    entry.guid_len = (uint32_t)wire->process_guid.len;
    entry.annotation_len = (uint32_t)wire->annotation.len;
    place = find_place(s, entry.hash, wire->process_guid);
    if (*place == 0)
        *place = ++s->count;
    *entry_at(s, *place - 1) = entry;
    return 0;
}

int ccb_snapshot_add(struct ccb_snapshot *s, struct ccb_json lrp,
                     struct ccb_error *err)
{
    struct ccb_scratch scratch = {0};
    struct ccb_json_alloc alloc = ccb_scratch_json(&scratch);
    struct wire wire;
    int code = ccb_json_decode(lrp, &lrp_shape, &wire, &alloc, err);
    if (code == 0)
        code = check(&wire, err);
    if (code == 0)
        code = put_entry(s, &wire, err);
    ccb_scratch_clear(&scratch);
    return code < 0 ? code : ccb_route_file_full(s->file);
}

/* ---- looking ------------------------------------------------------------ */

uint32_t ccb_snapshot_count(const struct ccb_snapshot *s)
{
    return s->count;
}

uint32_t ccb_snapshot_find(const struct ccb_snapshot *s, struct ccb_slice guid)
{
    uint32_t number = *find_place(s, hash_of(guid), guid);
    return number == 0 ? CCB_SNAPSHOT_NONE : number - 1;
}

struct ccb_slice ccb_snapshot_guid(const struct ccb_snapshot *s, uint32_t at)
{
    const struct entry *entry = entry_at(s, at);
    return ccb_slice_make(entry->text, entry->guid_len);
}

struct ccb_slice ccb_snapshot_annotation(const struct ccb_snapshot *s,
                                         uint32_t at)
{
    const struct entry *entry = entry_at(s, at);
    return ccb_slice_make(entry->text + entry->guid_len, entry->annotation_len);
}

bool ccb_snapshot_mark(struct ccb_snapshot *s, uint32_t at)
{
    struct entry *entry = entry_at(s, at);
    bool first = !entry->marked;
    entry->marked = true;
    return first;
}

uint32_t ccb_snapshot_next_unmarked(const struct ccb_snapshot *s, uint32_t at)
{
    while (at < s->count && entry_at(s, at)->marked)
        at++;
    return at < s->count ? at : CCB_SNAPSHOT_NONE;
}

/* ---- reading routes ----------------------------------------------------- */

/* Lies in the arena of its reader. */
struct reading {
    void (*on_routes)(void *user, int code, struct ccb_json routes);
    void *user;
};

static void on_text(void *user, int code, struct ccb_slice text)
{
    const struct reading *reading = user;
    struct ccb_json routes = {CCB_JSON_NONE, {NULL, 0}};
    /* It was JSON when it was written. */
    if (code == 0 && text.len > 0 &&
        ccb_json_parse(&routes, text, CCB_JSON_WHOLE, NULL) < 0)
        code = CCB_IO;
    reading->on_routes(reading->user, code, routes);
}

int ccb_snapshot_read_routes(struct ccb_snapshot *s, uint32_t at,
                             struct ccb_arena *arena,
                             void (*on_routes)(void *user, int code,
                                               struct ccb_json routes),
                             void *user, struct ccb_error *err)
{
    const struct entry *entry = entry_at(s, at);
    struct reading *reading = ccb_arena_alloc(arena, sizeof(*reading));
    if (!reading)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    reading->on_routes = on_routes;
    reading->user = user;
    return ccb_route_file_read(s->file, entry->routes_at, entry->routes_len,
                               arena, on_text, reading, err);
}
