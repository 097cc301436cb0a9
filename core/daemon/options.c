/*
 * Reads the command line. The program is told what to be by the name it is
 * called by, or by its first word; then flags follow in Go's syntax.
 */
#include "daemon/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/recipe.h"
#include "daemon/roles.h"

#define AT(member) offsetof(struct ccb_options, member)

const struct ccb_flag ccb_process_flags[] = {
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
    {.name = "pluginPolicyDir",
     .type = CCB_FLAG_STRING,
     .offset = AT(plugin_policy_dir),
     .placeholder = "DIR",
     .help = "Where the operator's word on each plugin lies (ID.json); empty: "
             "plugins.d beside the program's directory, etc/ccbridge/plugins.d "
             "below it, then where it was configured to be "
             "(/etc/ccbridge/plugins.d)"},
    {.name = "pluginMode",
     .type = CCB_FLAG_STRING,
     .offset = AT(plugin_mode),
     .default_text = "default",
     .placeholder = "MODE",
     .help = "Where plugins run whose policy does not say: isolated, "
             "in-process, or default (in this process only those of ccbridge); "
             "CCBRIDGE_PLUGIN_MODE in the environment goes before the default"},
    {.name = "config",
     .type = CCB_FLAG_STRING,
     .offset = AT(config_path),
     .placeholder = "FILE",
     .help = "Take flags from this JSON object, too; those that were typed "
             "win; lifecycles are read again on SIGHUP"},
};

const size_t ccb_process_flag_count =
    sizeof(ccb_process_flags) / sizeof(ccb_process_flags[0]);

static const char synopsis[] =
    "Usage: ccbridged ROLE [flags]       run one role\n"
    "       ccbridged ROLE,ROLE [flags]  run these in one process\n"
    "       ccbridged all [flags]        run every role in one process\n"
    "       ccbridged ROLE -help         show a role's flags\n"
    "       ccbridged recipe [flags] [FILE]\n"
    "                                    show what recipe a message of CC\n"
    "                                    gives; nothing is sent\n"
    "       ccbridged config check [ROLES|all] [FILE] [flags]\n"
    "                                    check a configuration; nothing runs\n"
    "       ccbridged metrics            list the metrics of /metrics\n"
    "       ccbridged man                print the manual page\n"
    "       ccbridged completion bash    print the completion\n"
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

static int answer_word(const char *word, FILE *errors)
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
    fprintf(errors, "ccbridged: there is no role \"%s\"\n\n", word);
    print_synopsis(errors);
    return 2;
}

/* "ROLE" or "ROLE,ROLE". */
static int add_named(struct ccb_options *options, const char *words,
                     FILE *errors)
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
            return answer_word(name, errors);
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

static int add_all(struct ccb_options *options, int argc, char **argv,
                   FILE *errors)
{
    struct ccb_error err;
    size_t i;
    if (ccb_standalone_make(&options->standalone, argc, argv, options->dry,
                            &err) < 0) {
        fprintf(errors, "ccbridged: %s\n", err.message);
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

/* How many words of argv say what to be: the name it is called by, or that and
 * the first word. */
static int count_own_words(const char *name)
{
    const char *slash = strrchr(name, '/');
    return ccb_role_find(slash ? slash + 1 : name) ? 1 : 2;
}

/* Chooses the roles by argv[0..used); the words behind it are flags. */
static int choose_roles(struct ccb_options *options, char **argv, int used,
                        int argc, char **words, FILE *errors)
{
    const char *slash = strrchr(argv[0], '/');
    options->historic = true;
    if (used == 1) {
        add_role(options, ccb_role_find(slash ? slash + 1 : argv[0]));
        return -1;
    }
    if (strcmp(argv[1], ccb_recipe_role.name) == 0)
        return add_recipe(options, argc, words);
    if (strcmp(argv[1], "all") != 0)
        return add_named(options, argv[1], errors);
    options->historic = false;
    return add_all(options, argc, words, errors);
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
    sets[n].flags = ccb_process_flags;
    sets[n].count = ccb_process_flag_count;
    sets[n].values = options;
    sets[n + 1].prefix = NULL;
    sets[n + 1].flags = ccb_http_limit_flags;
    sets[n + 1].count = ccb_http_limit_flag_count;
    sets[n + 1].values = &options->limits;
    return n + 2;
}

/* The test suite, and who tries things out, set it for every process. */
static void find_mode(struct ccb_options *options)
{
    const char *mode = getenv("CCBRIDGE_PLUGIN_MODE");
    if (mode && mode[0] && strcmp(options->plugin_mode, "default") == 0)
        options->plugin_mode = mode;
}

static int check_process_flags(struct ccb_options *options, FILE *errors)
{
    enum ccb_plugin_mode mode;
    find_mode(options);
    if (ccb_plugin_mode_parse(&mode, options->plugin_mode) < 0) {
        fprintf(errors,
                "invalid value \"%s\" for flag -pluginMode: use default, "
                "isolated or in-process\n",
                options->plugin_mode);
        return 2;
    }
    if (ccb_log_parse_level(options->log_level) < 0) {
        fprintf(errors, "panic: unknown log level: %s\n", options->log_level);
        return 2;
    }
    if (options->workers < 1 || options->workers > CCB_MAX_WORKERS) {
        fprintf(errors,
                "invalid value \"%llu\" for flag -workers: use 1 to %d\n",
                (unsigned long long)options->workers, CCB_MAX_WORKERS);
        return 2;
    }
    return -1;
}

/* The file's words go before those that were typed, which therefore win. */
static int join_words(struct ccb_options *options, int argc, char **argv,
                      struct ccb_error *err)
{
    size_t file;
    if (ccb_config_read(&options->config, argc, argv, err) < 0)
        return err->code;
    if (!options->config.path)
        return 0;
    file = (size_t)options->config.count;
    options->words =
        ccb_calloc(file + (size_t)argc + 1, sizeof(*options->words));
    if (!options->words)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (file > 0)
        memcpy(options->words, options->config.words,
               file * sizeof(*options->words));
    if (argc > 0)
        memcpy(options->words + file, argv,
               (size_t)argc * sizeof(*options->words));
    return 0;
}

static int parse_flags(struct ccb_options *options, bool historic_name,
                       int argc, char **words, FILE *errors)
{
    struct ccb_flag_set sets[CCB_MAX_ROLES + 2] = {0};
    struct ccb_error err;
    size_t count;
    if (options->standalone.argv) {
        words = options->standalone.argv;
        argc = options->standalone.argc;
    }
    if (make_configs(options, sets) < 0) {
        fputs("ccbridged: out of memory\n", errors);
        return 1;
    }
    count = make_sets(options, sets);
    if (ccb_config_check(&options->config, sets, count, &err) < 0) {
        fprintf(errors, "ccbridged: %s\n", err.message);
        return 2;
    }
    switch (
        ccb_flags_parse(sets, count, argc, words, options->argv[0], errors)) {
    case CCB_FLAGS_OK:
        return check_process_flags(options, errors);
    case CCB_FLAGS_HELP:
        return historic_name ? 2 : 0;
    default:
        return 2;
    }
}

int ccb_options_parse(struct ccb_options *options, int argc, char **argv,
                      FILE *errors)
{
    struct ccb_error err;
    int used = count_own_words(argv[0]), status;
    char **words = argv + used;
    options->argc = argc;
    options->argv = argv;
    if (argc < used) {
        print_synopsis(errors);
        return 2;
    }
    argc -= used;
    if (join_words(options, argc, words, &err) < 0) {
        fprintf(errors, "ccbridged: %s\n", err.message);
        return 2;
    }
    if (options->words) {
        words = options->words;
        argc += options->config.count;
    }
    status = choose_roles(options, argv, used, argc, words, errors);
    return status >= 0 ? status
                       : parse_flags(options, used == 1, argc, words, errors);
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
    ccb_config_destroy(&options->config);
    ccb_free(options->words);
}
