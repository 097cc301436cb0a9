/* Writes the manual page and the completion (manual.h). */
#include "daemon/manual.h"

#include <stdio.h>
#include <string.h>

#include "base/flags_value.h"
#include "base/roff.h"
#include "daemon/options.h"
#include "daemon/recipe.h"
#include "daemon/roles.h"

static int print(struct ccb_buf *out)
{
    int status = out->failed ? 1 : 0;
    if (status)
        fputs("ccbridged: out of memory\n", stderr);
    else
        fwrite(out->data, 1, out->len, stdout);
    ccb_buf_destroy(out);
    return status;
}

/* ---- the manual page ---------------------------------------------------- */

static const char head[] =
    ".SH NAME\n"
    "ccbridged \\- bridge from the Cloud Controller to Diego\n"
    ".SH SYNOPSIS\n"
    "\\fBccbridged\\fR \\fIROLE\\fR[,\\fIROLE\\fR...] [\\fIflags\\fR]\n.br\n"
    "\\fBccbridged all\\fR [\\fIflags\\fR]\n.br\n"
    "\\fBccbridged config check\\fR [\\fIROLES\\fR|\\fBall\\fR] [\\fIFILE\\fR] "
    "[\\fIflags\\fR]\n.br\n"
    "\\fBccbridged recipe\\fR [\\fIflags\\fR] [\\fIFILE\\fR]\n.br\n"
    "\\fBccbridged man\\fR | \\fBmetrics\\fR | \\fBcompletion bash\\fR | "
    "\\fB\\-version\\fR\n"
    ".SH DESCRIPTION\n"
    "Runs one role, some, or every one in one process. Called through a link\n"
    "named like a role it is that program of Cloud Foundry's CC bridge, flag\n"
    "for flag. \\fBall\\fR without \\fB\\-diegoAPIURL\\fR runs containers on "
    "this\n"
    "machine itself, and without \\fB\\-ccBaseURL\\fR it is its own "
    "controller.\n"
    "A flag that several roles have means all of them;\n"
    "\\fB\\-\\fIROLE\\fB.\\fIflag\\fR means one.\n";

static const char tail[] =
    ".SH CONFIGURATION FILE\n"
    "\\fB\\-config\\fR \\fIFILE\\fR is one JSON object. A member is a flag's "
    "name, or\n"
    "ROLE.flag; its value a string, a number or a truth, an array of them for "
    "a\n"
    "flag that may be repeated, or an object for one that takes KEY:VALUE. A\n"
    "member that is no flag is refused. What is typed wins.\n"
    ".SH SIGNALS\n"
    ".TP\nSIGTERM, SIGINT\n"
    "No new connections; what is in flight is answered, then the end. A second "
    "one\ncuts what is left.\n"
    ".TP\nSIGHUP\n"
    "Reads the configuration file, plugins and policies again.\n"
    ".SH EXIT STATUS\n"
    ".TP\n0\nstopped by a signal\n"
    ".TP\n1\na role could not start or go on\n"
    ".TP\n2\nbad flags, and every failure of the stager\n"
    ".SH ENVIRONMENT\n"
    ".TP\nNOTIFY_SOCKET, WATCHDOG_USEC\n"
    "the service manager's: it is told of readiness and the end, and that the "
    "loop\nturns\n"
    ".TP\nCCBRIDGE_PLUGIN_MODE\nthe default of \\fB\\-pluginMode\\fR\n"
    ".TP\nXDG_STATE_HOME, HOME\n"
    "where \\fBall\\fR has its state without \\fB\\-stateDir\\fR\n"
    ".SH SEE ALSO\n"
    "\\fBccbridge\\fR(1)\n";

static void put_flag(struct ccb_buf *out, const struct ccb_flag *flag)
{
    const char *placeholder = ccb_flag_placeholder(flag);
    ccb_buf_put(out, ".TP\n\\fB\\-");
    ccb_roff_put(out, flag->name);
    ccb_buf_put(out, "\\fR");
    if (placeholder[0]) {
        ccb_buf_put(out, " \\fI");
        ccb_roff_put(out, placeholder);
        ccb_buf_put(out, "\\fR");
    }
    ccb_buf_putc(out, '\n');
    ccb_roff_put(out, flag->help);
    if (!ccb_flag_default_is_zero(flag)) {
        ccb_buf_put(out, " (default ");
        ccb_roff_put(out, flag->default_text);
        ccb_buf_putc(out, ')');
    }
    ccb_buf_putc(out, '\n');
}

static void put_flags(struct ccb_buf *out, const struct ccb_flag *flags,
                      size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        put_flag(out, &flags[i]);
}

static void put_role(struct ccb_buf *out, const struct ccb_role *role)
{
    ccb_buf_put(out, ".SS ");
    ccb_roff_put_line(out, role->name);
    ccb_roff_put_line(out, role->summary);
    put_flags(out, role->flags, role->flag_count);
}

int ccb_man_command(int argc, char **argv)
{
    struct ccb_buf out = {0};
    size_t i;
    (void)argc;
    (void)argv;
    ccb_buf_put(&out, ".TH CCBRIDGED 8 \"\" \"ccbridge " CCB_VERSION "\"\n");
    ccb_buf_put(&out, head);
    ccb_buf_put(&out, ".SH FLAGS OF EVERY ROLE\n");
    put_flags(&out, ccb_process_flags, ccb_process_flag_count);
    put_flags(&out, ccb_http_limit_flags, ccb_http_limit_flag_count);
    ccb_buf_put(&out, ".SH ROLES\n");
    for (i = 0; i < ccb_role_count; i++)
        put_role(&out, ccb_roles[i]);
    put_role(&out, &ccb_recipe_role);
    ccb_buf_put(&out, tail);
    return print(&out);
}

/* ---- the completion ----------------------------------------------------- */

static void put_names(struct ccb_buf *out, const struct ccb_flag *flags,
                      size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        ccb_buf_printf(out, " -%s", flags[i].name);
}

static void put_case(struct ccb_buf *out, const struct ccb_role *role)
{
    ccb_buf_printf(out, "    %s) flags=\"", role->name);
    put_names(out, role->flags, role->flag_count);
    ccb_buf_put(out, "\" ;;\n");
}

/* The flags of a role that is named by link or first word; of every role
 * behind other words. */
int ccb_completion_command(int argc, char **argv)
{
    struct ccb_buf out = {0};
    size_t i;
    if (argc != 3 || strcmp(argv[2], "bash") != 0) {
        fputs("ccbridged completion: only bash is known; use `ccbridged "
              "completion bash`\n",
              stderr);
        return 2;
    }
    ccb_buf_put(&out, "# bash completion of ccbridged and its links: "
                      "source <(ccbridged completion bash)\n"
                      "_ccbridged() {\n"
                      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" "
                      "role=\"${COMP_WORDS[0]##*/}\" roles common every flags\n"
                      "  roles=\"");
    for (i = 0; i < ccb_role_count; i++)
        ccb_buf_printf(&out, "%s ", ccb_roles[i]->name);
    ccb_buf_put(&out, "\"\n  common=\"");
    put_names(&out, ccb_process_flags, ccb_process_flag_count);
    put_names(&out, ccb_http_limit_flags, ccb_http_limit_flag_count);
    ccb_buf_put(&out, "\"\n  every=\"");
    for (i = 0; i < ccb_role_count; i++)
        put_names(&out, ccb_roles[i]->flags, ccb_roles[i]->flag_count);
    ccb_buf_put(
        &out,
        "\"\n"
        "  if [ \"$role\" = ccbridged ]; then\n"
        "    role=\"${COMP_WORDS[1]}\"\n"
        "    if ((COMP_CWORD == 1)); then\n"
        "      COMPREPLY=($(compgen -W \"$roles all config recipe man metrics "
        "completion -version -help\" -- \"$word\")); return\n"
        "    fi\n"
        "    case \"$role $COMP_CWORD\" in\n"
        "    'config 2') COMPREPLY=($(compgen -W check -- \"$word\")); "
        "return ;;\n"
        "    'config 3') COMPREPLY=($(compgen -W \"$roles all\" -f -- "
        "\"$word\")); return ;;\n"
        "    'completion 2') COMPREPLY=($(compgen -W bash -- \"$word\")); "
        "return ;;\n"
        "    esac\n"
        "  fi\n"
        "  case \"$role\" in\n");
    for (i = 0; i < ccb_role_count; i++)
        put_case(&out, ccb_roles[i]);
    put_case(&out, &ccb_recipe_role);
    ccb_buf_put(&out,
                "    *) flags=\"$every\" ;;\n  esac\n"
                "  case \"$word\" in\n"
                "  -*) COMPREPLY=($(compgen -W \"$flags $common\" -- "
                "\"$word\")) ;;\n"
                "  *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\n"
                "complete -F _ccbridged ccbridged");
    for (i = 0; i < ccb_role_count; i++)
        ccb_buf_printf(&out, " %s", ccb_roles[i]->name);
    ccb_buf_putc(&out, '\n');
    return print(&out);
}
