/*
 * Look-up of a service's addresses in Consul's catalog, as a costly fact for
 * plugins (contract/stager.md C5): GET {url}/v1/catalog/service/NAME, the
 * member "Address" of each element, in Consul's order, as a JSON array.
 *
 * Belongs to one loop. It knows no service by name: its owner says which fact
 * is which service.
 */
#ifndef CCB_CONSUL_CATALOG_H
#define CCB_CONSUL_CATALOG_H

#include "net/http_client.h"
#include "net/loop.h"

/* `user` of ccb_catalog_gather; outlives the calls. */
struct ccb_catalog_service {
    struct ccb_http_client *client;
    const char *consul_cluster; /* as given; "" fails when used */
    const char *name;           /* "docker-registry" */
};

/* A struct ccb_fact_gatherer's gather (plugin/plugin.h). */
int ccb_catalog_gather(void *user, struct ccb_loop *loop,
                       void (*done)(void *token, int code,
                                    struct ccb_slice value, const char *error),
                       void *token);

#endif
