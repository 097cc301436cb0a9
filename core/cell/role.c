/*
 * The embedded cell as the role `receptor`: flags (contract/receptor-api.md
 * 13, contract/actions.md 7, contract/embedded-cell.md 4), the checks of its
 * command line, its door.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cell/cell.h"
#include "cell/cell_internal.h"

#define AT(member) offsetof(struct ccb_cell_config, member)
#define IGNORED "Has no meaning here; taken because the historic program did"

/* ---- flags -------------------------------------------------------------- */

static int check_amount(struct ccb_slice value, char *why, size_t size)
{
    char *end;
    long long number;

    if (ccb_slice_is(value, "auto"))
        return 0;
    errno = 0;
    number = strtoll(value.ptr, &end, 10);
    if (errno == 0 && end == value.ptr + value.len && number > 0 &&
        number <= INT32_MAX)
        return 0;
    (void)snprintf(why, size, "use auto, or a number of MB");
    return CCB_INVALID;
}

#define TEXT(flag, member, value, holder, words)                               \
    {                                                                          \
        .name = flag, .type = CCB_FLAG_STRING, .offset = AT(member),           \
        .default_text = value, .placeholder = holder, .help = words            \
    }
#define TIME(flag, member, value, words)                                       \
    {                                                                          \
        .name = flag, .type = CCB_FLAG_DURATION, .offset = AT(member),         \
        .default_text = value, .help = words                                   \
    }
#define UNUSED(flag)                                                           \
    {                                                                          \
        .name = flag, .type = CCB_FLAG_STRING, .offset = AT(ignored),          \
        .help = IGNORED                                                        \
    }

static const struct ccb_flag flags[] = {
    TEXT("address", address, "127.0.0.1:8887", "HOST:PORT",
         "Address of the Receptor API"),
    TEXT("username", username, NULL, "NAME",
         "User that clients must give by basic auth; empty: anybody may"),
    TEXT("password", password, NULL, "PASSWORD",
         "Password that clients must give"),
    {.name = "corsEnabled",
     .type = CCB_FLAG_BOOL,
     .offset = AT(cors),
     .help = "Let pages of other origins call the API"},
    TEXT("stateDir", state_dir, NULL, "DIR",
         "Where all state is kept; must be given"),
    {.name = "rootfs",
     .type = CCB_FLAG_PAIRS,
     .offset = AT(rootfs),
     .separator = '=',
     .placeholder = "NAME=DIR",
     .help = "Stack of this name with the root file system in this directory; "
             "repeatable; host=/ when none is given"},
    {.name = "memoryMB",
     .type = CCB_FLAG_STRING,
     .offset = AT(memory_mb),
     .default_text = "auto",
     .placeholder = "MB",
     .help = "Memory that containers may reserve; auto: what the machine has",
     .check = check_amount},
    {.name = "diskMB",
     .type = CCB_FLAG_STRING,
     .offset = AT(disk_mb),
     .default_text = "auto",
     .placeholder = "MB",
     .help = "Disk that containers may reserve; auto: what is free at start",
     .check = check_amount},
    {.name = "maxContainers",
     .type = CCB_FLAG_UINT,
     .offset = AT(containers),
     .default_text = "250",
     .placeholder = "N",
     .help = "Containers at once, 1 to 10000"},
    TEXT("cellID", cell_id, "cell-1", "NAME", "Name of the cell"),
    TEXT("zone", zone, NULL, "NAME", "Zone that the cell says it is in"),
    TEXT("externalIP", external_ip, "127.0.0.1", "ADDRESS",
         "Address on which the ports of instances are reached"),
    {.name = "maxCacheSizeInBytes",
     .type = CCB_FLAG_UINT,
     .offset = AT(cache_bytes),
     .default_text = "10737418240",
     .placeholder = "BYTES",
     .help = "Size of the download cache"},
    {.name = "skipCertVerify",
     .type = CCB_FLAG_BOOL,
     .offset = AT(skip_cert_verify),
     .help = "Do not verify certificates at downloads and uploads"},
    TIME("convergeInterval", times.converge_period, "30s",
         "Period of convergence"),
    TIME("kickInterval", times.kick, "30s",
         "When a task that nobody moved is tried again"),
    TIME("staleUnclaimed", times.stale_unclaimed, "30s",
         "When an instance that found no place is tried again"),
    TIME("expirePendingTask", times.expire_pending, "30m",
         "When a task that never started fails"),
    TIME("expireCompletedTask", times.expire_completed, "2m",
         "When a task that nobody fetched is deleted"),
    TIME("crashReset", times.crash_reset, "5m",
         "An instance that ran longer starts counting its crashes anew"),
    TIME("backoffUnit", times.backoff_unit, "30s",
         "First wait of an instance that crashed three times"),
    TIME("backoffMax", times.backoff_max, "16m", "Longest wait"),
    TIME("callbackTimeout", times.callback_timeout, "10s",
         "Time limit of a completion callback"),
    TIME("presenceTTL", times.presence_ttl, "10s",
         "How long the cell is listed after it was last heard of"),
    TIME("unhealthyInterval", step_times.unhealthy_interval, "500ms",
         "Time between the checks of an instance that is not healthy yet"),
    TIME("healthyInterval", step_times.healthy_interval, "30s",
         "Time between the checks of a healthy instance"),
    TIME("terminateTimeout", step_times.terminate, "10s",
         "Time from SIGTERM to SIGKILL"),
    TIME("exitTimeout", step_times.exit, "1m",
         "Time from SIGKILL to giving up"),
    TIME("pollingInterval", polling_interval, "30s",
         "How often records and containers are compared"),
    {.name = "communicationTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(ignored_duration),
     .default_text = "10s",
     .help = IGNORED},
    {.name = "lockTTL",
     .type = CCB_FLAG_DURATION,
     .offset = AT(ignored_duration),
     .default_text = "10s",
     .help = IGNORED},
    {.name = "registerWithRouter",
     .type = CCB_FLAG_BOOL,
     .offset = AT(ignored_bool),
     .help = IGNORED},
    UNUSED("taskHandlerAddress"),
    UNUSED("bbsAddress"),
    UNUSED("consulCluster"),
    UNUSED("domainNames"),
    UNUSED("natsAddresses"),
    UNUSED("natsUsername"),
    UNUSED("natsPassword"),
    UNUSED("etcdCluster"),
    UNUSED("etcdCertFile"),
    UNUSED("etcdKeyFile"),
    UNUSED("etcdCaFile"),
};

/* ---- the command line --------------------------------------------------- */

/* Made only when all else is known to be well. */
static int check_state(const struct ccb_cell_config *c, struct ccb_error *err)
{
    struct stat info;

    if (c->state_dir[0] == '\0')
        return ccb_error_set(err, CCB_INVALID,
                             "-stateDir is not given; name a directory that "
                             "is this cell's alone");
    if (stat(c->state_dir, &info) < 0)
        return errno == ENOENT ? 0
                               : ccb_error_set(err, CCB_IO, "-stateDir %s: %s",
                                               c->state_dir, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return ccb_error_set(err, CCB_INVALID, "-stateDir %s: is no directory",
                             c->state_dir);
    return 0;
}

static int check_numbers(const struct ccb_cell_config *c, struct ccb_error *err)
{
    const struct ccb_step_times *t = &c->step_times;

    if (c->containers < 1 || c->containers > 10000)
        return ccb_error_set(err, CCB_INVALID,
                             "-maxContainers %llu: use 1 to 10000",
                             (unsigned long long)c->containers);
    if (t->unhealthy_interval <= 0 || t->healthy_interval <= 0 ||
        t->terminate <= 0 || t->exit <= 0 || c->polling_interval <= 0)
        return ccb_error_set(err, CCB_INVALID,
                             "-unhealthyInterval, -healthyInterval, "
                             "-terminateTimeout, -exitTimeout and "
                             "-pollingInterval must be more than 0");
    return ccb_cell_times_check(&c->times, err);
}

static int check_names(const struct ccb_cell_config *c, struct ccb_error *err)
{
    struct ccb_http_address address;

    if (c->cell_id[0] == '\0')
        return ccb_error_set(err, CCB_INVALID, "-cellID must not be empty");
    return ccb_http_address_parse(&address, c->address, err);
}

static int check(const void *config, const char **action, struct ccb_error *err)
{
    int code = check_names(config, err);

    *action = "invalid-configuration";
    if (code == 0)
        code = check_numbers(config, err);
    return code == 0 ? check_state(config, err) : code;
}

/* ---- life: the instance is the cell's API ------------------------------- */

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    (void)log;
    (void)err;
    *shared = (void *)(uintptr_t)config;
    return 0;
}

static void release(void *shared)
{
    (void)shared; /* is the daemon's */
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_cell_config *c = shared;
    struct ccb_cell *cell;
    int code;

    code = ccb_cell_open(&cell, c, worker, err);
    if (code == 0)
        *instance = cell->api; /* what the routes are given */
    return code;
}

static void stop(void *instance)
{
    ccb_cell_stop(ccb_api_owner(instance));
}

static void close_instance(void *instance)
{
    ccb_cell_close(ccb_api_owner(instance));
}

static size_t doors(const void *config, struct ccb_door *out)
{
    const struct ccb_cell_config *c = config;

    *out = (struct ccb_door){
        .flag = "-address",
        .routes = ccb_api_routes,
        .route_count = ccb_api_route_count,
    };
    return ccb_http_address_parse(&out->at, c->address, NULL) == CCB_OK;
}

const struct ccb_role ccb_receptor_role = {
    .name = "receptor",
    .summary = "runs tasks and LRPs in containers of this machine",
    .single = true,
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_cell_config),
    .ready = "started",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .stop = stop,
    .close = close_instance,
};
