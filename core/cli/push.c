/*
 * push: packs a directory, makes or changes the app, uploads, stages, starts.
 */
#include "cli/push.h"

#include <string.h>
#include <unistd.h>

#include "ccbridge/json.h"
#include "cli/human.h"
#include "cli/pack.h"
#include "cli/wait.h"

int ccb_cli_app_do(struct ccb_cli *cli, const char *method, const char *name,
                   const char *tail)
{
    struct ccb_cli_reply reply = {0};
    struct ccb_buf path = {0};
    struct ccb_cli_request request = {.method = method};
    int code = CCB_EXIT_FAILED;

    request.path = ccb_cli_app_path(cli, &path, name, tail);
    if (request.path)
        code = ccb_cli_ask(cli, &request, &reply);
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    return code;
}

/* ---- PUT app ------------------------------------------------------------ */

/* Empty takes back what was given before. */
static void put_text(struct ccb_json_writer *w, const char *key,
                     const char *text)
{
    if (!text)
        return;
    if (text[0])
        ccb_json_member_cstr(w, key, text);
    else
        ccb_json_member_raw(w, key, ccb_slice_of("null"));
}

static void put_number(struct ccb_json_writer *w, const char *key,
                       int64_t number)
{
    if (number >= 0)
        ccb_json_member_int(w, key, number);
}

static void put_env(struct ccb_json_writer *w,
                    const struct ccb_cli_values *values)
{
    size_t i;

    if (values->env_count == 0)
        return;
    ccb_json_key(w, "env");
    ccb_json_begin_object(w);
    for (i = 0; i < values->env_count; i++) {
        const char *equals = strchr(values->env[i], '=');
        size_t len = (size_t)(equals - values->env[i]);

        ccb_json_key_slice(w, ccb_slice_make(values->env[i], len));
        ccb_json_put_string(w, ccb_slice_of(equals + 1));
    }
    ccb_json_end_object(w);
}

static int write_app(const struct ccb_cli_values *values, struct ccb_buf *out)
{
    struct ccb_json_writer w;
    int code;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    put_number(&w, "instances", values->instances);
    put_number(&w, "memory_mb", values->memory_mb);
    put_number(&w, "disk_mb", values->disk_mb);
    put_text(&w, "buildpack", values->buildpack);
    put_text(&w, "command", values->command);
    put_text(&w, "stack", values->stack);
    put_text(&w, "health_check_type", values->health_check);
    put_env(&w, values);
    ccb_json_end_object(&w);
    code = ccb_json_writer_end(&w);
    ccb_buf_putc(out, '\0');
    return code < 0 ? code : out->failed;
}

static int put_app(struct ccb_cli *cli, const char *name)
{
    struct ccb_buf body = {0}, path = {0};
    struct ccb_cli_reply reply = {0};
    struct ccb_cli_request request = {.method = "PUT"};
    int code = CCB_EXIT_FAILED;

    if (write_app(&cli->line.values, &body) < 0)
        (void)ccb_cli_fail(cli, code, NULL, NULL, "out of memory");
    else
        request.path = ccb_cli_app_path(cli, &path, name, "");
    request.json = body.data;
    if (request.path)
        code = ccb_cli_ask(cli, &request, &reply);
    if (code == 0)
        ccb_cli_note(cli, "%s the app %s",
                     reply.status == 201 ? "Made" : "Changed", name);
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    ccb_buf_destroy(&body);
    return code;
}

/* ---- PUT bits ----------------------------------------------------------- */

static void on_skip(void *ctx, const char *path, const char *kind)
{
    ccb_cli_warn(ctx, "%s is %s: left out", path, kind);
}

static int pack(struct ccb_cli *cli, struct ccb_pack *bits)
{
    struct ccb_error err;
    char size[16];
    int file;

    ccb_cli_progress(cli, "Packing %s", bits->directory);
    file = ccb_pack_directory(bits, &err);
    if (file < 0) {
        (void)ccb_cli_fail(cli, CCB_EXIT_FAILED, "InvalidBits", NULL, "%s",
                           err.message);
        return -1;
    }
    ccb_cli_format_size((uint64_t)bits->size, size, sizeof(size));
    ccb_cli_note(cli, "Packed %lld file%s, %s", (long long)bits->files,
                 bits->files == 1 ? "" : "s", size);
    return file;
}

static int put_bits(struct ccb_cli *cli, const char *name,
                    const struct ccb_pack *bits, int file)
{
    struct ccb_buf path = {0};
    struct ccb_cli_reply reply = {0};
    struct ccb_cli_request request = {.method = "PUT",
                                      .file = file,
                                      .length = bits->size,
                                      .label = "Uploading"};
    int code = CCB_EXIT_FAILED;

    request.path = ccb_cli_app_path(cli, &path, name, "/bits");
    if (request.path)
        code = ccb_cli_ask(cli, &request, &reply);
    if (code == 0)
        ccb_cli_note(cli, "Uploaded");
    ccb_cli_reply_destroy(&reply);
    ccb_buf_destroy(&path);
    return code;
}

/* ---- the command -------------------------------------------------------- */

static int print_result(struct ccb_cli *cli, const char *name)
{
    struct ccb_cli_reply reply;
    int code = ccb_cli_get_app(cli, name, &reply);

    if (code == 0 && cli->line.values.json)
        ccb_cli_put_body(&reply);
    else if (code == 0) {
        if (!cli->line.values.quiet)
            (void)fputc('\n', stdout);
        ccb_cli_print_app(cli, reply.json);
    }
    ccb_cli_reply_destroy(&reply);
    return code;
}

static int start(struct ccb_cli *cli, const char *name)
{
    int code = ccb_cli_app_do(cli, "POST", name, "/start");

    if (code != 0)
        return code;
    ccb_cli_note(cli, "Starting");
    return ccb_cli_wait(cli, name, NULL);
}

int ccb_cli_push(struct ccb_cli *cli)
{
    const char *name = cli->line.words[0];
    struct ccb_pack bits = {.on_skip = on_skip, .ctx = cli};
    int file, code;

    bits.directory = cli->line.word_count > 1 ? cli->line.words[1] : ".";
    file = pack(cli, &bits);
    if (file < 0)
        return CCB_EXIT_FAILED;
    code = put_app(cli, name);
    if (code == 0)
        code = put_bits(cli, name, &bits, file);
    close(file);
    if (code == 0)
        code = ccb_cli_stage(cli, name);
    if (code == 0 && !cli->line.values.no_start)
        code = start(cli, name);
    return code == 0 ? print_result(cli, name) : code;
}
