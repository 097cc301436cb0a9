/*
 * plugin new NAME: writes the project of a lifecycle plugin into ./NAME, made
 * of the SDK's templates: what both languages have, and the source of one.
 * Needs no daemon.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/status.h"
#include "cli/template.h"

#define MAX_NAME 64 /* a claim is a key of -lifecycle, and short */

struct language {
    const char *name; /* of the flag, and the template's folder */
    const char *cmake, *source, *compiler, *flags, *own_flags;
};

static const struct language languages[] = {
    {"c", "C", "plugin.c", "CC", "CFLAGS", ""},
    {"c++", "CXX", "plugin.cpp", "CXX", "CXXFLAGS", "-fno-gnu-unique "},
};

/* The command line took no other one; C when it named none. */
static const struct language *find_language(const char *name)
{
    size_t i = 0;

    while (name && strcmp(languages[i].name, name) != 0)
        i++;
    return &languages[i];
}

/* What may be a lifecycle's name, a file's, a CMake target's and the last part
 * of an id, all at once. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    return len <= MAX_NAME && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int write_project(const char *name, const char *id,
                         const struct language *language, struct ccb_error *err)
{
    const struct ccb_cli_mark marks[] = {
        {"@NAME@", name},
        {"@ID@", id},
        {"@LANGUAGE@", language->cmake},
        {"@SOURCE@", language->source},
        {"@COMPILER@", language->compiler},
        {"@FLAGS@", language->flags},
        {"@OWN_FLAGS@", language->own_flags},
    };
    const struct ccb_cli_marks all = {marks, sizeof(marks) / sizeof(marks[0])};
    const char *const parts[] = {"common", language->name};
    char templates[PATH_MAX], from[PATH_MAX + 16];
    int code = ccb_cli_template_find(templates, err);
    size_t i;

    if (code == 0 && mkdir(name, 0777) < 0)
        code = ccb_error_set(err, CCB_IO, "%s: %s", name, strerror(errno));
    for (i = 0; code == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        (void)snprintf(from, sizeof(from), "%s/%s", templates, parts[i]);
        code = ccb_cli_template_copy(from, name, &all, err);
    }
    return code;
}

static int say(struct ccb_cli *cli, const char *name, const char *id,
               const struct language *language)
{
    cJSON *document = cJSON_CreateObject();
    int status = CCB_EXIT_OK;

    ccb_cli_note(cli,
                 "%s/ is the project of a lifecycle plugin, %s, that serves "
                 "the lifecycle \"%s\".",
                 name, id, name);
    ccb_cli_note(cli, "  %s/%s     what to change first", name,
                 language->source);
    ccb_cli_note(cli, "  cd %s && ./ci.sh     builds it and runs its tests",
                 name);
    ccb_cli_note(cli, "  %s/README.md     what is where, and how it is run",
                 name);
    if (!document || !cJSON_AddStringToObject(document, "directory", name) ||
        !cJSON_AddStringToObject(document, "id", id) ||
        !cJSON_AddStringToObject(document, "language", language->name))
        status =
            ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    else if (cli->line.values.json)
        status = ccb_cli_put_json(cli, document);
    cJSON_Delete(document);
    return status;
}

int ccb_cli_plugin_new(struct ccb_cli *cli)
{
    const struct language *language = find_language(cli->line.values.language);
    const char *name = cli->line.words[0];
    char id[sizeof("org.example.") + MAX_NAME];
    struct ccb_error err;
    struct stat there;

    if (!is_name(name))
        return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage",
                            "a name like jar or static-site",
                            "\"%s\" can't be a lifecycle's name: small "
                            "letters, digits and '-', at most %d, a letter "
                            "first",
                            name, MAX_NAME);
    if (lstat(name, &there) == 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, "Exists",
                            "another name, or another directory",
                            "%s is there already, and nothing is overwritten",
                            name);
    (void)snprintf(id, sizeof(id), "org.example.%s", name);
    if (write_project(name, id, language, &err) < 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s",
                            err.message);
    return say(cli, name, id, language);
}
