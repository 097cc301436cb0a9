/*
 * The table of commands and flags. One row each; help, the manual page, the
 * completion and the parser know nothing else.
 */
#include "cli/cli.h"

#define AT(member) offsetof(struct ccb_cli_values, member)
#define FLAGS(table) table, sizeof(table) / sizeof(table[0])
#define NO_FLAGS NULL, 0

const struct ccb_cli_flag ccb_cli_global_flags[] = {
    {"json", 0, NULL, CCB_CLI_SWITCH, AT(json), NULL,
     "answer with one JSON document, or one a line for streams"},
    {"state", 0, "DIR", CCB_CLI_TEXT, AT(state), NULL,
     "the state directory (default: $CCBRIDGE_STATE, "
     "$XDG_STATE_HOME/ccbridge, or ~/.local/state/ccbridge)"},
    {"quiet", 'q', NULL, CCB_CLI_SWITCH, AT(quiet), NULL,
     "say only results and errors; of lists, only the names"},
    {"no-color", 0, NULL, CCB_CLI_SWITCH, AT(no_color), NULL,
     "no colours, as with the environment's NO_COLOR"},
    {"help", 'h', NULL, CCB_CLI_SWITCH, AT(help), NULL,
     "explain the command, and do nothing"},
};
const size_t ccb_cli_global_flag_count =
    sizeof(ccb_cli_global_flags) / sizeof(ccb_cli_global_flags[0]);

static const struct ccb_cli_flag up_flags[] = {
    {"foreground", 0, NULL, CCB_CLI_SWITCH, AT(foreground), NULL,
     "become the daemon instead of starting it behind the scenes"},
    {"timeout", 't', "D", CCB_CLI_DURATION, AT(timeout), NULL,
     "how long to wait until it answers (default 30s)"},
};

static const struct ccb_cli_flag down_flags[] = {
    {"timeout", 't', "D", CCB_CLI_DURATION, AT(timeout), NULL,
     "how long to wait for its end (default 30s)"},
    {"force", 'f', NULL, CCB_CLI_SWITCH, AT(force), NULL,
     "kill it when it has not ended by then"},
};

static const struct ccb_cli_flag push_flags[] = {
    {"buildpack", 'b', "BUILDPACK", CCB_CLI_TEXT, AT(buildpack), NULL,
     "a buildpack's name or URL; empty: detect it again"},
    {"instances", 'i', "N", CCB_CLI_COUNT, AT(instances), NULL,
     "how many instances to run"},
    {"memory", 'm', "MEM", CCB_CLI_MEGABYTES, AT(memory_mb), NULL,
     "memory of an instance: 256M, 1G, 512 (MB)"},
    {"disk", 'k', "DISK", CCB_CLI_MEGABYTES, AT(disk_mb), NULL,
     "disk of an instance"},
    {"command", 'c', "COMMAND", CCB_CLI_TEXT, AT(command), NULL,
     "the start command; empty: the buildpack's"},
    {"env", 'e', "NAME=VALUE", CCB_CLI_ENV, 0, NULL,
     "a variable of the app's environment; may be repeated, and all "
     "together replace what the app had"},
    {"health-check", 'u', "KIND", CCB_CLI_CHOICE, AT(health_check), "port|none",
     "what tells that an instance runs: port or none"},
    {"stack", 's', "STACK", CCB_CLI_TEXT, AT(stack), NULL,
     "the root file system to stage and run on"},
    {"no-start", 0, NULL, CCB_CLI_SWITCH, AT(no_start), NULL,
     "stage the app, but do not start it"},
    {"timeout", 't', "D", CCB_CLI_DURATION, AT(timeout), NULL,
     "how long to wait for the instances (default 2m)"},
};

static const struct ccb_cli_flag logs_flags[] = {
    {"follow", 'f', NULL, CCB_CLI_SWITCH, AT(follow), NULL,
     "go on with what comes, until Ctrl-C"},
    {"lines", 'n', "N", CCB_CLI_COUNT, AT(lines), NULL,
     "how many lines to begin with (default 100)"},
};

static const struct ccb_cli_flag events_flags[] = {
    {"follow", 'f', NULL, CCB_CLI_SWITCH, AT(follow), NULL,
     "go on with what comes, until Ctrl-C"},
};

static const struct ccb_cli_flag explain_flags[] = {
    {"full", 0, NULL, CCB_CLI_SWITCH, AT(full), NULL,
     "show the request and the recipe, too, without secrets"},
};

static const struct ccb_cli_flag recipe_flags[] = {
    {"explain", 0, NULL, CCB_CLI_SWITCH, AT(explain), NULL,
     "say why this plugin was chosen"},
    {"kind", 0, "KIND", CCB_CLI_CHOICE, AT(message_kind), "stage|run|done",
     "what the message is, where its members do not say so: stage, run or done "
     "(a finished staging task)"},
    {"guid", 0, "GUID", CCB_CLI_TEXT, AT(guid), NULL,
     "the guid of the staging, which CC gives in the path"},
    {"registry", 0, "IP[,IP]", CCB_CLI_TEXT, AT(registry), NULL,
     "the docker registries that the stager would ask Consul for"},
    {"stack", 's', "STACK", CCB_CLI_TEXT, AT(stack), NULL,
     "the stack that what is taken for granted holds for (default host)"},
    {"show-secrets", 0, NULL, CCB_CLI_SWITCH, AT(show_secrets), NULL,
     "do not mask environment values, keys and passwords"},
};

/* Of every command that starts instances and waits for them. */
#define WAIT_FLAGS                                                             \
    {"no-wait",                                                                \
     0,                                                                        \
     NULL,                                                                     \
     CCB_CLI_SWITCH,                                                           \
     AT(no_wait),                                                              \
     NULL,                                                                     \
     "do not wait until the instances run"},                                   \
    {                                                                          \
        "timeout", 't', "D", CCB_CLI_DURATION, AT(timeout), NULL,              \
            "how long to wait for the instances (default 2m)"                  \
    }

static const struct ccb_cli_flag start_flags[] = {WAIT_FLAGS};

static const struct ccb_cli_flag scale_flags[] = {
    {"instances", 'i', "N", CCB_CLI_COUNT, AT(instances), NULL,
     "how many instances to run; may also be the second word"},
    WAIT_FLAGS,
};

static const struct ccb_cli_flag delete_flags[] = {
    {"force", 'f', NULL, CCB_CLI_SWITCH, AT(force), NULL,
     "do not ask; an app that is not there is no failure"},
};

static const struct ccb_cli_flag plugin_new_flags[] = {
    {"lang", 0, "LANGUAGE", CCB_CLI_CHOICE, AT(language), "c|c++",
     "in C (the default) or in C++: c or c++"},
};

static const char WAITS[] =
    "Waits until the instances run; Ctrl-C ends only the wait.";

const struct ccb_cli_command ccb_cli_commands[] = {
    {"up", "[-- FLAGS FOR ccbridged]", "start the daemon, and wait for it",
     "Starts `ccbridged all` in the background, with the state in the state "
     "directory and its log in STATE/ccbridged.log. Its containers need root. "
     "What follows `--` goes to ccbridged as it stands.",
     0, 0, CCB_CLI_BEHIND_DASHES, FLAGS(up_flags), ccb_cli_up},
    {"down", "", "stop the daemon, and wait for its end", NULL, 0, 0,
     CCB_CLI_NO_REST, FLAGS(down_flags), ccb_cli_down},
    {"status", "", "whether the daemon is up, and what it runs",
     "Exits with 0 when it is up and with 6 when it is not.", 0, 0,
     CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_status},
    {"push", "NAME [DIR]", "upload, stage and start an app",
     "Packs the directory (default: this one) without what .cfignore names, "
     "in gitignore's syntax, stages it, starts it and waits until its "
     "instances run. Ctrl-C stops a staging; an app that is starting goes on.",
     1, 2, CCB_CLI_NO_REST, FLAGS(push_flags), ccb_cli_push},
    {"apps", "", "list the apps", NULL, 0, 0, CCB_CLI_NO_REST, NO_FLAGS,
     ccb_cli_apps},
    {"app", "NAME", "show an app and its instances", NULL, 1, 1,
     CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_app},
    {"logs", "NAME", "show an app's log lines", NULL, 1, 1, CCB_CLI_NO_REST,
     FLAGS(logs_flags), ccb_cli_logs},
    {"events", "[NAME]", "show what happened, to one app or all", NULL, 0, 1,
     CCB_CLI_NO_REST, FLAGS(events_flags), ccb_cli_events},
    {"explain", "[GUID]", "tell what became of a staging",
     "Without GUID it lists the last ones. GUID is a staging's, an app's, or "
     "an app's name. The stager tells what "
     "it remembers (-keepStagings of ccbridged).",
     0, 1, CCB_CLI_NO_REST, FLAGS(explain_flags), ccb_cli_explain},
    {"recipe", "[FILE] [-- FLAGS OF THE STAGER OR NSYNC-LISTENER]",
     "show what recipe a message of CC gives",
     "Reads a staging request, a desire request or a finished staging task "
     "from FILE or stdin, and writes what its plugin makes of it to stdout, "
     "and plugin, bundle and facts to stderr. Nothing is sent. Without flags "
     "it is what `ccbridged all` would make of it; behind `--` stand other "
     "flags of the stager, of nsync-listener and those that choose plugins: "
     "-- -lifecycle buildpack/STACK:PATH -fileServerURL URL. It exits with 1 "
     "when there is no recipe, and tells what the sender would be answered.",
     0, 1, CCB_CLI_BEHIND_DASHES, FLAGS(recipe_flags), ccb_cli_recipe},
    {"scale", "NAME [N]", "change how many instances run", WAITS, 1, 2,
     CCB_CLI_NO_REST, FLAGS(scale_flags), ccb_cli_scale},
    {"start", "NAME", "start an app", WAITS, 1, 1, CCB_CLI_NO_REST,
     FLAGS(start_flags), ccb_cli_start},
    {"stop", "NAME", "stop an app", NULL, 1, 1, CCB_CLI_NO_REST, NO_FLAGS,
     ccb_cli_stop},
    {"restart", "NAME", "stop an app, and start it anew", WAITS, 1, 1,
     CCB_CLI_NO_REST, FLAGS(start_flags), ccb_cli_restart},
    {"kill", "NAME INDEX", "kill one instance; another takes its place",
     "Waits until the other one runs.", 2, 2, CCB_CLI_NO_REST,
     FLAGS(start_flags), ccb_cli_kill},
    {"delete", "NAME", "delete an app with all that is kept of it",
     "Asks first on a terminal; elsewhere it wants -f.", 1, 1, CCB_CLI_NO_REST,
     FLAGS(delete_flags), ccb_cli_delete},
    {"plugin list", "", "show the daemon's lifecycle plugins",
     "Those that serve, with what became of their calls, and those that were "
     "refused, with the reason and the way out.",
     0, 0, CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_plugin_list},
    {"plugin show", "ID", "show all that is known of a plugin", NULL, 1, 1,
     CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_plugin_show},
    {"plugin reload", "", "read plugins, policies and mappings again",
     "The same as SIGHUP to the daemon. A plugin that can't be taken changes "
     "nothing: what serves goes on, and the words say why.",
     0, 0, CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_plugin_reload},
    {"plugin enable", "ID", "let a plugin serve, and end its quarantine", NULL,
     1, 1, CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_plugin_enable},
    {"plugin disable", "ID", "let a plugin serve no more",
     "Writes its policy (-pluginPolicyDir of ccbridged) and reloads.", 1, 1,
     CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_plugin_disable},
    {"plugin check", "[FLAGS] FILE...", "test a plugin file by all the rules",
     "Becomes ccbridge-plugin-check; --help tells its flags. No daemon is "
     "needed.",
     1, 1, CCB_CLI_WHOLE_LINE, NO_FLAGS, ccb_cli_plugin_check},
    {"plugin new", "NAME", "write the project of a new plugin",
     "Into ./NAME. It builds with CMake and with make against the installed "
     "SDK, and has "
     "golden tests. No daemon is needed.",
     1, 1, CCB_CLI_NO_REST, FLAGS(plugin_new_flags), ccb_cli_plugin_new},
    {"completion", "SHELL", "print the completion for a shell (bash)",
     "For instance: source <(ccbridge completion bash)", 1, 1, CCB_CLI_NO_REST,
     NO_FLAGS, ccb_cli_completion},
    {"man", "", "print the manual page (roff)",
     "For instance: ccbridge man | man -l -", 0, 0, CCB_CLI_NO_REST, NO_FLAGS,
     ccb_cli_man},
    {"version", "", "print the version", NULL, 0, 0, CCB_CLI_NO_REST, NO_FLAGS,
     ccb_cli_version},
    {"help", "[COMMAND]", "explain ccbridge, or one command", NULL, 0, 2,
     CCB_CLI_NO_REST, NO_FLAGS, ccb_cli_help},
};
const size_t ccb_cli_command_count =
    sizeof(ccb_cli_commands) / sizeof(ccb_cli_commands[0]);
