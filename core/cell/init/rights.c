/*
 * Which capabilities stay. They are of the container's own user name space
 * (bubblewrap has given up everything else), and what only the set-up needed
 * goes too: out of the bounding set, so that no child can have it again. Root
 * inside may then change owners, users and files of the container, no more: no
 * mount, no trace, no network administration.
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell/init/init.h"

static const int kept[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,
                           CAP_FSETID, CAP_KILL,         CAP_NET_BIND_SERVICE,
                           CAP_SETGID, CAP_SETUID};

static uint64_t kept_mask(void)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        mask |= UINT64_C(1) << kept[i];
    return mask;
}

static int narrow_bounds(uint64_t mask)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if ((mask >> cap & 1) == 0 && prctl(PR_CAPBSET_READ, cap) == 1 &&
            prctl(PR_CAPBSET_DROP, cap) != 0)
            return -1;
    return 0;
}

static int set_own(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32),
         .permitted = (uint32_t)(mask >> 32)}};

    return (int)syscall(SYS_capset, &header, data);
}

int ccb_init_drop(struct ccb_error *err)
{
    uint64_t mask = kept_mask();

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
        narrow_bounds(mask) != 0 || set_own(mask) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ccb_error_set(err, CCB_FAILED, "giving up rights: %s",
                             strerror(errno));
    return CCB_OK;
}
