/*
 * Reads the command line. The program is told what to be by the name it is
 * called by, or by its first word; then flags follow in Go's syntax.
 */
#include "daemon/options.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/recipe.h"
#include "daemon/roles.h"

#define AT(member) offsetof(struct ccb_options, member)

static const struct ccb_flag process_flags[] = {
    {.name = "debugAddr",
     .type = CCB_FLAG_STRING,
     .offset = AT(debug_addr),
     .placeholder = "HOST:PORT",
     .help = "Serve metrics and the log level switch here; empty: do not"},
    {.name = "dropsondeAddr",
     .type = CCB_FLAG_STRING,
     .offset = AT(dropsonde_addr),
     .default_text = "127.0.0.1:3457",
     .placeholder = "HOST:PORT",
     .help = "Send the historic metrics there by UDP, as dropsonde envelopes; "
             "empty: do not"},
    {.name = "logLevel",
     .type = CCB_FLAG_STRING,
     .offset = AT(log_level),
     .default_text = "info",
     .placeholder = "LEVEL",
     .help = "Least level that is logged: debug, info, error or fatal"},
    {.name = "workers",
     .type = CCB_FLAG_UINT,
     .offset = AT(workers),
     .default_text = "1",
     .placeholder = "N",
     .help = "Event loops that share the listening addresses, 1 to 64"},
    {.name = "listenHost",
     .type = CCB_FLAG_STRING,
     .offset = AT(listen_host),
     .default_text = "0.0.0.0",
     .placeholder = "ADDRESS",
     .help = "Where roles listen whose own flag gives only a port"},
    {.name = "stateDir",
     .type = CCB_FLAG_STRING,
     .offset = AT(state_dir),
     .placeholder = "DIR",
     .help = "Where what must last is kept; roles are looked into through the "
             "socket control.sock there"},
    {.name = "portBase",
     .type = CCB_FLAG_UINT,
     .offset = AT(port_base),
     .default_text = CCB_STANDALONE_PORT,
     .placeholder = "PORT",
     .help = "First of the ports that `all` takes where no address is given"},
    {.name = "pluginDir",
     .type = CCB_FLAG_STRING,
     .offset = AT(plugin_dirs),
     .placeholder = "DIR[:DIR]",
     .help = "Where lifecycle plugins (*.so) are looked for; empty: beside the "
             "program, then the installed ones"},
    {.name = "lifecyclePlugin",
     .type = CCB_FLAG_PAIRS,
     .offset = AT(lifecycle_plugins),
     .placeholder = "KEY:ID",
     .help = "Serve a lifecycle, or LIFECYCLE/STACK, by the plugin of this id; "
             "repeatable"},
    {.name = "pluginTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(plugin_timeout),
     .default_text = "1s",
     .help = "Time limit of one call of a plugin"},
};

static const char synopsis[] =
    "Usage: ccbridged ROLE [flags]       run one role\n"
    "       ccbridged ROLE,ROLE [flags]  run these in one process\n"
    "       ccbridged all [flags]        run every role in one process\n"
    "       ccbridged ROLE -help         show a role's flags\n"
    "       ccbridged recipe [flags] [FILE]\n"
    "                                    show what recipe a message of CC\n"
    "                                    gives; nothing is sent\n"
    "       ccbridged -version           show the version\n"
    "\n"
    "Called through a link named like a role, it is that role. A flag that\n"
    "several roles have means all of them, -ROLE.flag means one.\n"
    "`all` without -diegoAPIURL runs containers on this machine itself, and\n"
    "without -ccBaseURL it is its own controller (see ccbridge up).\n"
    "\n"
    "Roles:\n";

static void print_synopsis(FILE *out)
{
    size_t i;
    fputs(synopsis, out);
    for (i = 0; i < ccb_role_count; i++)
        fprintf(out, "  %-16s %s\n", ccb_roles[i]->name, ccb_roles[i]->summary);
}

/* ---- which roles -------------------------------------------------------- */

static void add_role(struct ccb_options *options, const struct ccb_role *role)
{
    options->roles[options->role_count++] = role;
}

static int answer_word(const char *word)
{
    if (strcmp(word, "-version") == 0 || strcmp(word, "--version") == 0) {
        printf("ccbridged %s\n", CCB_VERSION);
        return 0;
    }
    if (strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 ||
        strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        print_synopsis(stdout);
        return 0;
    }
    fprintf(stderr, "ccbridged: there is no role \"%s\"\n\n", word);
    print_synopsis(stderr);
    return 2;
}

/* "ROLE" or "ROLE,ROLE". */
static int add_named(struct ccb_options *options, const char *words)
{
    const char *word = words;
    options->historic = strchr(words, ',') == NULL;
    for (;;) {
        size_t len = strcspn(word, ",");
        char name[64];
        const struct ccb_role *role;
        snprintf(name, sizeof(name), "%.*s", (int)len, word);
        role = len < sizeof(name) ? ccb_role_find(name) : NULL;
        if (!role || options->role_count == CCB_MAX_ROLES)
            return answer_word(name);
        add_role(options, role);
        if (!word[len])
            return -1;
        word += len + 1;
    }
}

/* The stand-ins are there where the real ones are not. */
static bool belongs(const struct ccb_standalone *standalone, const char *role)
{
    if (strcmp(role, "receptor") == 0)
        return standalone->own_cell;
    if (strcmp(role, "controller") == 0)
        return standalone->own_controller;
    return true;
}

static int add_all(struct ccb_options *options, int argc, char **argv)
{
    struct ccb_error err;
    size_t i;
    if (ccb_standalone_make(&options->standalone, argc, argv, &err) < 0) {
        fprintf(stderr, "ccbridged: %s\n", err.message);
        return 2;
    }
    for (i = 0; i < ccb_role_count; i++)
        if (belongs(&options->standalone, ccb_roles[i]->name))
            add_role(options, ccb_roles[i]);
    return -1;
}

/* The roles whose messages it shows lend their flags. */
static int add_recipe(struct ccb_options *options, int argc, char **argv)
{
    options->historic = true; /* as lenient as a role that runs alone */
    add_role(options, ccb_role_find("stager"));
    add_role(options, ccb_role_find("nsync-listener"));
    add_role(options, &ccb_recipe_role);
    return ccb_recipe_read_words(options, argc, argv);
}

/* Chooses the roles; *used is how many words of argv that took. */
static int choose_roles(struct ccb_options *options, int argc, char **argv,
                        int *used)
{
    const char *slash = strrchr(argv[0], '/');
    const struct ccb_role *role = ccb_role_find(slash ? slash + 1 : argv[0]);
    *used = 1;
    options->historic = true;
    if (role) {
        add_role(options, role);
        return -1;
    }
    if (argc < 2) {
        print_synopsis(stderr);
        return 2;
    }
    *used = 2;
    if (strcmp(argv[1], ccb_recipe_role.name) == 0)
        return add_recipe(options, argc - 2, argv + 2);
    if (strcmp(argv[1], "all") != 0)
        return add_named(options, argv[1]);
    options->historic = false;
    return add_all(options, argc - 2, argv + 2);
}

/* ---- their flags -------------------------------------------------------- */

static int make_configs(struct ccb_options *options, struct ccb_flag_set *sets)
{
    size_t i;
    for (i = 0; i < options->role_count; i++) {
        const struct ccb_role *role = options->roles[i];
        options->configs[i] = ccb_calloc(1, role->config_size);
        if (!options->configs[i])
            return CCB_NO_MEMORY;
        sets[i].prefix = role->name;
        sets[i].flags = role->flags;
        sets[i].count = role->flag_count;
        sets[i].values = options->configs[i];
    }
    return 0;
}

static size_t make_sets(struct ccb_options *options, struct ccb_flag_set *sets)
{
    size_t n = options->role_count;
    sets[n].prefix = NULL;
    sets[n].flags = process_flags;
    sets[n].count = sizeof(process_flags) / sizeof(process_flags[0]);
    sets[n].values = options;
    sets[n + 1].prefix = NULL;
    sets[n + 1].flags = ccb_http_limit_flags;
    sets[n + 1].count = ccb_http_limit_flag_count;
    sets[n + 1].values = &options->limits;
    return n + 2;
}

static int check_process_flags(const struct ccb_options *options)
{
    if (ccb_log_parse_level(options->log_level) < 0) {
        fprintf(stderr, "panic: unknown log level: %s\n", options->log_level);
        return 2;
    }
    if (options->workers < 1 || options->workers > CCB_MAX_WORKERS) {
        fprintf(stderr,
                "invalid value \"%llu\" for flag -workers: use 1 to %d\n",
                (unsigned long long)options->workers, CCB_MAX_WORKERS);
        return 2;
    }
    return -1;
}

int ccb_options_parse(struct ccb_options *options, int argc, char **argv)
{
    struct ccb_flag_set sets[CCB_MAX_ROLES + 2] = {0};
    char *const *words;
    int used, status;
    memset(options, 0, sizeof(*options));
    status = choose_roles(options, argc, argv, &used);
    if (status >= 0)
        return status;
    words = argv + used;
    argc -= used;
    if (options->standalone.argv) {
        words = options->standalone.argv;
        argc = options->standalone.argc;
    }
    if (make_configs(options, sets) < 0) {
        fputs("ccbridged: out of memory\n", stderr);
        return 1;
    }
    switch (ccb_flags_parse(sets, make_sets(options, sets), argc, words,
                            argv[0], stderr)) {
    case CCB_FLAGS_OK:
        return check_process_flags(options);
    case CCB_FLAGS_HELP:
        return used == 1 ? 2 : 0;
    default:
        return 2;
    }
}

void ccb_options_destroy(struct ccb_options *options)
{
    struct ccb_flag_set sets[CCB_MAX_ROLES + 2] = {0};
    size_t i;
    for (i = 0; i < options->role_count; i++) {
        sets[i].flags = options->roles[i]->flags;
        sets[i].count = options->configs[i] ? options->roles[i]->flag_count : 0;
        sets[i].values = options->configs[i];
    }
    ccb_flags_destroy(sets, make_sets(options, sets));
    for (i = 0; i < options->role_count; i++)
        ccb_free(options->configs[i]);
    ccb_standalone_destroy(&options->standalone);
}
