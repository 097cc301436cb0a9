/*
 * The commands that change an app: scale, start, stop, restart, kill, delete.
 * Those that start instances wait for them, unless --no-wait says not to.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ccbridge/json.h"
#include "cli/apps.h"
#include "cli/wait.h"

static void put_done(const struct ccb_cli *cli, const char *action)
{
    struct ccb_buf out = {0};
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "name", cli->line.words[0]);
    ccb_json_member_cstr(&w, "action", action);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) == 0)
        (void)printf("%.*s\n", (int)out.len, out.data);
    ccb_buf_destroy(&out);
}

static int change(struct ccb_cli *cli, const char *method, const char *tail)
{
    struct ccb_cli_reply reply = {0};
    struct ccb_buf path = {0};
    struct ccb_cli_request request = {.method = method};
    int code = CCB_EXIT_FAILED;

    request.path = ccb_cli_app_path(cli, &path, cli->line.words[0], tail);
    if (request.path)
        code = ccb_cli_ask(cli, &request, &reply);
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    return code;
}

/* With --json what was done is said here. */
static int done(struct ccb_cli *cli, int code, const char *action)
{
    if (code == 0 && cli->line.values.json)
        put_done(cli, action);
    return code;
}

/* What there is to wait for, unless nobody wants to. */
static int wait_for(struct ccb_cli *cli, const struct ccb_cli_killed *killed)
{
    return cli->line.values.no_wait
               ? 0
               : ccb_cli_wait(cli, cli->line.words[0], killed);
}

static int start(struct ccb_cli *cli, const char *tail, const char *action,
                 const char *words)
{
    const char *name = cli->line.words[0];
    int code = change(cli, "POST", tail);

    if (code == 0)
        ccb_cli_note(cli,
                     cli->line.values.no_wait ? "%s is %s; see: ccbridge app %s"
                                              : "%s is %s",
                     name, words, name);
    if (code == 0)
        code = wait_for(cli, NULL);
    return done(cli, code, action);
}

int ccb_cli_start(struct ccb_cli *cli)
{
    return start(cli, "/start", "start", "starting");
}

int ccb_cli_restart(struct ccb_cli *cli)
{
    return start(cli, "/restart", "restart", "starting anew");
}

int ccb_cli_stop(struct ccb_cli *cli)
{
    int code = change(cli, "POST", "/stop");

    if (code == 0)
        ccb_cli_note(cli, "%s is stopped", cli->line.words[0]);
    return done(cli, code, "stop");
}

/* A number of a word: -1 when it is none. */
static int64_t read_number(const char *text)
{
    char *end;
    long long number;

    if (!isdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && number <= INT32_MAX ? number : -1;
}

/* Who it is that is to be killed: another one takes its number. */
static int find_killed(struct ccb_cli *cli, struct ccb_cli_killed *killed)
{
    struct ccb_cli_reply reply;
    int code = ccb_cli_get_app(cli, cli->line.words[0], &reply);
    const cJSON *list =
        cJSON_GetObjectItemCaseSensitive(reply.json, "instances_now");
    const cJSON *instance;

    cJSON_ArrayForEach(instance, list)
    {
        if ((int64_t)ccb_cli_number(instance, "index") == killed->index)
            (void)snprintf(killed->guid, sizeof(killed->guid), "%s",
                           ccb_cli_text(instance, "instance_guid"));
    }
    ccb_cli_reply_destroy(&reply);
    return code;
}

int ccb_cli_kill(struct ccb_cli *cli)
{
    struct ccb_cli_killed killed = {.index = read_number(cli->line.words[1])};
    char tail[48];
    int code;

    if (killed.index < 0)
        return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage",
                            "ccbridge app NAME, for the instances' numbers",
                            "kill wants an instance's number, not %s",
                            cli->line.words[1]);
    (void)snprintf(tail, sizeof(tail), "/instances/%lld",
                   (long long)killed.index);
    code = find_killed(cli, &killed);
    if (code == 0)
        code = change(cli, "DELETE", tail);
    if (code == 0)
        ccb_cli_note(cli, "instance %lld of %s is killed, and will be replaced",
                     (long long)killed.index, cli->line.words[0]);
    if (code == 0)
        code = wait_for(cli, &killed);
    return done(cli, code, "kill");
}

/* ---- scale -------------------------------------------------------------- */

static int find_count(struct ccb_cli *cli, int64_t *count)
{
    *count = cli->line.values.instances;
    if (cli->line.word_count == 2 && *count >= 0)
        return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage",
                            "ccbridge scale NAME N",
                            "scale has the number twice: -i %lld and %s",
                            (long long)*count, cli->line.words[1]);
    if (cli->line.word_count == 2)
        *count = read_number(cli->line.words[1]);
    if (*count < 0)
        return ccb_cli_fail(
            cli, CCB_EXIT_USAGE, "Usage", "ccbridge scale NAME N",
            "scale wants a number of instances%s%s",
            cli->line.word_count == 2 ? ", not " : "",
            cli->line.word_count == 2 ? cli->line.words[1] : "");
    return 0;
}

/* PUT would make an app that is not there. */
static int send_count(struct ccb_cli *cli, const char *path, int64_t count,
                      bool *started)
{
    struct ccb_cli_reply reply;
    struct ccb_cli_request put = {.method = "PUT", .path = path};
    char body[64];
    int code = ccb_cli_get(cli, path, &reply);

    ccb_cli_reply_destroy(&reply);
    if (code != 0)
        return code;
    (void)snprintf(body, sizeof(body), "{\"instances\":%lld}",
                   (long long)count);
    put.json = body;
    code = ccb_cli_ask(cli, &put, &reply);
    *started = strcmp(ccb_cli_text(reply.json, "state"), "STARTED") == 0;
    ccb_cli_reply_destroy(&reply);
    return code;
}

static int scale(struct ccb_cli *cli, const char *path, int64_t count)
{
    const char *name = cli->line.words[0];
    bool started = false;
    int code = send_count(cli, path, count, &started);
    struct ccb_cli_reply reply;

    if (code == 0)
        ccb_cli_note(cli, "%s wants %lld instance%s; see: ccbridge app %s",
                     name, (long long)count, count == 1 ? "" : "s", name);
    if (code == 0 && started)
        code = wait_for(cli, NULL);
    if (code != 0 || !cli->line.values.json)
        return code;
    code = ccb_cli_get(cli, path, &reply);
    if (code == 0)
        ccb_cli_put_body(&reply);
    ccb_cli_reply_destroy(&reply);
    return code;
}

int ccb_cli_scale(struct ccb_cli *cli)
{
    struct ccb_buf path = {0};
    int64_t count;
    int code = find_count(cli, &count);

    if (code == 0 && !ccb_cli_app_path(cli, &path, cli->line.words[0], ""))
        code = CCB_EXIT_FAILED;
    if (code == 0)
        code = scale(cli, path.data, count);
    ccb_buf_destroy(&path);
    return code;
}

/* ---- delete ------------------------------------------------------------- */

static int confirm(struct ccb_cli *cli)
{
    const char *name = cli->line.words[0];
    char answer[16] = "";

    if (cli->line.values.force)
        return 0;
    if (!isatty(STDIN_FILENO) || cli->line.values.json)
        return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage",
                            "ccbridge delete -f NAME",
                            "delete asks first, and here is nobody to ask");
    (void)fprintf(stderr, "Delete %s with all that is kept of it? [y/N] ",
                  name);
    (void)fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) &&
        (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    if (ccb_cli_interrupted())
        (void)fputc('\n', stderr);
    return ccb_cli_fail(
        cli, ccb_cli_interrupted() ? CCB_EXIT_INTERRUPTED : CCB_EXIT_FAILED,
        "Cancelled", NULL, "nothing was deleted");
}

/* With -f an app that is not there is as good as deleted. */
static int send_delete(struct ccb_cli *cli, const char *path)
{
    struct ccb_cli_request request = {.method = "GET", .path = path};
    struct ccb_cli_reply reply;
    struct ccb_error err;
    int code = 0;
    bool gone;

    if (cli->line.values.force) {
        if (ccb_cli_call(cli, &request, &reply, &err) < 0)
            code = ccb_cli_fail_call(cli, &err);
        gone = code == 0 && reply.status == 404;
        ccb_cli_reply_destroy(&reply);
        if (code != 0)
            return code;
        if (gone) {
            if (cli->line.values.json)
                put_done(cli, "delete");
            ccb_cli_note(cli, "there is no app %s", cli->line.words[0]);
            return 0;
        }
    }
    code = change(cli, "DELETE", "");
    if (code == 0)
        ccb_cli_note(cli, "%s is deleted", cli->line.words[0]);
    return done(cli, code, "delete");
}

int ccb_cli_delete(struct ccb_cli *cli)
{
    struct ccb_buf path = {0};
    int code = confirm(cli);

    if (code == 0 && !ccb_cli_app_path(cli, &path, cli->line.words[0], ""))
        code = CCB_EXIT_FAILED;
    if (code == 0)
        code = send_delete(cli, path.data);
    ccb_buf_destroy(&path);
    return code;
}
