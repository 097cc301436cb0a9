/*
 * What listener and bulker make recipes with: the facts that are their flags'
 * values, and who gathers the costly ones (contract/nsync.md 3). Made once a
 * process, then read only.
 */
#include "nsync/internal.h"
#include "role/facts.h"

int ccb_recipe_kit_init(struct ccb_recipe_kit *kit,
                        const struct ccb_flag *flags, size_t flag_count,
                        const void *config, const struct ccb_ssh_keys *ssh_keys,
                        struct ccb_error *err)
{
    kit->ssh_keys = *ssh_keys;
    kit->gatherers[0].name = "ssh_keys";
    kit->gatherers[0].gather = ccb_ssh_keys_gather;
    kit->gatherers[0].user = &kit->ssh_keys;
    return ccb_facts_init(&kit->facts, flags, flag_count, config, err);
}

void ccb_recipe_kit_destroy(struct ccb_recipe_kit *kit)
{
    ccb_facts_destroy(&kit->facts);
}

struct ccb_recipe_maker ccb_recipe_kit_maker(const struct ccb_recipe_kit *kit,
                                             const struct ccb_worker *worker,
                                             const struct ccb_diego *diego)
{
    return (struct ccb_recipe_maker){
        .loop = worker->loop,
        .plugins = worker->plugins,
        .dialect = ccb_diego_dialect(diego),
        .facts = &kit->facts,
        .gatherers = kit->gatherers,
        .gatherer_count = sizeof(kit->gatherers) / sizeof(kit->gatherers[0]),
    };
}

int ccb_recipe_kit_check(const char *ssh_key_type, const char **action,
                         struct ccb_error *err)
{
    if (ccb_ssh_key_type_check(ssh_key_type) == 0)
        return 0;
    *action = "Invalid SSH key type";
    return ccb_error_set(err, CCB_INVALID,
                         "sshKeyType %s: use rsa-1024, rsa-2048 or ecdsa-p256",
                         ssh_key_type);
}
