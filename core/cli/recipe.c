/*
 * recipe: shows what recipe a message of CC gives. The plugins and the road to
 * them are the daemon's, so this becomes `ccbridged recipe`, which sends
 * nothing either.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/launch.h"

#define OWN_WORDS 16 /* at most, beside the rest */

struct words {
    const char *items[OWN_WORDS];
    size_t count;
};

static void add(struct words *words, const char *word)
{
    words->items[words->count++] = word;
}

static void add_switch(struct words *words, const char *flag, bool on)
{
    if (on)
        add(words, flag);
}

static void add_value(struct words *words, const char *flag, const char *value)
{
    if (!value)
        return;
    add(words, flag);
    add(words, value);
}

static void make_own(struct words *words, const struct ccb_cli *cli,
                     const char *program)
{
    const struct ccb_cli_values *values = &cli->line.values;
    add(words, program);
    add(words, "recipe");
    add(words, cli->line.word_count > 0 ? cli->line.words[0] : "-");
    add_switch(words, "-json", values->json);
    add_switch(words, "-explain", values->explain);
    add_switch(words, "-showSecrets", values->show_secrets);
    add_switch(words, "-quiet", values->quiet);
    add_value(words, "-kind", values->message_kind);
    add_value(words, "-guid", values->guid);
    add_value(words, "-registry", values->registry);
    add_value(words, "-stack", values->stack);
}

int ccb_cli_recipe(struct ccb_cli *cli)
{
    size_t rest = (size_t)cli->line.rest_count, i;
    struct words own = {.count = 0};
    char program[PATH_MAX];
    struct ccb_error err;
    char **words;

    if (ccb_cli_find_program("ccbridged", program, &err) < 0)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s",
                            err.message);
    make_own(&own, cli, program);
    words = ccb_calloc(own.count + rest + 1, sizeof(*words));
    if (!words)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    for (i = 0; i < own.count; i++)
        words[i] = (char *)(uintptr_t)own.items[i];
    for (i = 0; i < rest; i++)
        words[own.count + i] = cli->line.rest[i];
    execv(program, words);
    ccb_free(words);
    return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s: %s", program,
                        strerror(errno));
}
