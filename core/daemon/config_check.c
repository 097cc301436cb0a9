/* Checks a configuration without running it (config_check.h). */
#include "daemon/config_check.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/options.h"
#include "daemon/plugins.h"
#include "daemon/roles.h"
#include "daemon/worker.h"

static const char usage[] =
    "Usage: ccbridged config check [ROLE|ROLE,ROLE|all] [FILE] [flags]\n"
    "\n"
    "Checks what `ccbridged all -config FILE` (or with those roles) would\n"
    "start with: the members of the file, their values, what each role wants\n"
    "to be told, and that a plugin serves each lifecycle. Nothing is started.\n"
    "Exit status: 0 when it is good, 2 when it is not.\n";

/* ---- the words ---------------------------------------------------------- */

static bool is_role_word(const char *word)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, ","), word);
    return strcmp(word, "all") == 0 || ccb_role_find(name) != NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 ||
           strcmp(word, "--help") == 0;
}

/* "check [ROLES] [FILE] flags" as the words of a start: how many. */
static int make_words(char **out, int argc, char **argv)
{
    static char all[] = "all", config[] = "-config";
    int used = 3, count = 0;
    out[count++] = argv[0];
    out[count++] = used < argc && is_role_word(argv[used]) ? argv[used++] : all;
    if (used < argc && argv[used][0] != '-') {
        out[count++] = config;
        out[count++] = argv[used++];
    }
    while (used < argc)
        out[count++] = argv[used++];
    return count;
}

/* ---- what a start would refuse ------------------------------------------ */

/* Where a role listens. One that is given as a URL the role's check looks at;
 * one that is a fact is somebody else's. */
static int check_address(const struct ccb_role *role,
                         const struct ccb_flag *flag, const void *config)
{
    struct ccb_http_address address;
    struct ccb_error err;
    const char *value;
    if (!flag->placeholder || strcmp(flag->placeholder, "HOST:PORT") != 0 ||
        flag->fact)
        return 0;
    memcpy(&value, (const char *)config + flag->offset, sizeof(value));
    if (ccb_http_address_parse(&address, value, &err) == 0)
        return 0;
    fprintf(stderr, "ccbridged: %s: -%s: %s\n", role->name, flag->name,
            err.message);
    return 1;
}

static int check_role(const struct ccb_role *role, const void *config)
{
    const char *action = "";
    struct ccb_error err;
    size_t i;
    int bad = 0;
    if (role->check(config, &action, &err) < 0) {
        fprintf(stderr, "ccbridged: %s: %s: %s\n", role->name, action,
                err.message);
        bad++;
    }
    for (i = 0; i < role->flag_count; i++)
        bad += check_address(role, &role->flags[i], config);
    return bad;
}

static int check_roles(const struct ccb_options *options)
{
    size_t i;
    int bad = 0;
    for (i = 0; i < options->role_count; i++)
        bad += check_role(options->roles[i], options->configs[i]);
    return bad;
}

/* What is refused or not served, but no reason not to start, is said by the
 * log's lines. */
static int check_plugins(const struct ccb_options *options)
{
    struct ccb_member *members =
        ccb_calloc(options->role_count, sizeof(*members));
    struct ccb_plugins *plugins = NULL;
    struct ccb_error err;
    size_t i;
    int code;
    for (i = 0; members && i < options->role_count; i++) {
        members[i].role = options->roles[i];
        members[i].config = options->configs[i];
        ccb_log_open(&members[i].log, members[i].role->name);
    }
    ccb_log_set_level(CCB_LEVEL_ERROR);
    code = members ? ccb_daemon_plugins_open(&plugins, options, members,
                                             options->role_count, &err)
                   : ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    ccb_plugins_close(plugins);
    ccb_log_flush();
    ccb_free(members);
    if (code < 0)
        fprintf(stderr, "ccbridged: %s\n", err.message);
    return code < 0;
}

static void say_good(const struct ccb_options *options)
{
    size_t i;
    printf("%s: good for",
           options->config.path ? options->config.path : "the flags");
    for (i = 0; i < options->role_count; i++)
        printf("%s %s", i ? "," : "", options->roles[i]->name);
    putchar('\n');
}

static int check(int argc, char **argv)
{
    struct ccb_options options = {.dry = true};
    int status = ccb_options_parse(&options, argc, argv, stderr);
    if (status < 0) {
        int bad = check_roles(&options) + check_plugins(&options);
        if (bad == 0)
            say_good(&options);
        status = bad == 0 ? 0 : 2;
    }
    ccb_options_destroy(&options);
    return status;
}

int ccb_config_command(int argc, char **argv)
{
    char **words;
    int status, i;
    for (i = 2; i < argc && i < 4; i++)
        if (is_help(argv[i])) {
            fputs(usage, stdout);
            return 0;
        }
    if (argc < 3 || strcmp(argv[2], "check") != 0) {
        fputs(usage, stderr);
        return 2;
    }
    words = ccb_calloc((size_t)argc + 2, sizeof(*words));
    if (!words) {
        fputs("ccbridged: out of memory\n", stderr);
        return 1;
    }
    status = check(make_words(words, argc, argv), words);
    ccb_free(words);
    return status;
}
