/*
 * The command line of `recipe`: one word may be the message's file, wherever
 * it stands; the others are flags, behind those that a single machine takes
 * for granted.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/recipe.h"

static const struct ccb_flag *find_flag(const struct ccb_options *options,
                                        struct ccb_slice name)
{
    size_t i, k;
    for (i = 0; i < options->role_count; i++)
        for (k = 0; k < options->roles[i]->flag_count; k++)
            if (ccb_slice_is(name, options->roles[i]->flags[k].name))
                return &options->roles[i]->flags[k];
    return NULL;
}

/* Whether the flag's value is the next word. Those of the process all have
 * one; a flag that is none is refused later. */
static bool takes_next(const struct ccb_options *options, const char *word)
{
    const char *dot = strchr(word, '.');
    struct ccb_slice name;
    const struct ccb_flag *flag;
    if (strchr(word, '='))
        return false;
    name = ccb_slice_of(dot ? dot + 1 : word + strspn(word, "-"));
    if (ccb_slice_is(name, "h") || ccb_slice_is(name, "help"))
        return false;
    flag = find_flag(options, name);
    return !flag || flag->type != CCB_FLAG_BOOL;
}

/* What is left of argv goes to `flags`, behind the first; how many there are
 * then, or -1. */
static int take_file(struct ccb_options *options, int argc, char **argv,
                     char **flags)
{
    int i, count = 1;
    for (i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            continue;
        if (argv[i][0] == '-' && argv[i][1]) {
            flags[count++] = argv[i];
            if (takes_next(options, argv[i]) && i + 1 < argc)
                flags[count++] = argv[++i];
        } else if (options->file) {
            fprintf(stderr, "ccbridge recipe: one word too many: %s\n",
                    argv[i]);
            return -1;
        } else {
            options->file = argv[i];
        }
    }
    if (!options->file)
        options->file = "-";
    return count;
}

int ccb_recipe_read_words(struct ccb_options *options, int argc, char **argv)
{
    static char quiet[] = "-logLevel=error"; /* but for what is typed */
    char **flags = ccb_calloc((size_t)argc + 1, sizeof(*flags));
    struct ccb_error err;
    int count, status = -1;
    if (!flags) {
        fputs("ccbridge recipe: out of memory\n", stderr);
        return 1;
    }
    flags[0] = quiet;
    count = take_file(options, argc, argv, flags);
    if (count < 0) {
        status = 2;
    } else if (ccb_standalone_make_for_recipes(&options->standalone, count,
                                               flags, &err) < 0) {
        fprintf(stderr, "ccbridge recipe: %s\n", err.message);
        status = 2;
    }
    ccb_free(flags);
    return status;
}
