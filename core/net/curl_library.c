/* Loads libcurl once; a failure is remembered and said to every caller. */
#include "net/curl_library.h"

#include <dlfcn.h>
#include <uv.h>

#define LIBRARY "libcurl.so.4"

struct ccb_curl_library ccb_curl;

static uv_once_t once = UV_ONCE_INIT;
static struct ccb_error failure;

static void *find(void *library, const char *name)
{
    void *address = library ? dlsym(library, name) : NULL;

    if (!address && failure.code == 0)
        (void)ccb_error_set(&failure, CCB_NOT_FOUND, "%s: %s", LIBRARY,
                            dlerror());
    return address;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    /* A pointer to a function from one to data: POSIX lets us. */
#define FIND(name)                                                             \
    *(void **)(void *)&ccb_curl.name = find(library, "curl_" #name);
    CCB_CURL_FUNCTIONS(FIND)
#undef FIND
    if (failure.code == 0 &&
        ccb_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        (void)ccb_error_set(&failure, CCB_FAILED, "%s can't be set up",
                            LIBRARY);
}

int ccb_curl_load(struct ccb_error *err)
{
    uv_once(&once, load);
    if (failure.code != 0 && err)
        *err = failure;
    return failure.code;
}
