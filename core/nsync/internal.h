/* The inside of nsync: what both roles make recipes with, and the listener's
 * handlers with what they share. */
#ifndef CCB_NSYNC_INTERNAL_H
#define CCB_NSYNC_INTERNAL_H

#include "base/buf.h"
#include "diego/diego.h"
#include "nsync/recipe.h"
#include "nsync/ssh_keys.h"
#include "role/role.h"

/* ---- what recipes are made with, for both roles ------------------------- */

/* Once a process. */
struct ccb_recipe_kit {
    struct ccb_facts facts; /* the values of the flags that are facts */
    struct ccb_ssh_keys ssh_keys;
    struct ccb_fact_gatherer gatherers[1];
};
/* In place: the kit must not move. */
int ccb_recipe_kit_init(struct ccb_recipe_kit *kit,
                        const struct ccb_flag *flags, size_t flag_count,
                        const void *config, const struct ccb_ssh_keys *ssh_keys,
                        struct ccb_error *err);
void ccb_recipe_kit_destroy(struct ccb_recipe_kit *kit);
/* Once a worker: borrows all of them. */
struct ccb_recipe_maker ccb_recipe_kit_maker(const struct ccb_recipe_kit *kit,
                                             const struct ccb_worker *worker,
                                             const struct ccb_diego *diego);

/* The row of -sshKeyType; `at` is the offset of a const char *. */
#define CCB_SSH_KEY_TYPE_FLAG(at)                                              \
    {                                                                          \
        .name = "sshKeyType", .type = CCB_FLAG_STRING, .offset = (at),         \
        .default_text = "ecdsa-p256", .placeholder = "TYPE",                   \
        .help = "Keys made for apps that allow SSH: ecdsa-p256, rsa-2048, or " \
                "rsa-1024 (as the historic programs made them)"                \
    }
/* Refuses other values, with the action of the fatal line. */
int ccb_recipe_kit_check(const char *ssh_key_type, const char **action,
                         struct ccb_error *err);

/* ---- nsync-listener ----------------------------------------------------- */

struct ccb_listener_config {
    const char *nsync_url;
    const char *diego_api_url;
    const char *file_server_url;
    int64_t communication_timeout;
    struct ccb_pairs lifecycles;
    const char *ssh_key_type;
    bool take_turns;
};

/* Once a process. */
struct ccb_listener_shared {
    const struct ccb_listener_config *config;
    struct ccb_log_session *log;
    struct ccb_recipe_kit kit;
};

/* Once a worker. */
struct ccb_listener {
    struct ccb_listener_shared *shared;
    const struct ccb_worker *worker;
    struct ccb_diego *diego;
    struct ccb_recipe_maker maker;
};

/* Handlers; `user` is the struct ccb_listener. */
void ccb_listener_desire(struct ccb_http_request *request, void *user);
void ccb_listener_stop(struct ccb_http_request *request, void *user);
void ccb_listener_kill(struct ccb_http_request *request, void *user);

#endif
