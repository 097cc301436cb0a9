/*
 * Ways out of a container, each tried from inside as vcap and as root, with
 * the test program itself as the intruder: it is unpacked into the container
 * and started there with the word "intrude". Every row must be refused. The
 * file system, the processes, the network and the rights of the host stay out
 * of reach.
 */
#include "container_files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "container_tar.h"

/* What the test tells the intruder about the host. */
struct host {
    int pid, port;
    const char *path, *abstract;
};

/* ---- the attempts: 0 when one succeeds ----------------------------------- */

static int try_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0 ? close(fd) : -1;
}

static int write_to_root(const struct host *host)
{
    (void)host;
    return try_open("/intruder");
}

static int write_to_usr(const struct host *host)
{
    (void)host;
    return try_open("/usr/intruder");
}

static int write_to_etc(const struct host *host)
{
    (void)host;
    return try_open("/etc/passwd");
}

static int write_to_proc(const struct host *host)
{
    int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);

    (void)host;
    return fd >= 0 ? close(fd) : -1;
}

static int see_host_files(const struct host *host)
{
    return access(host->path, F_OK);
}

static int read_shadow(const struct host *host)
{
    int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);

    (void)host;
    return fd >= 0 ? close(fd) : -1;
}

static int remount_root(const struct host *host)
{
    (void)host;
    return mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int remount_usr(const struct host *host)
{
    (void)host;
    return mount("none", "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int mount_tmpfs(const struct host *host)
{
    (void)host;
    return mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
}

static int bind_mount(const struct host *host)
{
    (void)host;
    return mount("/tmp", "/app", NULL, MS_BIND, NULL);
}

static int unmount_passwd(const struct host *host)
{
    (void)host;
    return umount2("/etc/passwd", MNT_DETACH);
}

static int make_device(const struct host *host)
{
    (void)host;
    return mknod("/tmp/disk", S_IFBLK | 0666, makedev(254, 0));
}

static int new_users(const struct host *host)
{
    (void)host;
    return unshare(CLONE_NEWUSER);
}

static int new_mounts(const struct host *host)
{
    (void)host;
    return unshare(CLONE_NEWNS);
}

static int change_root(const struct host *host)
{
    (void)host;
    return chroot("/tmp");
}

static int see_host_process(const struct host *host)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d", host->pid);
    return access(path, F_OK);
}

static int signal_host_process(const struct host *host)
{
    return kill(host->pid, 0);
}

static int trace_init(const struct host *host)
{
    (void)host;
    return (int)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static int look_into_init(const struct host *host)
{
    int fd = open("/proc/1/fd/3", O_RDWR | O_CLOEXEC);

    (void)host;
    return fd >= 0 ? close(fd) : -1;
}

static int read_init_memory(const struct host *host)
{
    int fd = open("/proc/1/mem", O_RDONLY | O_CLOEXEC);

    (void)host;
    return fd >= 0 ? close(fd) : -1;
}

/* Signals to the first process of a pid name space from inside are dropped:
 * that it is still there is the refusal. */
static int kill_init(const struct host *host)
{
    (void)host;
    (void)kill(1, SIGKILL);
    return kill(1, 0) == 0 || errno == EPERM ? -1 : 0;
}

static int host_loopback(const struct host *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)host->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int host_abstract_socket(const struct host *host)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path + 1, host->abstract, strlen(host->abstract));
    return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int raw_socket(const struct host *host)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

    (void)host;
    return fd >= 0 ? close(fd) : -1;
}

static int set_host_name(const struct host *host)
{
    (void)host;
    return sethostname("intruder", 8);
}

static int regain_rights(const struct host *host)
{
    (void)host;
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
        struct __user_cap_header_struct header = {
            .version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {{0}};

        data[cap / 32].permitted = 1U << (cap % 32);
        if (cap == CAP_SYS_ADMIN && syscall(SYS_capset, &header, data) == 0)
            return 0;
    }
    return -1;
}

static int keep_new_privileges(const struct host *host)
{
    (void)host;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0;
}

/* Rights beyond those over the container's own files, users and processes. */
static int have_rights(const struct host *host)
{
    const uint64_t own = 0x4fb;
    char line[256];
    uint64_t rights = 0;
    FILE *file = fopen("/proc/self/status", "re");

    (void)host;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "Cap", 3) == 0)
            rights |= strtoull(strchr(line, ':') + 1, NULL, 16);
    return file != NULL && (rights & ~own) == 0 ? -1 : 0;
}

static const struct {
    const char *name;
    int (*attempt)(const struct host *host);
} attempts[] = {
    {"write to /", write_to_root},
    {"write to /usr", write_to_usr},
    {"write to /etc/passwd", write_to_etc},
    {"write to /proc/sys", write_to_proc},
    {"see files of the host", see_host_files},
    {"read /etc/shadow", read_shadow},
    {"remount /", remount_root},
    {"remount /usr", remount_usr},
    {"mount tmpfs", mount_tmpfs},
    {"bind mount", bind_mount},
    {"unmount /etc/passwd", unmount_passwd},
    {"make a device", make_device},
    {"make a user name space", new_users},
    {"make a mount name space", new_mounts},
    {"chroot", change_root},
    {"see a process of the host", see_host_process},
    {"signal a process of the host", signal_host_process},
    {"trace init", trace_init},
    {"take init's socket", look_into_init},
    {"read init's memory", read_init_memory},
    {"kill init", kill_init},
    {"reach the host's loopback", host_loopback},
    {"reach an abstract socket of the host", host_abstract_socket},
    {"open a raw socket", raw_socket},
    {"set the host name", set_host_name},
    {"regain CAP_SYS_ADMIN", regain_rights},
    {"gain privileges by exec", keep_new_privileges},
    {"have rights", have_rights},
};
#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

/* Inside: says what succeeded, and at the end how many were tried. */
static int intrude(char **argv)
{
    struct host host = {(int)strtol(argv[0], NULL, 10),
                        (int)strtol(argv[1], NULL, 10), argv[2], argv[3]};

    for (size_t i = 0; i < ATTEMPTS; i++)
        if (attempts[i].attempt(&host) == 0)
            (void)printf("SUCCEEDED: %s\n", attempts[i].name);
    (void)printf("%zu tried\n", ATTEMPTS);
    return 0;
}

/* ---- the test ------------------------------------------------------------ */

static void read_self(struct ccb_buf *program)
{
    FILE *self = fopen("/proc/self/exe", "re");
    char bytes[4096];
    size_t n;

    assert_non_null(self);
    while ((n = fread(bytes, 1, sizeof(bytes), self)) > 0)
        (void)ccb_buf_append(program, bytes, n);
    (void)fclose(self);
}

static void put_intruder(struct box *box)
{
    struct ccb_buf program = {0}, tar = {0};
    struct transfer transfer;

    read_self(&program);
    tar_put(&tar, '0', "intruder", "", 0755, ccb_buf_slice(&program));
    tar_end(&tar);
    unpack_whole(&transfer, box, "/app", "vcap", ccb_buf_slice(&tar), 65536);
    assert_string_equal(transfer.err.message, "");
    ccb_buf_destroy(&program);
    ccb_buf_destroy(&tar);
}

/* A listener of the host; its port, or (abstract) its name. */
static int listen_on(int domain, const struct sockaddr *address, socklen_t len,
                     int *port)
{
    struct sockaddr_in bound;
    socklen_t size = sizeof(bound);
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, address, len), 0);
    assert_int_equal(listen(fd, 9), 0);
    if (port != NULL) {
        assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &size), 0);
        *port = ntohs(bound.sin_port);
    }
    return fd;
}

static void intrude_as(struct box *box, const char *user, const char *port,
                       const char *abstract)
{
    /* A high pid can't be one of the container's by chance. */
    char pid[16], wanted[32];
    const char *const args[] = {"intrude", pid, port, box->bed->directory,
                                abstract};
    const char *const env[] = {"ASAN_OPTIONS=detect_leaks=0"};
    struct run run;
    struct ccb_step step = run_step(&run, user, args, 5);
    pid_t host = fork();

    if (host == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the test fails */
        (void)pause();
        _exit(0);
    }
    (void)snprintf(pid, sizeof(pid), "%d", (int)host);
    (void)snprintf(wanted, sizeof(wanted), "%zu tried\n", ATTEMPTS);
    step.path = "/app/intruder";
    step.env = env;
    step.env_count = 1;
    run_start(&run, box, &step);
    bed_wait(box->bed, &run.closed);
    assert_string_equal(run_text(&run.err), "");
    assert_string_equal(run_text(&run.out), wanted);
    assert_int_equal(run.exit.code, 0);
    run_free(&run);
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, NULL, 0), host);
}

static void test_nothing_leads_out(void **state)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char abstract[32], port[16];
    struct box box;
    int tcp, local, number;

    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)snprintf(abstract, sizeof(abstract), "ccb-%d", (int)getpid());
    memcpy(name.sun_path + 1, abstract, strlen(abstract));
    tcp = listen_on(AF_INET, (const struct sockaddr *)&loopback,
                    sizeof(loopback), &number);
    local =
        listen_on(AF_UNIX, (const struct sockaddr *)&name, sizeof(name), NULL);
    (void)snprintf(port, sizeof(port), "%d", number);
    box_open(&box, *state);
    put_intruder(&box);
    intrude_as(&box, "vcap", port, abstract);
    intrude_as(&box, "root", port, abstract);
    run_says(&box, "vcap", "echo still here", "still here\n");
    box_close(&box);
    (void)close(tcp);
    (void)close(local);
}

/* vcap has no right at all, not even in its own name space. */
static void test_vcap_has_no_rights(void **state)
{
    struct box box;

    box_open(&box, *state);
    run_says(&box, "vcap",
             "grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | "
             "sort -u -k2",
             "CapInh:\t0000000000000000\n");
    box_close(&box);
}

static void test_containers_do_not_see_each_other(void **state)
{
    struct box one, two = {.bed = *state};
    struct ccb_container_options options = box_options(&two, 1);

    box_open(&one, *state);
    box_create(&two, &options);
    assert_string_equal(two.err.message, "");
    run_says(&one, "vcap", "echo x > /tmp/mine; ls /proc | grep -c '^[0-9]'",
             "4\n"); /* init, the shell, ls, grep */
    run_says(&two, "vcap", "ls /tmp /app /home/vcap",
             "/app:\n\n/home/vcap:\n\n/tmp:\n");
    box_close(&one);
    run_says(&two, "vcap", "echo still here", "still here\n");
    box_close(&two);
}

/* On the host, processes of the container are of its range and have no right
 * in the host's user name space. */
static void test_outside_its_processes_are_nobody(void **state)
{
    struct box box;
    struct run run;
    char path[128];
    struct stat info;

    box_open(&box, *state);
    run_says(&box, "root", "echo x > /tmp/by-root", "");
    run_says(&box, "vcap", "echo x > /tmp/by-vcap", "");
    (void)snprintf(path, sizeof(path), "%s/app-%d-0/tmp/by-root",
                   box.bed->directory, (int)getpid());
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_uid, 700000);
    memcpy(strrchr(path, '-'), "-vcap", 6);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_uid, 702000);
    run_whole(&run, &box, "root", "cat /proc/self/uid_map");
    assert_non_null(strstr(run_text(&run.out), "700000      65536"));
    run_free(&run);
    box_close(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_leads_out),
        TEST(test_vcap_has_no_rights),
        TEST(test_containers_do_not_see_each_other),
        TEST(test_outside_its_processes_are_nobody),
    };

    if (argc == 6 && strcmp(argv[1], "intrude") == 0)
        return intrude(argv + 2);
    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
