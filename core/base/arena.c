/*
 * The arena: chunks of growing size, cut from the front, freed together.
 *
 * Invariant: chunks of the regular sizes come from and go back to a short list
 * of the thread, so that a request costs no malloc once the thread is warm.
 * The arena itself lies at the start of its first chunk. Every allocation
 * counts for ccb_mem_fail_at, whether or not the heap was asked.
 */
#include "base/arena.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define FIRST_CHUNK ((size_t)4096)
#define CLASS_COUNT 5               /* 4, 8, 16, 32 and 64 KiB */
#define CLASS_OWN CLASS_COUNT       /* a chunk of one big request */
#define KEEP_BYTES ((size_t)262144) /* kept by a thread, of each size */
#define ALIGNMENT alignof(max_align_t)

/* Under the address sanitizer nothing is kept and what is not handed out is
 * poisoned: a use after free or past the end is seen. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
enum { keep_chunks = 0 };
#define POISON(ptr, size) ASAN_POISON_MEMORY_REGION(ptr, size)
#define UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION(ptr, size)
#else
enum { keep_chunks = 1 };
#define POISON(ptr, size) ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#endif

struct chunk {
    struct chunk *next;
    size_t size; /* with this header */
    unsigned class;
    alignas(max_align_t) char bytes[];
};

struct ccb_arena {
    struct chunk *chunks; /* the last one made in front, the first one last */
    char *pos, *end;      /* what is left of the current regular chunk */
    size_t taken;
    size_t refs;
    unsigned next_class;
};

struct kept {
    struct chunk *chunks;
    size_t count;
};
static _Thread_local struct kept kept[CLASS_COUNT];

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_made;

static void on_thread_end(void *unused)
{
    (void)unused;
    ccb_arena_drain();
}

static void make_key(void)
{
    key_made = pthread_key_create(&key, on_thread_end) == 0;
}

/* Whether this thread's list will be freed when the thread ends. */
static int watch_thread(void)
{
    (void)pthread_once(&key_once, make_key);
    return key_made && (pthread_getspecific(key) != NULL ||
                        pthread_setspecific(key, kept) == 0);
}

void ccb_arena_drain(void)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        while (kept[i].chunks != NULL) {
            struct chunk *chunk = kept[i].chunks;

            kept[i].chunks = chunk->next;
            free(chunk);
        }
        kept[i].count = 0;
    }
}

static struct chunk *chunk_create(unsigned class, size_t size)
{
    struct chunk *chunk;

    if (class != CLASS_OWN && kept[class].chunks != NULL) {
        chunk = kept[class].chunks;
        kept[class].chunks = chunk->next;
        kept[class].count--;
        return chunk;
    }
    chunk = malloc(size);
    if (chunk == NULL)
        return NULL;
    chunk->size = size;
    chunk->class = class;
    POISON(chunk->bytes, size - sizeof(*chunk));
    return chunk;
}

static void chunk_free(struct chunk *chunk)
{
    struct kept *list = &kept[chunk->class % CLASS_COUNT];

    if (keep_chunks && chunk->class != CLASS_OWN &&
        (list->count + 1) * chunk->size <= KEEP_BYTES && watch_thread()) {
        chunk->next = list->chunks;
        list->chunks = chunk;
        list->count++;
        return;
    }
    UNPOISON(chunk->bytes, chunk->size - sizeof(*chunk));
    free(chunk);
}

struct ccb_arena *ccb_arena_create(void)
{
    return ccb_arena_create_for(0);
}

struct ccb_arena *ccb_arena_create_for(size_t bytes)
{
    struct ccb_arena *arena;
    struct chunk *chunk = NULL;
    unsigned class = 0;

    while (class + 1 < CLASS_COUNT && FIRST_CHUNK << class < bytes)
        class ++;
    if (!ccb_mem_refuse())
        chunk = chunk_create(class, FIRST_CHUNK << class);
    if (chunk == NULL)
        return NULL;
    chunk->next = NULL;
    arena = (struct ccb_arena *)chunk->bytes;
    UNPOISON(arena, sizeof(*arena));
    arena->chunks = chunk;
    arena->pos = chunk->bytes + sizeof(*arena);
    arena->end = (char *)chunk + chunk->size;
    arena->taken = chunk->size;
    arena->refs = 1;
    arena->next_class = class + 1 < CLASS_COUNT ? class + 1 : class;
    return arena;
}

struct ccb_arena *ccb_arena_ref(struct ccb_arena *arena)
{
    arena->refs++;
    return arena;
}

void ccb_arena_unref(struct ccb_arena *arena)
{
    struct chunk *chunk;

    if (arena == NULL)
        return;
    arena->refs--;
    if (arena->refs > 0)
        return;
    chunk = arena->chunks;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        chunk_free(chunk); /* the last one holds the arena itself */
        chunk = next;
    }
}

/* A request too big for the next regular chunk: leaves the current one to
 * those that come after it. */
static char *take_own(struct ccb_arena *arena, size_t size)
{
    struct chunk *chunk;

    if (size > PTRDIFF_MAX - sizeof(*chunk))
        return NULL;
    chunk = chunk_create(CLASS_OWN, sizeof(*chunk) + size);
    if (chunk == NULL)
        return NULL;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->taken += chunk->size;
    return chunk->bytes;
}

static char *take_next(struct ccb_arena *arena, size_t size)
{
    unsigned class = arena->next_class;
    struct chunk *chunk;

    /* Over half of a chunk is big: it would mostly waste two of them. */
    if (size > (FIRST_CHUNK << class) / 2)
        return take_own(arena, size);
    chunk = chunk_create(class, FIRST_CHUNK << class);
    if (chunk == NULL)
        return NULL;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->taken += chunk->size;
    arena->pos = chunk->bytes + size;
    arena->end = (char *)chunk + chunk->size;
    if (arena->next_class < CLASS_COUNT - 1)
        arena->next_class++;
    return chunk->bytes;
}

static char *take(struct ccb_arena *arena, size_t size, size_t align)
{
    size_t pad = (size_t)(-(uintptr_t)arena->pos & (align - 1));
    size_t left = (size_t)(arena->end - arena->pos);
    char *bytes;

    if (ccb_mem_refuse())
        return NULL;
    if (pad <= left && size <= left - pad) {
        bytes = arena->pos + pad;
        arena->pos = bytes + size;
    } else {
        bytes = take_next(arena, size);
    }
    if (bytes != NULL)
        UNPOISON(bytes, size);
    return bytes;
}

void *ccb_arena_alloc(struct ccb_arena *arena, size_t size)
{
    char *bytes = take(arena, size, ALIGNMENT);

    if (bytes != NULL)
        memset(bytes, 0, size);
    return bytes;
}

char *ccb_arena_text(struct ccb_arena *arena, size_t size)
{
    return take(arena, size, 1);
}

char *ccb_arena_cstr(struct ccb_arena *arena, struct ccb_slice text)
{
    char *copy = text.len == SIZE_MAX ? NULL : take(arena, text.len + 1, 1);

    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

struct ccb_slice ccb_arena_copy(struct ccb_arena *arena, struct ccb_slice text)
{
    const char *copy = ccb_arena_cstr(arena, text);

    return ccb_slice_make(copy, copy == NULL ? 0 : text.len);
}

struct ccb_slice ccb_arena_format(struct ccb_arena *arena, const char *format,
                                  ...)
{
    struct ccb_slice none = {NULL, 0};
    char small[256];
    char *text;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (len < 0)
        return none;
    if ((size_t)len < sizeof(small))
        return ccb_arena_copy(arena, ccb_slice_make(small, (size_t)len));
    text = ccb_arena_text(arena, (size_t)len + 1);
    if (text == NULL)
        return none;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return ccb_slice_make(text, (size_t)len);
}

size_t ccb_arena_size(const struct ccb_arena *arena)
{
    return arena->taken;
}

static void *on_json_alloc(void *ctx, size_t size)
{
    return ccb_arena_alloc(ctx, size);
}

struct ccb_json_alloc ccb_arena_json(struct ccb_arena *arena)
{
    struct ccb_json_alloc alloc = {on_json_alloc, arena};

    return alloc;
}
