/*
 * The launcher's process: it changes its environment and becomes bash
 * (contract/lifecycle-buildpack.md A10). Invariant: no child is made, so that
 * signals reach the app's shell directly.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "launcher.h"
#include "path.h"

/* In one shell, so that what a script in .profile.d exports, or sets as
 * arguments, counts for the command. The variable has a name that no app
 * exports: it would be changed for the command. */
static const char script[] = "cd \"$1\"\n"
                             "if [ -d .profile.d ]; then\n"
                             "  for ccb_profile_ in .profile.d/*; do\n"
                             "    source \"$ccb_profile_\"\n"
                             "  done\n"
                             "fi\n"
                             "shift\n"
                             "exec bash -c \"$@\"\n";

/* No line's end follows any of the launcher's messages. */
static int complain(const char *message)
{
    (void)fputs(message, stderr);
    return 1;
}

static int usage(const char *name)
{
    (void)fprintf(stderr,
                  "Usage: %s <app directory> <start command> <metadata>", name);
    return 1;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? "" : value;
}

static int set_vcap(struct ccb_failure *failure)
{
    const char *text = getenv("VCAP_APPLICATION");
    struct ccb_vcap vcap = {.instance_id =
                                ccb_slice_of(variable("INSTANCE_GUID"))};
    struct ccb_buf out = {0};
    int code;

    if (text == NULL)
        return 0;
    vcap.has_port = ccb_vcap_parse_integer(variable("PORT"), &vcap.port);
    vcap.has_index =
        ccb_vcap_parse_integer(variable("INSTANCE_INDEX"), &vcap.index);
    code = ccb_vcap_rewrite(failure->arena, ccb_slice_of(text), &vcap, &out);
    if (code == 0 && (ccb_buf_putc(&out, '\0') != 0 ||
                      setenv("VCAP_APPLICATION", out.data, 1) != 0))
        code = CCB_NO_MEMORY;
    ccb_buf_destroy(&out);
    if (code == CCB_NO_MEMORY)
        return ccb_failure_memory(failure);
    return 0; /* what is no object is the app's business */
}

static int set_environment(const char *dir, struct ccb_failure *failure)
{
    const char *tmp = ccb_path_join(failure->arena, dir, "../tmp");

    if (tmp == NULL || setenv("HOME", dir, 1) != 0 ||
        setenv("TMPDIR", tmp, 1) != 0)
        return ccb_failure_memory(failure);
    return set_vcap(failure);
}

/* Returns only when there is no bash: the original then ends without a word
 * and with success, and so do we. */
static void become_bash(const char *name, const char *dir, const char *command)
{
    const char *argv[] = {"bash", "-c", script, name, dir, command, NULL};

    (void)execv("/bin/bash", (char *const *)(const void *)argv);
}

static int launch(char **argv, struct ccb_failure *failure)
{
    struct ccb_slice command;
    const char *dir = ccb_path_absolute(failure->arena, argv[1]);
    char words[80];

    if (dir == NULL) {
        (void)ccb_failure_errno(errno, words, sizeof(words));
        return complain(words);
    }
    if (set_environment(dir, failure) != 0 ||
        ccb_launch_command(argv[2], argv[3], &command, failure) != 0)
        return complain(failure->text);
    if (command.len == 0)
        return usage(argv[0]);
    become_bash(argv[0], dir, command.ptr);
    return 0;
}

int main(int argc, char **argv)
{
    struct ccb_failure failure = {NULL, NULL};
    int status;

    if (argc < 4)
        return usage(argc > 0 ? argv[0] : "launcher");
    failure.arena = ccb_arena_create();
    if (failure.arena == NULL)
        return complain("not enough memory");
    status = launch(argv, &failure);
    ccb_arena_unref(failure.arena);
    ccb_arena_drain();
    return status;
}
