/*
 * Who there is inside a container: one table, from which /etc/passwd is
 * written and by which init finds the user of a step. Ids are the container's;
 * on the host each is higher by the container's uid_base. vcap is uid 2000 as
 * in the stacks.
 */
#ifndef CCB_CELL_CONTAINER_USERS_H
#define CCB_CELL_CONTAINER_USERS_H

#include <stddef.h>
#include <stdint.h>

#define CCB_CONTAINER_UIDS 65536U /* ids of one container */
#define CCB_CONTAINER_ADDRESS "10.254.0.2"

struct ccb_container_user {
    const char *name;
    uint32_t id; /* uid and gid */
    const char *home, *shell, *path;
};

/* NULL: there is no such user. */
const struct ccb_container_user *ccb_container_user_find(const char *name);
/* The i-th user, NULL behind the last. */
const struct ccb_container_user *ccb_container_user_at(size_t i);

#endif
