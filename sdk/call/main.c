/*
 * ccbridge-plugin-call: asks a plugin from the command line, without a daemon.
 * Either one request, whose answer is shown, or a folder of golden tests.
 *
 * The plugin runs in this process: put a debugger or valgrind before it. What
 * a hostile plugin does is the business of ccbridge-plugin-check.
 */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"
#include "golden.h"
#include "pretty.h"

enum { EXIT_ANSWERED, EXIT_REFUSED, EXIT_UNUSABLE };

struct options {
    const char *facts, *gathered, *config, *goldens;
    bool update, help;
};

static const char usage[] =
    "usage: ccbridge-plugin-call [--config FILE] [--facts FILE] "
    "[--gathered FILE]\n"
    "                            PLUGIN.so FUNCTION REQUEST.json\n"
    "       ccbridge-plugin-call [--config FILE] [--update] --goldens DIR "
    "PLUGIN.so\n"
    "\n"
    "The first form prints what the plugin answers to one request (\"-\": the\n"
    "standard input), and its log lines on standard error. FUNCTION is\n"
    "build_recipe, build_response, build_lrp, build_task, extract, "
    "convert_uri,\n"
    "cache_args or run.\n"
    "  --config FILE    what create gets: the \"config\" of plugins.d/ID.json\n"
    "  --facts FILE     the cheap facts, a JSON object\n"
    "  --gathered FILE  the costly facts, given when the plugin asks for them\n"
    "\n"
    "The second form asks every DIR/requests/FUNCTION-NAME.json and compares\n"
    "the answer with DIR/expected/FUNCTION-NAME.json (the order of keys does\n"
    "not matter) or, for a refusal, with DIR/expected/FUNCTION-NAME.error: "
    "the\n"
    "code's name and the words, a line each. DIR/facts.json holds the facts,\n"
    "DIR/gathered/FUNCTION-NAME.json those that are asked for, and\n"
    "DIR/config.json what create gets.\n"
    "  --update         writes what comes out as what is expected\n"
    "\n"
    "Exit status: 0 answered, all goldens hold; 1 refused, some do not; 2 the\n"
    "plugin or a file can't be used.\n";

static int complain(const char *words)
{
    fprintf(stderr, "ccbridge-plugin-call: %s\n", words);
    return EXIT_UNUSABLE;
}

/* ---- one request -------------------------------------------------------- */

static int show_refusal(const struct ccb_test_host *host, const char *function,
                        int code)
{
    fprintf(stderr, "%s: %s: %s\n", function, ccb_error_name(code),
            code == CCB_NEED_FACTS ? host->facts : host->error);
    if (host->error_id[0])
        fprintf(stderr, "shown to the developer as %s\n", host->error_id);
    if (code == CCB_NEED_FACTS)
        fputs("try: --gathered FILE, an object with these names\n", stderr);
    return EXIT_REFUSED;
}

static int show_result(const struct ccb_test_host *host, const char *function)
{
    struct ccb_json document;
    struct ccb_error err;

    if (host->result.len == 0) /* run, the self-test, emits nothing */
        return EXIT_ANSWERED;
    if (ccb_json_parse(&document, host->result, CCB_JSON_WHOLE, &err) < 0) {
        fwrite(host->result.ptr, 1, host->result.len, stdout);
        fprintf(stderr, "\n%s: the result is no JSON: %s\n", function,
                err.message);
        return EXIT_REFUSED;
    }
    ccb_pretty_print(stdout, document);
    return EXIT_ANSWERED;
}

static int ask(struct ccb_caller *caller, const struct options *options,
               const char *function, const char *file)
{
    struct ccb_caller_request request = {.function = NULL};
    struct ccb_error err;
    int code;

    request.function = ccb_caller_find(caller, ccb_slice_of(function), &err);
    if (!request.function)
        return complain(err.message);
    code = ccb_caller_read_file(&request.message, file, &err);
    if (code == 0 && options->facts)
        code = ccb_caller_read_file(&request.facts, options->facts, &err);
    if (code == 0 && options->gathered)
        code = ccb_caller_read_file(&request.gathered, options->gathered, &err);
    if (code < 0) {
        code = complain(err.message);
    } else {
        code = ccb_caller_ask(caller, &request);
        fwrite(caller->host.log, 1, caller->host.log_len, stderr);
        code = code == 0 ? show_result(&caller->host, function)
                         : show_refusal(&caller->host, function, code);
    }
    ccb_free((void *)(uintptr_t)request.message.ptr);
    ccb_free((void *)(uintptr_t)request.facts.ptr);
    ccb_free((void *)(uintptr_t)request.gathered.ptr);
    return code;
}

/* ---- goldens ------------------------------------------------------------ */

static int run_goldens(struct ccb_caller *caller, const struct options *options)
{
    struct ccb_golden_count count;
    struct ccb_error err;

    if (ccb_golden_run(caller, options->goldens,
                       options->update ? CCB_GOLDEN_UPDATE : CCB_GOLDEN_COMPARE,
                       &count, &err) < 0)
        return complain(err.message);
    printf("%u requests, %u failed", count.done, count.failed);
    if (options->update)
        printf(", %u written", count.written);
    putchar('\n');
    return count.failed > 0 ? EXIT_REFUSED : EXIT_ANSWERED;
}

/* What create gets: the file that was named, else that of the goldens. 0 when
 * there is none, too. */
static int read_config(const struct options *options, struct ccb_slice *config,
                       struct ccb_error *err)
{
    const char *file = options->config;
    char path[PATH_MAX];
    int code;

    if (!file && options->goldens) {
        snprintf(path, sizeof(path), "%s/config.json", options->goldens);
        file = path;
    }
    code = file ? ccb_caller_read_file(config, file, err) : 0;
    return code == CCB_NOT_FOUND && !options->config ? 0 : code;
}

/* ---- the line ----------------------------------------------------------- */

static int parse(struct options *options, int argc, char **argv)
{
    enum { FACTS = 1, GATHERED, CONFIG, GOLDENS, UPDATE, HELP };
    static const struct option flags[] = {
        {"facts", required_argument, NULL, FACTS},
        {"gathered", required_argument, NULL, GATHERED},
        {"config", required_argument, NULL, CONFIG},
        {"goldens", required_argument, NULL, GOLDENS},
        {"update", no_argument, NULL, UPDATE},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    const char **texts[] = {NULL, &options->facts, &options->gathered,
                            &options->config, &options->goldens};
    int flag = getopt_long(argc, argv, "", flags, NULL);

    for (; flag >= 0 && flag != '?';
         flag = getopt_long(argc, argv, "", flags, NULL)) {
        options->update = options->update || flag == UPDATE;
        options->help = options->help || flag == HELP;
        if (flag <= GOLDENS)
            *texts[flag] = optarg;
    }
    if (flag == '?')
        return 0;
    return options->help || argc - optind == (options->goldens ? 1 : 3);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct ccb_slice config = ccb_slice_make(NULL, 0);
    struct ccb_caller caller = {.self = NULL};
    struct ccb_error err;
    int status;

    if (!parse(&options, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_UNUSABLE;
    }
    if (options.help) {
        fputs(usage, stdout);
        return EXIT_ANSWERED;
    }
    argv += optind;
    if (read_config(&options, &config, &err) < 0 ||
        ccb_caller_open(&caller, argv[0],
                        config.ptr ? config : ccb_slice_of(""), &err) < 0)
        status = complain(err.message);
    else if (options.goldens)
        status = run_goldens(&caller, &options);
    else
        status = ask(&caller, &options, argv[1], argv[2]);
    ccb_caller_close(&caller);
    ccb_free((void *)(uintptr_t)config.ptr);
    return status;
}
