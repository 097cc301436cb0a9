/*
 * Copying a docker image to a registry of the platform while its app is staged
 * ("caching"): who wants it, which registry, and what it adds to the recipe
 * (contract/stager.md C5, from row 7 on). Part of the helper library; not ABI.
 */
#ifndef CCBRIDGE_DOCKER_CACHE_H
#define CCBRIDGE_DOCKER_CACHE_H

#include "ccbridge/sdk.h"
#include "ccbridge/staging.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The image and the credentials of where it comes from: what CC's
 * lifecycle_data holds. */
struct ccb_docker_source {
    struct ccb_slice image, login_server, user, password, email;
};
extern const struct ccb_json_shape ccb_docker_source_shape;

/* Where it is copied to. Slices live as long as the call. */
struct ccb_docker_cache {
    bool wanted; /* when not, the rest is empty */
    bool insecure;
    struct ccb_slice host, port;
    struct ccb_json_list addresses; /* of struct ccb_slice, never empty */
};

/* Fills `out` from the request's environment and the facts. When caching is
 * wanted the first call checks the fact "docker_registry_address", asks for
 * "docker_registries" and returns CCB_NEED_FACTS: check all else before. 0, or
 * negative after `fail`. */
int ccb_docker_cache_find(struct ccb_sdk_call *c,
                          const struct ccb_staging_request *request,
                          struct ccb_docker_cache *out);

/* Adds the builder's arguments to `args`, none when caching is not wanted:
 * at most CCB_DOCKER_CACHE_ARGS. The number of those added is returned. */
#define CCB_DOCKER_CACHE_ARGS 17
size_t ccb_docker_cache_add_args(struct ccb_sdk_call *c,
                                 const struct ccb_docker_cache *cache,
                                 const struct ccb_docker_source *source,
                                 struct ccb_slice *args);

/* The request's egress rules, `times` over, and behind them one for each
 * address of the registry. In the call's memory. */
struct ccb_json_list ccb_docker_cache_make_rules(
    struct ccb_sdk_call *c, const struct ccb_docker_cache *cache,
    const struct ccb_staging_request *request, size_t times);

#ifdef __cplusplus
}
#endif

#endif
