/*
 * Key pairs for apps that allow SSH, as a costly fact for plugins: contract/
 * nsync.md 3.2. Host pair first, then user pair, fresh ones for each recipe,
 * made in libuv's thread pool.
 */
#ifndef CCB_NSYNC_SSH_KEYS_H
#define CCB_NSYNC_SSH_KEYS_H

#include "base/log.h"
#include "net/loop.h"

struct ccb_ssh_keys {
    const char *type;            /* of -sshKeyType, checked */
    struct ccb_log_session *log; /* the component; NULL: failures are not
                                    logged, only reported */
};

/* "rsa-1024", "rsa-2048", "ecdsa-p256": CCB_NOT_FOUND for others. */
int ccb_ssh_key_type_check(const char *name);

/* The gatherer of "ssh_keys" (plugin/plugin.h); `user` is a struct
 * ccb_ssh_keys. */
int ccb_ssh_keys_gather(void *user, struct ccb_loop *loop,
                        void (*done)(void *token, int code,
                                     struct ccb_slice value, const char *error),
                        void *token);

#endif
