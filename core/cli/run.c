/*
 * The whole program: reads the line, finds the state directory, runs the
 * command. Also the small commands that ask nobody.
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "ccbridge/json.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/http.h"
#include "cli/state.h"

static volatile sig_atomic_t interrupted;
static bool held;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool ccb_cli_interrupted(void)
{
    return interrupted != 0 && !held;
}

void ccb_cli_hold_interrupts(bool hold)
{
    held = hold;
}

void ccb_cli_pause(int ms)
{
    if (!ccb_cli_interrupted())
        (void)poll(NULL, 0, ms);
}

/* Without SA_RESTART: whatever waits is woken. A second one ends the program
 * as ever. */
void ccb_cli_watch_interrupts(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESETHAND;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- commands that ask nobody ------------------------------------------- */

static int print(struct ccb_cli *cli, struct ccb_buf *text)
{
    int code = text->failed ? ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                                           "out of memory")
                            : CCB_EXIT_OK;

    if (code == 0)
        (void)fwrite(text->data, 1, text->len, stdout);
    ccb_buf_destroy(text);
    return code;
}

int ccb_cli_version(struct ccb_cli *cli)
{
    if (cli->line.values.json)
        (void)printf("{\"version\":\"%s\"}\n", cli->version);
    else
        (void)printf("ccbridge %s\n", cli->version);
    return CCB_EXIT_OK;
}

static void put_commands_json(struct ccb_buf *out)
{
    struct ccb_json_writer w;
    size_t i;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "commands");
    ccb_json_begin_array(&w);
    for (i = 0; i < ccb_cli_command_count; i++) {
        ccb_json_begin_object(&w);
        ccb_json_member_cstr(&w, "name", ccb_cli_commands[i].name);
        ccb_json_member_cstr(&w, "arguments", ccb_cli_commands[i].arguments);
        ccb_json_member_cstr(&w, "summary", ccb_cli_commands[i].summary);
        ccb_json_end_object(&w);
    }
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0)
        out->failed = CCB_NO_MEMORY;
    ccb_buf_putc(out, '\n');
}

static int explain(struct ccb_cli *cli, const struct ccb_cli_command *command)
{
    struct ccb_buf text = {0};

    if (cli->line.values.json)
        put_commands_json(&text);
    else if (cli->line.group)
        ccb_cli_put_group_help(&text, cli->line.group);
    else if (command)
        ccb_cli_put_command_help(&text, command);
    else
        ccb_cli_put_help(&text);
    return print(cli, &text);
}

/* "push", "plugin", "plugin list". */
static bool find_asked(struct ccb_cli *cli, char *name, size_t size,
                       const struct ccb_cli_command **command)
{
    const struct ccb_cli_line *line = &cli->line;
    size_t i;

    (void)snprintf(name, size, "%s%s%s", line->words[0],
                   line->word_count > 1 ? " " : "",
                   line->word_count > 1 ? line->words[1] : "");
    *command = ccb_cli_find_command(name);
    for (i = 0; !*command && i < ccb_cli_command_count; i++)
        if (ccb_cli_is_group(&ccb_cli_commands[i], name))
            cli->line.group = line->words[0];
    return *command || cli->line.group;
}

int ccb_cli_help(struct ccb_cli *cli)
{
    const struct ccb_cli_command *command = NULL;
    struct ccb_nearest nearest = {0};
    char name[80];
    size_t i;

    if (cli->line.word_count == 0)
        return explain(cli, NULL);
    if (find_asked(cli, name, sizeof(name), &command))
        return explain(cli, command);
    nearest.typed = name;
    for (i = 0; i < ccb_cli_command_count; i++)
        ccb_nearest_try(&nearest, ccb_cli_commands[i].name);
    return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage", "ccbridge help",
                        "there is no command %s%s%s%s", nearest.typed,
                        nearest.best ? "; did you mean " : "",
                        nearest.best ? nearest.best : "",
                        nearest.best ? "?" : "");
}

int ccb_cli_completion(struct ccb_cli *cli)
{
    struct ccb_buf text = {0};

    if (strcmp(cli->line.words[0], "bash") != 0)
        return ccb_cli_fail(
            cli, CCB_EXIT_USAGE, "Usage", "ccbridge completion bash",
            "there is no completion for %s", cli->line.words[0]);
    ccb_cli_put_bash(&text);
    return print(cli, &text);
}

int ccb_cli_man(struct ccb_cli *cli)
{
    struct ccb_buf text = {0};

    ccb_cli_put_man(&text, cli->version);
    return print(cli, &text);
}

/* ---- the program -------------------------------------------------------- */

static void find_terminal(struct ccb_cli *cli)
{
    const char *term = getenv("TERM"), *off = getenv("NO_COLOR");
    bool dumb = !term || !term[0] || strcmp(term, "dumb") == 0;

    cli->colour = !dumb && isatty(STDOUT_FILENO) && !(off && off[0]) &&
                  !cli->line.values.no_color && !cli->line.values.json;
    cli->progress = !dumb && isatty(STDERR_FILENO);
}

/* The flag may stand behind what could not be read. */
static bool wants_json(char **words)
{
    for (; *words && strcmp(*words, "--") != 0; words++)
        if (strcmp(*words, "--json") == 0)
            return true;
    return false;
}

static int refuse_line(struct ccb_cli *cli, const struct ccb_error *err)
{
    const char *name =
        cli->line.command ? cli->line.command->name : cli->line.group;
    char hint[64];

    if (err->code == CCB_NO_MEMORY)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s",
                            err->message);
    (void)snprintf(hint, sizeof(hint), "ccbridge %s%s", name ? name : "",
                   name ? " --help" : "help");
    return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage", hint, "%s", err->message);
}

static int run(struct ccb_cli *cli, int argc, char **argv)
{
    struct ccb_error err;

    if (ccb_cli_parse(&cli->line, argc, argv, &err) < 0) {
        cli->line.values.json = wants_json(argv);
        return refuse_line(cli, &err);
    }
    find_terminal(cli);
    if (cli->line.values.help)
        return explain(cli, cli->line.command);
    if (!cli->line.command) {
        (void)explain(cli, NULL);
        return CCB_EXIT_USAGE;
    }
    if (ccb_cli_find_state(cli, &err) < 0)
        return ccb_cli_fail(cli, CCB_EXIT_USAGE, "Usage", "--state DIR", "%s",
                            err.message);
    return cli->line.command->run(cli);
}

int ccb_cli_main(int argc, char **argv, const char *version)
{
    cJSON_Hooks hooks = {ccb_malloc, ccb_free};
    struct ccb_cli *cli = ccb_calloc(1, sizeof(*cli));
    int code;

    if (!cli || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fputs("ccbridge: out of memory\n", stderr);
        ccb_free(cli);
        return CCB_EXIT_FAILED;
    }
    /* Names of files are UTF-8, whatever the caller's locale says. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    cJSON_InitHooks(&hooks);
    ccb_cli_watch_interrupts();
    cli->version = version;
    code = run(cli, argc, argv);
    ccb_cli_progress_end(cli);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CCB_EXIT_OK) {
        (void)fputs("ccbridge: stdout cannot be written to\n", stderr);
        code = CCB_EXIT_FAILED;
    }
    ccb_cli_http_free(cli->http);
    ccb_cli_line_destroy(&cli->line);
    curl_global_cleanup();
    ccb_free(cli);
    return code;
}
