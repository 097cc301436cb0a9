/*
 * ccbridge lifecycle plugins: the public ABI, major version 1.
 *
 * A lifecycle plugin is a shared object that knows how apps of one kind are
 * staged and run. The daemon asks it for recipes; it answers with JSON
 * documents; the daemon checks them and sends them to Diego. A plugin is a
 * pure function of the request: no I/O, no clock, no globals. Whatever it
 * needs arrives in the request as facts. That is what lets the daemon run it
 * in its own process or in another one, retry it, and test it with goldens.
 *
 * RULES OF THIS HEADER
 *
 *  1. The major versions of plugin and host must be equal. The entry symbol
 *     carries the major in its name, so that another major is found by name
 *     and refused by name.
 *  2. `abi_minor_required` must not be above the host's CCB_ABI_MINOR.
 *     `abi_minor_built` is only printed. State as required what you use, not
 *     what you built with: then a plugin built with a new SDK loads on an old
 *     host.
 *  3. Every struct that crosses starts with its own size and only grows at
 *     its end. Each side reads min(struct_size, its own sizeof); a member
 *     beyond that is NULL, which means "not offered".
 *  4. What is released never changes: name, layout, ownership, lifetime,
 *     nullability, thread rule, meaning of an error.
 *  5. Change comes as a new member, or as an interface of the next revision
 *     ("ccb.run/2"). Removal needs a new major.
 *  6. Numbers passed from host to plugin are not extended within a revision.
 *
 * OWNERSHIP, in one line: inputs are borrowed until return, outputs are copied
 * by `emit`, nothing is ever freed across the border.
 *
 * THREADS: [create] runs on one thread while no call is in flight; [call] runs
 * on any worker thread, one call at a time per instance (many at a time when
 * the manifest says "concurrent": true); never on an event loop.
 *
 * FORBIDDEN, and checked where it can be: fork, exec, sockets, files, signal
 * handlers, atexit, setenv, chdir, umask, setlocale, threads that outlive a
 * call, writing to descriptors 0 to 2.
 *
 * This header is clean C99 and C++11 and needs only the two headers below.
 * A helper library above it, ccbridge/sdk.h, is not ABI and may change.
 */
#ifndef CCBRIDGE_LIFECYCLE_H
#define CCBRIDGE_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions ----------------------------------------------------------- */

#define CCB_ABI_MAGIC UINT32_C(0x50424343) /* "CCBP" in the file */
#define CCB_ABI_MAJOR 1
#define CCB_ABI_MINOR 0

/* ---- results ------------------------------------------------------------ */

/*
 * What a plugin function returns: 0 for success, or one of these. The host
 * maps them by table to HTTP statuses and Cloud Controller error ids.
 *
 *   CCB_INVALID     -1  the message itself is wrong (the listener answers 400)
 *   CCB_NOT_FOUND   -2  names something that is not there
 *   CCB_UNSUPPORTED -3  understood, but not offered by this plugin
 *   CCB_TOO_LARGE   -4  over a limit; also what `emit` returns at its cap
 *   CCB_CANCELLED   -5  the plugin saw `cancelled` and stopped
 *   CCB_FAILED      -6  anything else
 *   CCB_NO_MEMORY   -7  `alloc` gave NULL
 *   CCB_NEED_FACTS  -8  after `need_facts`: gather them and call again
 *
 * They are defined in ccbridge/error.h, which plugins may include or not.
 */

/* ---- the request -------------------------------------------------------- */

/*
 * What a call is about. All slices are borrowed until the call returns.
 *
 * guid     staging guid, or process guid.
 * dialect  the back end's language for recipes: "receptor/1" (documents of
 *          the Receptor API). A plugin that can't speak it fails with
 *          CCB_UNSUPPORTED.
 * message  UTF-8 JSON, one value: see the interface functions.
 * facts    JSON object of cheap facts, the same for every request of a role:
 *            "lifecycles"        object, key -> bundle, as -lifecycle gave it
 *            "file_server_url", "cc_uploader_url"     strings
 *            "skip_cert_verify"                       bool
 *          and any further flag a role declares as a fact. A member a role
 *          does not have is absent.
 * gathered JSON object of the costly facts asked for with `need_facts`, name
 *          -> value; empty slice on the first call. What each name holds is
 *          listed at `need_facts`.
 */
struct ccb_request {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */
    struct ccb_slice guid;
    struct ccb_slice dialect;
    struct ccb_slice message;
    struct ccb_slice facts;
    struct ccb_slice gathered;
};

/* ---- host services ------------------------------------------------------ */

struct ccb_call; /* one invocation; opaque; valid until the call returns */

#define CCB_LOG_DEBUG 0
#define CCB_LOG_INFO 1
#define CCB_LOG_ERROR 2

/*
 * The services of the host. [thread-safe] functions may be called from any
 * thread during a call; all others only from the thread that was called.
 */
struct ccb_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* Appends to the result. The host copies at once. Returns 0, or
     * CCB_TOO_LARGE at the cap (1 MiB) and from then on. */
    int (*emit)(struct ccb_call *call, const char *bytes, size_t len);

    /* Zeroed scratch memory that the host frees when the call returns.
     * Aligned for any type. NULL when there is none left. */
    void *(*alloc)(struct ccb_call *call, size_t size);

    /* States why the call fails; the first one wins. `code` is one of the
     * negative results. `cc_error_id` is the id the Cloud Controller shows
     * (for example "StagingError"), or an empty slice. With a non-empty id
     * the text is shown to the app's developer as it is; without one it
     * stays in the daemon's log. Returns `code`. */
    int (*fail)(struct ccb_call *call, int code, struct ccb_slice cc_error_id,
                struct ccb_slice text);

    /* Asks for costly facts by name, comma-separated. The plugin then
     * returns CCB_NEED_FACTS (which is what this returns); the host gathers
     * them and calls again with `gathered` filled. Check the message before
     * you ask. Names:
     *   "ssh_keys"   {"host_key": PEM, "host_fingerprint": "aa:bb:...",
     *                 "user_key": PEM, "authorized_key": LINE}, fresh ones
     *   "docker_registries"  array of addresses */
    int (*need_facts)(struct ccb_call *call, struct ccb_slice names);

    /* One log line: action words and a JSON object (or an empty slice). The
     * host adds names and ids, drops values that look secret, and limits
     * the rate. [thread-safe] */
    void (*log)(struct ccb_call *call, int level, struct ccb_slice action,
                struct ccb_slice data);

    /* Milliseconds until the host gives up on this call. [thread-safe] */
    int64_t (*remaining_ms)(struct ccb_call *call);

    /* Non-zero once the result is no longer wanted. [thread-safe] */
    int (*cancelled)(struct ccb_call *call);

    /* Later services by id, e.g. "ccb.something/1"; NULL when not offered. */
    const void *(*get_service)(const struct ccb_host *host, const char *id);
};

/* ---- interfaces --------------------------------------------------------- */

struct ccb_instance; /* the plugin's own; opaque to the host */

/* All functions below are [call]. Each emits its result and returns 0, or
 * returns a negative code after `fail`. */

#define CCB_STAGING_1 "ccb.staging/1"
struct ccb_staging_1 {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */

    /* message: the staging request as the Cloud Controller sent it.
     * Emits a task recipe: an object of the Receptor's TaskCreateRequest
     * without the members the host owns (task_guid, domain, log_guid,
     * completion_callback_url, annotation). */
    int (*build_recipe)(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request);

    /* message: the finished task (task_guid, failed, failure_reason, result,
     * annotation), never a failed one: those the host answers itself.
     * Emits the Cloud Controller's staging result. CCB_INVALID when the
     * task's result is not what this lifecycle's builder writes. */
    int (*build_response)(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request);
};

#define CCB_RUN_1 "ccb.run/1"
struct ccb_run_1 {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */

    /* message: the desire request as the Cloud Controller sent it.
     * Emits a DesiredLRPCreateRequest without the members the host owns
     * (process_guid, domain, annotation). */
    int (*build_lrp)(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request);

    /* message: a one-off task request. Emits a task recipe. May be NULL. */
    int (*build_task)(struct ccb_instance *self, struct ccb_call *call,
                      const struct ccb_request *request);
};

#define CCB_PORTS_1 "ccb.ports/1"
struct ccb_ports_1 {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */

    /* message: the desire request. Emits an array of the container ports the
     * app listens on, the one for its routes first: [8080]. */
    int (*extract)(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request);
};

#define CCB_DOCKER_IMAGE_1 "ccb.docker-image/1"
struct ccb_docker_image_1 {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */

    /* message: {"docker_image": "..."}. Emits a JSON string, the rootfs. */
    int (*convert_uri)(struct ccb_instance *self, struct ccb_call *call,
                       const struct ccb_request *request);

    /* message: the staging request. Emits {"args": [...], "egress_rules":
     * [...]}, what caching the image adds to the recipe. */
    int (*cache_args)(struct ccb_instance *self, struct ccb_call *call,
                      const struct ccb_request *request);
};

#define CCB_SELFTEST_1 "ccb.selftest/1"
struct ccb_selftest_1 {
    uint32_t struct_size;
    uint32_t reserved; /* 0 */

    /* message: {}. Returns 0 when the plugin finds itself in order. */
    int (*run)(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request);
};

/* ---- the entry ---------------------------------------------------------- */

/*
 * The one symbol a plugin exports: const data, so nothing of the plugin runs
 * before the prefix is checked. The prefix is frozen for all majors.
 */
struct ccb_lifecycle_entry {
    /* frozen prefix */
    uint32_t magic;              /* CCB_ABI_MAGIC */
    uint16_t abi_major;          /* CCB_ABI_MAJOR */
    uint16_t abi_minor_built;    /* CCB_ABI_MINOR */
    uint16_t abi_minor_required; /* the lowest minor that is enough */
    uint16_t reserved;           /* 0 */
    uint32_t struct_size;        /* sizeof(struct ccb_lifecycle_entry) */
    /* end of the frozen prefix */

    const char *id;      /* e.g. "org.example.jar"; equals the manifest's */
    const char *version; /* the plugin's own, free text */

    /* [create] `config` is the JSON of plugins.d/ID.json's "config", or an
     * empty slice, borrowed until return; `host` stays valid for the life of
     * the instance. NULL: refused. */
    struct ccb_instance *(*create)(const struct ccb_host *host,
                                   struct ccb_slice config);

    /* [create] */
    void (*destroy)(struct ccb_instance *self);

    /* [create] A const table for an interface id, or NULL for any id that is
     * not offered, to the letter. */
    const void *(*get_interface)(struct ccb_instance *self, const char *id);
};

#if defined(__GNUC__)
#define CCB_EXPORT __attribute__((visibility("default")))
#else
#define CCB_EXPORT
#endif

/* The name carries the major. */
#define CCB_ENTRY_SYMBOL "ccb_lifecycle_entry_v1"
extern CCB_EXPORT const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1;

/* The head of an entry, ready to use: CCB_ENTRY_PREFIX(0), "id", ... */
#define CCB_ENTRY_PREFIX(minor_required)                                       \
    CCB_ABI_MAGIC, CCB_ABI_MAJOR, CCB_ABI_MINOR, (minor_required), 0,          \
        (uint32_t)sizeof(struct ccb_lifecycle_entry)

/* ---- the manifest ------------------------------------------------------- */

/*
 * What the file says of itself without being run: a JSON object in an ELF
 * note (section ".note.ccb", owner "CCB", type 1). Members:
 *   "manifest"    1, the format of this object
 *   "id"          the plugin's id, [a-z0-9.-], as in the entry
 *   "version"     the plugin's own version
 *   "claims"      keys it serves: "LIFECYCLE", "LIFECYCLE/STACK", with '*' at
 *                 the end of a stack as a wildcard: ["jar", "jar/linux*"]
 *   "interfaces"  the interface ids it offers
 *   "concurrent"  optional bool, parallel calls allowed
 *   "result_form" optional: the id of the plugin whose reading of a finished
 *                 task is right for this one's tasks too
 * Emit it with the macro, once, at file scope; the text is a string literal:
 *   CCB_MANIFEST("{\"manifest\":1,\"id\":\"org.example.jar\",...}");
 */
#define CCB_NOTE_SECTION ".note.ccb"
#define CCB_NOTE_OWNER "CCB"
#define CCB_NOTE_TYPE UINT32_C(1)

#define CCB_MANIFEST(json)                                                     \
    __attribute__((section(CCB_NOTE_SECTION), used,                            \
                   aligned(4))) static const struct {                          \
        uint32_t name_size;                                                    \
        uint32_t text_size;                                                    \
        uint32_t type;                                                         \
        char name[4];                                                          \
        char text[(sizeof(json) + 3) / 4 * 4];                                 \
    } ccb_manifest_note = {4, (uint32_t)sizeof(json) - 1, CCB_NOTE_TYPE,       \
                           CCB_NOTE_OWNER, json}

#ifdef __cplusplus
}
#endif

#endif
