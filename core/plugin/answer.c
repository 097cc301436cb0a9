/*
 * From what a plugin returned and emitted to an answer the daemon can use.
 * Invariant: code 0 means that `value` is one whole JSON value (or that the
 * function needs none); any error has words, and those the host makes itself
 * name the plugin. Follows ccbridge/lifecycle.h, "results".
 */
#include <stdarg.h>
#include <stdio.h>

#include "plugin/host.h"

void ccb_plugin_conclude_error(struct ccb_call *call, int code,
                               const char *format, ...)
{
    char words[512];
    struct ccb_slice text;
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    text = ccb_arena_copy(call->arena, ccb_slice_of(words));
    call->answer.code = code;
    call->answer.error = text.ptr ? text.ptr : "out of memory";
}

static void conclude_value(struct ccb_call *call)
{
    struct ccb_plugin_answer *answer = &call->answer;
    const struct ccb_plugin_function_row *row =
        &ccb_plugin_functions[call->options.function];
    struct ccb_slice text = ccb_slice_make(answer->bytes, answer->len);
    struct ccb_error error;

    answer->code = 0;
    if (row->silent && answer->len == 0)
        return;
    if (ccb_json_parse(&answer->value, text, CCB_JSON_WHOLE, &error) != 0)
        ccb_plugin_conclude_error(call, CCB_FAILED,
                                  "plugin %s: the result of %s is not JSON: %s",
                                  call->plugin->id, row->name, error.message);
}

/* The plugin gave no words of its own. */
static void conclude_unsaid(struct ccb_call *call, int returned)
{
    const char *id = call->plugin->id;
    const char *name = ccb_plugin_functions[call->options.function].name;
    int emitted = call->answer.emit_code;

    if (emitted == CCB_TOO_LARGE)
        ccb_plugin_conclude_error(
            call, emitted, "plugin %s: the result of %s is over %d bytes", id,
            name, CCB_PLUGIN_MAX_RESULT);
    else if (emitted)
        ccb_plugin_conclude_error(
            call, emitted,
            "plugin %s: the result of %s could not be taken "
            "(%s)",
            id, name, ccb_error_name(emitted));
    else if (returned < 0 && returned >= CCB_NO_MEMORY)
        ccb_plugin_conclude_error(call, returned,
                                  "plugin %s: %s failed (%s) without a reason",
                                  id, name, ccb_error_name(returned));
    else if (returned == CCB_NEED_FACTS)
        ccb_plugin_conclude_error(call, CCB_FAILED,
                                  "plugin %s: %s needs facts but named none",
                                  id, name);
    else
        ccb_plugin_conclude_error(
            call, CCB_FAILED, "plugin %s: %s returned %d, which means nothing",
            id, name, returned);
}

void ccb_plugin_conclude(struct ccb_call *call, int returned)
{
    struct ccb_plugin_answer *answer = &call->answer;

    /* A stated failure counts even when the plugin then returns 0. */
    answer->said = answer->fail_code && answer->error;
    if (answer->said)
        answer->code = answer->fail_code;
    else if (answer->fail_code)
        conclude_unsaid(call, answer->fail_code);
    else if (returned == CCB_NEED_FACTS && answer->wanted.len)
        answer->code = CCB_NEED_FACTS;
    else if (returned == 0 && answer->emit_code == 0)
        conclude_value(call);
    else
        conclude_unsaid(call, returned);
}
