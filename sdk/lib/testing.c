/*
 * The host for tests of plugins (ccbridge/testing.h).
 *
 * Invariant: it behaves as lifecycle.h says a host does, and no better: memory
 * is zeroed and aligned, the first `fail` wins, `emit` stays failed at its
 * cap. Under the address sanitizer the gap behind an allocation is poisoned, so
 * that reading past one is seen.
 */
#include "ccbridge/testing.h"

#include <stdio.h>
#include <string.h>

#include "ccbridge/error.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#endif

#ifdef POISONS
#include <sanitizer/asan_interface.h>
#define POISON(at, len) ASAN_POISON_MEMORY_REGION(at, len)
#define UNPOISON(at, len) ASAN_UNPOISON_MEMORY_REGION(at, len)
#else
#define POISON(at, len) ((void)(at), (void)(len))
#define UNPOISON(at, len) ((void)(at), (void)(len))
#endif

#define ALIGNMENT 16
#define GAP 16 /* between two allocations */

/* ccb_call is the host's own type; here the call is the host itself. */
static struct ccb_test_host *host_of(struct ccb_call *call)
{
    return (struct ccb_test_host *)(void *)call;
}

static void keep_text(char *out, size_t size, struct ccb_slice text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static int emit(struct ccb_call *call, const char *bytes, size_t len)
{
    struct ccb_test_host *h = host_of(call);

    h->emits++;
    if (h->capped || len > h->output_size - h->result.len) {
        h->capped = 1;
        return CCB_TOO_LARGE;
    }
    if (len > 0)
        memcpy(h->output + h->result.len, bytes, len);
    h->result.len += len;
    return 0;
}

static void *alloc(struct ccb_call *call, size_t size)
{
    struct ccb_test_host *h = host_of(call);
    size_t over = (uintptr_t)(h->memory + h->memory_used) % ALIGNMENT;
    size_t start = h->memory_used + (over > 0 ? ALIGNMENT - over : 0);

    h->allocations++;
    if (h->fail_alloc_at > 0 && h->allocations >= h->fail_alloc_at)
        return NULL;
    if (start > h->memory_size || h->memory_size - start < GAP ||
        size > h->memory_size - start - GAP)
        return NULL;
    h->memory_used = start + size + GAP;
    UNPOISON(h->memory + start, size);
    POISON(h->memory + start + size, GAP);
    memset(h->memory + start, 0, size);
    return h->memory + start;
}

static int fail(struct ccb_call *call, int code, struct ccb_slice cc_error_id,
                struct ccb_slice text)
{
    struct ccb_test_host *h = host_of(call);

    if (h->code == 0) {
        h->code = code;
        keep_text(h->error_id, sizeof(h->error_id), cc_error_id);
        keep_text(h->error, sizeof(h->error), text);
    }
    return code;
}

static int need_facts(struct ccb_call *call, struct ccb_slice names)
{
    struct ccb_test_host *h = host_of(call);

    keep_text(h->facts, sizeof(h->facts), names);
    return CCB_NEED_FACTS;
}

static void append_log(struct ccb_test_host *h, struct ccb_slice text)
{
    size_t room = sizeof(h->log) - h->log_len;

    keep_text(h->log + h->log_len, room, text);
    h->log_len += text.len < room ? text.len : room - 1;
}

static void log_line(struct ccb_call *call, int level, struct ccb_slice action,
                     struct ccb_slice data)
{
    static const char *const levels[] = {"debug ", "info ", "error "};
    struct ccb_test_host *h = host_of(call);
    int known = level >= CCB_LOG_DEBUG && level <= CCB_LOG_ERROR;

    append_log(h, ccb_slice_of(known ? levels[level] : "unknown-level "));
    append_log(h, action);
    append_log(h, ccb_slice_of(data.len > 0 ? " " : ""));
    append_log(h, data);
    append_log(h, ccb_slice_of("\n"));
}

static int64_t remaining_ms(struct ccb_call *call)
{
    (void)call;
    return 1000;
}

static int cancelled(struct ccb_call *call)
{
    return host_of(call)->is_cancelled;
}

static const void *get_service(const struct ccb_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

void ccb_test_host_init(struct ccb_test_host *h, void *memory,
                        size_t memory_size, void *output, size_t output_size)
{
    memset(h, 0, sizeof(*h));
    h->host.struct_size = (uint32_t)sizeof(h->host);
    h->host.abi_major = CCB_ABI_MAJOR;
    h->host.abi_minor = CCB_ABI_MINOR;
    h->host.emit = emit;
    h->host.alloc = alloc;
    h->host.fail = fail;
    h->host.need_facts = need_facts;
    h->host.log = log_line;
    h->host.remaining_ms = remaining_ms;
    h->host.cancelled = cancelled;
    h->host.get_service = get_service;
    h->memory = memory;
    h->memory_size = memory_size;
    h->output = output;
    h->output_size = output_size;
}

void ccb_test_request_init(struct ccb_request *request)
{
    memset(request, 0, sizeof(*request));
    request->struct_size = (uint32_t)sizeof(*request);
    request->dialect = ccb_slice_of("receptor/1");
}

int ccb_test_host_call(struct ccb_test_host *h, ccb_test_function function,
                       struct ccb_instance *self,
                       const struct ccb_request *request)
{
    int code;

    h->result = ccb_slice_make(h->output, 0);
    h->code = 0;
    h->error_id[0] = h->error[0] = h->facts[0] = h->log[0] = '\0';
    h->log_len = h->allocations = h->emits = h->memory_used = 0;
    h->capped = 0;
    code = function(self, (struct ccb_call *)(void *)h, request);
    UNPOISON(h->memory, h->memory_used);
    return code;
}
