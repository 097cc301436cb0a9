/* Makes the command line of a single machine; one row a flag. */
#include "daemon/standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/directory.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "daemon/places.h"

#define SECRET_BYTES 16

/* Which rows hold. Addresses are taken for granted only where cell or
 * controller are our own. */
enum when { ALWAYS, NO_CONSUL, OWN_CELL, OWN_CONTROLLER, OWN_ANY, CONDITIONS };

/* In a value, {0} to {6} are the addresses, the others what facts says. */
static const struct {
    const char *flag, *value;
    enum when when;
} rows[] = {
    {"listenHost", "127.0.0.1", OWN_ANY},
    {"stateDir", "{state}", ALWAYS},
    {"lockFile", "{state}/lock", NO_CONSUL},
    {"takeTurns", "true", ALWAYS},
    {"quarantineBadApps", "true", ALWAYS},
    {"outbox", "{state}/outbox", ALWAYS},
    {"crashQueue", "{state}/crashes", ALWAYS},
    {"keepStagings", "200", ALWAYS},
    {"dropsondeAddr", "", OWN_ANY},
    {"controllerAddress", "{0}", OWN_CONTROLLER},
    {"ccBaseURL", "http://{0}", OWN_CONTROLLER},
    {"ccUsername", "internal_user", OWN_CONTROLLER},
    {"ccPassword", "{secret}", OWN_CONTROLLER},
    {"buildpackDir", "{buildpacks}", OWN_CONTROLLER},
    {"stack", "{stack}", OWN_CONTROLLER},
    {"receptor.address", "{1}", OWN_CELL},
    {"receptor.username", "ccbridge", OWN_CELL},
    {"receptor.password", "{secret}", OWN_CELL},
    {"diegoAPIURL", "http://ccbridge:{secret}@{1}", OWN_CELL},
    {"stagerURL", "http://{2}", OWN_ANY},
    {"nsyncURL", "http://{3}", OWN_ANY},
    {"tps-listener.listenAddr", "{4}", OWN_ANY},
    {"tpsURL", "http://{4}", OWN_CONTROLLER},
    {"file-server.address", "{5}", OWN_ANY},
    {"fileServerURL", "http://{5}", OWN_ANY},
    {"staticDirectory", "{bundles}", OWN_ANY},
    {"digests", "true", ALWAYS},
    {"cc-uploader.address", "{6}", OWN_ANY},
    {"ccUploaderURL", "http://{6}", OWN_ANY},
    {"dockerStagingStack", "{stack}", OWN_ANY},
    {"lifecycle", "buildpack/{stack}:buildpack_app_lifecycle.tgz", OWN_CELL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Those of them that shape recipes. */
static const char *const shaping[] = {"stagerURL", "fileServerURL",
                                      "ccUploaderURL", "dockerStagingStack",
                                      "lifecycle"};

/* Nothing is made but to run. */
enum purpose { TO_RUN, TO_CHECK, FOR_RECIPES };

struct facts {
    char state[PATH_MAX], bundles[PATH_MAX], buildpacks[PATH_MAX];
    char secret[2 * SECRET_BYTES + 1];
    char stack[256];
    unsigned port;
    bool holds[CONDITIONS];
    enum purpose purpose;
};

/* ---- what was typed ----------------------------------------------------- */

/* The value of "-NAME", "-ROLE.NAME", with one dash or two; NULL: not given.
 * "" for the last word of all. */
static const char *typed(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);
    int i;
    for (i = 0; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        const char *end = equals ? equals : argv[i] + strlen(argv[i]);
        const char *at = end - len;
        if (argv[i][0] != '-' || at <= argv[i] || memcmp(at, name, len) != 0 ||
            (at[-1] != '-' && at[-1] != '.'))
            continue;
        if (equals)
            return equals + 1;
        return i + 1 < argc ? argv[i + 1] : "";
    }
    return NULL;
}

/* ---- the state directory ------------------------------------------------ */

static int find_state(char *out, size_t size, const char *given,
                      struct ccb_error *err)
{
    const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");
    int n;
    if (given && given[0])
        n = snprintf(out, size, "%s", given);
    else if (state && state[0] == '/')
        n = snprintf(out, size, "%s/ccbridge", state);
    else if (home && home[0] == '/')
        n = snprintf(out, size, "%s/.local/state/ccbridge", home);
    else
        return ccb_error_set(err, CCB_INVALID,
                             "no place for the state: give -stateDir DIR, or "
                             "set HOME");
    if (n < 0 || (size_t)n >= size)
        return ccb_error_set(err, CCB_TOO_LARGE, "-stateDir: too long");
    return 0;
}

static int make_secret(char *out, struct ccb_error *err)
{
    unsigned char bytes[SECRET_BYTES];
    int code = ccb_random_bytes(bytes, sizeof(bytes), err);
    if (code == 0)
        ccb_hex_format(out, bytes, sizeof(bytes));
    return code;
}

/* Written under another name first: a kill leaves no half of it. */
static int write_secret(const char *path, const char *secret,
                        struct ccb_error *err)
{
    char temporary[PATH_MAX + 32];
    int fd;
    bool written;
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    written = fd >= 0 &&
              write(fd, secret, 2 * SECRET_BYTES) == 2 * SECRET_BYTES &&
              fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!written || rename(temporary, path) < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    return 0;
}

/* The password between the parts of this machine. It outlives the process,
 * since URLs with it are kept with what runs. */
static int find_secret(struct facts *facts, struct ccb_error *err)
{
    char path[PATH_MAX + 16];
    ssize_t n = -1;
    int code, fd;
    snprintf(path, sizeof(path), "%s/secret", facts->state);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, facts->secret, 2 * SECRET_BYTES);
        close(fd);
    }
    if (n == 2 * SECRET_BYTES)
        return 0;
    code = make_secret(facts->secret, err);
    return code == 0 ? write_secret(path, facts->secret, err) : code;
}

/* ---- the facts ---------------------------------------------------------- */

static int find_port(struct facts *facts, const char *given,
                     struct ccb_error *err)
{
    char *end;
    long port;
    errno = 0;
    port = strtol(given ? given : CCB_STANDALONE_PORT, &end, 10);
    if (errno != 0 || *end != '\0' || port < 1 || port > 65535 - 6)
        return ccb_error_set(err, CCB_INVALID,
                             "-portBase %s: use a number from 1 to 65529",
                             given ? given : "");
    facts->port = (unsigned)port;
    return 0;
}

/* The first root file system that is named is the stack of apps. */
static void find_stack(struct facts *facts, const char *rootfs)
{
    const char *equals = rootfs ? strchr(rootfs, '=') : NULL;
    snprintf(facts->stack, sizeof(facts->stack), "%.*s",
             equals ? (int)(equals - rootfs) : 4, equals ? rootfs : "host");
}

static int find_facts(struct facts *facts, int argc, char **argv,
                      struct ccb_error *err)
{
    const char *stack;
    int code;
    facts->holds[ALWAYS] = true;
    facts->holds[NO_CONSUL] = !typed(argc, argv, "consulCluster");
    facts->holds[OWN_CELL] = !typed(argc, argv, "diegoAPIURL");
    facts->holds[OWN_CONTROLLER] = !typed(argc, argv, "ccBaseURL");
    facts->holds[OWN_ANY] =
        facts->holds[OWN_CELL] || facts->holds[OWN_CONTROLLER];
    ccb_place_find("bundles", facts->bundles, sizeof(facts->bundles));
    ccb_place_find("buildpacks", facts->buildpacks, sizeof(facts->buildpacks));
    find_stack(facts, typed(argc, argv, "rootfs"));
    stack = typed(argc, argv, "stack");
    if (facts->purpose == FOR_RECIPES && stack)
        snprintf(facts->stack, sizeof(facts->stack), "%s", stack);
    code = find_port(facts, typed(argc, argv, "portBase"), err);
    if (facts->purpose == FOR_RECIPES || typed(argc, argv, "help") ||
        typed(argc, argv, "h"))
        return code; /* nothing is made for who only asks */
    if (code == 0)
        code = find_state(facts->state, sizeof(facts->state),
                          typed(argc, argv, "stateDir"), err);
    if (code < 0 || facts->purpose == TO_CHECK)
        return code;
    if (ccb_directory_make(facts->state, err) < 0) {
        ccb_error_prefix(err, "-stateDir");
        return err->code;
    }
    return find_secret(facts, err);
}

/* ---- the words ---------------------------------------------------------- */

static void put_named(struct ccb_buf *out, const struct facts *facts,
                      struct ccb_slice name)
{
    const struct {
        const char *name, *text;
    } known[] = {
        {"state", facts->state},   {"bundles", facts->bundles},
        {"secret", facts->secret}, {"buildpacks", facts->buildpacks},
        {"stack", facts->stack},
    };
    size_t i;
    if (name.len == 1)
        ccb_buf_printf(out, "127.0.0.1:%u",
                       facts->port + (unsigned)(name.ptr[0] - '0'));
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (ccb_slice_is(name, known[i].name))
            ccb_buf_put(out, known[i].text);
}

static char *make_word(size_t row, const struct facts *facts)
{
    struct ccb_buf out = {0};
    const char *at = rows[row].value;
    char *word;
    ccb_buf_printf(&out, "-%s=", rows[row].flag);
    while (*at) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end) {
            put_named(&out, facts,
                      ccb_slice_make(at + 1, (size_t)(end - at - 1)));
            at = end + 1;
        } else {
            ccb_buf_putc(&out, *at++);
        }
    }
    word = out.failed ? NULL : ccb_slice_dup(ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
    return word;
}

static bool is_wanted(size_t row, const struct facts *facts)
{
    size_t i;
    if (!facts->holds[rows[row].when])
        return false;
    for (i = 0; i < sizeof(shaping) / sizeof(shaping[0]); i++)
        if (strcmp(shaping[i], rows[row].flag) == 0)
            return true;
    return facts->purpose != FOR_RECIPES;
}

static int make_words(struct ccb_standalone *out, const struct facts *facts,
                      int argc, char **argv)
{
    size_t i;
    int k;
    out->argv = ccb_calloc(ROWS + (size_t)argc + 1, sizeof(*out->argv));
    if (!out->argv)
        return CCB_NO_MEMORY;
    for (i = 0; i < ROWS + (size_t)argc; i++) {
        k = (int)i - (int)ROWS;
        if (k < 0 && !is_wanted(i, facts))
            continue;
        out->argv[out->argc] =
            k < 0 ? make_word(i, facts) : ccb_strdup(argv[k]);
        if (!out->argv[out->argc++])
            return CCB_NO_MEMORY;
    }
    return 0;
}

static int make(struct ccb_standalone *out, int argc, char **argv,
                enum purpose purpose, struct ccb_error *err)
{
    struct facts *facts = ccb_calloc(1, sizeof(*facts));
    int code = facts ? 0 : CCB_NO_MEMORY;
    memset(out, 0, sizeof(*out));
    if (code == 0) {
        facts->purpose = purpose;
        code = find_facts(facts, argc, argv, err);
    }
    if (code == 0) {
        out->own_cell = facts->holds[OWN_CELL];
        out->own_controller = facts->holds[OWN_CONTROLLER];
        code = make_words(out, facts, argc, argv);
    }
    ccb_free(facts);
    if (code == CCB_NO_MEMORY)
        ccb_error_set(err, code, "out of memory");
    if (code < 0)
        ccb_standalone_destroy(out);
    return code;
}

int ccb_standalone_make(struct ccb_standalone *out, int argc, char **argv,
                        bool dry, struct ccb_error *err)
{
    return make(out, argc, argv, dry ? TO_CHECK : TO_RUN, err);
}

int ccb_standalone_make_for_recipes(struct ccb_standalone *out, int argc,
                                    char **argv, struct ccb_error *err)
{
    return make(out, argc, argv, FOR_RECIPES, err);
}

void ccb_standalone_destroy(struct ccb_standalone *standalone)
{
    int i;
    for (i = 0; standalone->argv && i < standalone->argc; i++)
        ccb_free(standalone->argv[i]);
    ccb_free(standalone->argv);
    standalone->argv = NULL;
}
