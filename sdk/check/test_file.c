/*
 * Tests of the file as it lies there: nothing of the plugin runs. Follows
 * anchors 3.8.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "elf_file.h"
#include "test.h"

void ccb_test_manifest(struct ccb_check_subject *s,
                       struct ccb_check_outcome *out,
                       const struct ccb_check_options *options)
{
    (void)options;
    /* Getting here was the test. */
    snprintf(out->subject, sizeof(out->subject), "%.*s %.*s",
             (int)s->manifest.id.len, s->manifest.id.ptr,
             (int)s->manifest.version.len, s->manifest.version.ptr);
    ccb_check_remark(out, "%zu claims, %zu interfaces",
                     s->manifest.claims.count, s->manifest.interfaces.count);
}

/* Opens the file's tables, or skips the test. */
static bool open_elf(struct ccb_elf *elf, const struct ccb_check_subject *s,
                     struct ccb_check_outcome *out)
{
    struct ccb_error err;

    if (ccb_elf_open(elf, s->file, &err) == 0)
        return true;
    ccb_check_skip(out, "the file can't be looked into: %s", err.message);
    return false;
}

static bool is_exported(const Elf64_Sym *symbol)
{
    return symbol->st_shndx != SHN_UNDEF &&
           ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
           ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
}

/* ---- symbols ------------------------------------------------------------ */

/* The names of symbols, ", " between, "..." when there are too many. */
struct list {
    char text[200];
    size_t count;
};

static void list_add(struct list *list, const char *name)
{
    size_t len = strlen(list->text);

    if (list->count++ < 6)
        snprintf(list->text + len, sizeof(list->text) - len, "%s%.60s",
                 len > 0 ? ", " : "", name);
    else if (list->count == 7)
        snprintf(list->text + len, sizeof(list->text) - len, ", ...");
}

static void list_symbols(struct list *list, const struct ccb_elf *elf,
                         bool (*wanted)(const Elf64_Sym *symbol,
                                        const char *name))
{
    memset(list, 0, sizeof(*list));
    for (size_t i = 1; i < elf->symbol_count; i++) {
        const char *name = ccb_elf_name(elf, elf->symbols[i].st_name);

        if (wanted(&elf->symbols[i], name))
            list_add(list, name);
    }
}

/* The linker's own and a sanitizer's are nobody's fault. */
static bool is_tool_symbol(const char *name)
{
    static const char *const prefixes[] = {
        "_init", "_fini",   "__bss_start", "_edata",
        "_end",  "__asan_", "__odr_asan",  "__ubsan_"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static bool is_extra_export(const Elf64_Sym *symbol, const char *name)
{
    return is_exported(symbol) && !is_tool_symbol(name) &&
           strcmp(name, CCB_ENTRY_SYMBOL) != 0;
}

void ccb_test_exports(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    struct list list;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    list_symbols(&list, &elf, is_extra_export);
    if (list.count > 0)
        ccb_check_fail(out, CCB_RULE_4, "only " CCB_ENTRY_SYMBOL,
                       "%zu more: %s", list.count, list.text);
    ccb_elf_close(&elf);
}

static bool is_unique(const Elf64_Sym *symbol, const char *name)
{
    (void)name;
    return symbol->st_shndx != SHN_UNDEF &&
           ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE;
}

void ccb_test_unique(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                     const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    struct list list;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    list_symbols(&list, &elf, is_unique);
    if (list.count > 0)
        ccb_check_fail(out, CCB_RULE_7, "no GNU-unique symbols", "%zu: %s",
                       list.count, list.text);
    ccb_elf_close(&elf);
}

static bool in_words(const char *words, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = words; *at && len > 0;) {
        size_t word = strcspn(at, " ");

        if (word == len && strncmp(at, name, len) == 0)
            return true;
        at += word + (at[word] == ' ');
    }
    return false;
}

static bool is_at_exit(const Elf64_Sym *symbol, const char *name)
{
    return symbol->st_shndx == SHN_UNDEF &&
           in_words("atexit __cxa_atexit on_exit at_quick_exit "
                    "__cxa_at_quick_exit __cxa_thread_atexit "
                    "__cxa_thread_atexit_impl",
                    name);
}

void ccb_test_at_exit(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    struct list list;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    list_symbols(&list, &elf, is_at_exit);
    if (list.count > 0)
        ccb_check_warn(out, CCB_RULE_8, "nothing for the end of the process",
                       "it imports %s", list.text);
    ccb_elf_close(&elf);
}

static bool is_impure(const Elf64_Sym *symbol, const char *name)
{
    static const char *const families[] = {
        "fork vfork _Fork clone posix_spawn posix_spawnp system popen daemon "
        "execve execv execvp execvpe execl execlp execle fexecve kill raise "
        "setsid setpgid ptrace exit _exit _Exit quick_exit",
        "socket socketpair connect bind listen accept accept4 send sendto "
        "sendmsg recv recvfrom recvmsg getaddrinfo gethostbyname",
        "open open64 openat openat64 creat fopen fopen64 freopen tmpfile "
        "mkstemp mkdir rmdir unlink unlinkat rename remove symlink opendir "
        "chmod chown truncate",
        "signal sigaction sigprocmask pthread_sigmask alarm setitimer "
        "timer_create",
        "setenv unsetenv putenv clearenv chdir fchdir chroot umask setlocale "
        "uselocale setrlimit setuid setgid prctl tzset",
        "time gettimeofday clock_gettime clock localtime localtime_r rand "
        "random srand drand48 getrandom getentropy arc4random sleep usleep "
        "nanosleep",
        "getenv secure_getenv environ gethostname getpid getcwd getuid "
        "dlopen dlmopen",
        "printf puts putchar perror vprintf __printf_chk stdout stdin",
    };

    if (symbol->st_shndx != SHN_UNDEF)
        return false;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (in_words(families[i], name))
            return true;
    return false;
}

void ccb_test_imports(struct ccb_check_subject *s,
                      struct ccb_check_outcome *out,
                      const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    struct list list;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    list_symbols(&list, &elf, is_impure);
    if (list.count > 0)
        ccb_check_warn(out, CCB_RULE_9, "what computing needs, no more",
                       "it imports %s", list.text);
    ccb_elf_close(&elf);
}

/* ---- segments and dynamic entries --------------------------------------- */

void ccb_test_text_relocations(struct ccb_check_subject *s,
                               struct ccb_check_outcome *out,
                               const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    Elf64_Xword flags = 0;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    ccb_elf_has_tag(&elf, DT_FLAGS, &flags);
    if (ccb_elf_has_tag(&elf, DT_TEXTREL, NULL) || (flags & DF_TEXTREL))
        ccb_check_fail(out, CCB_RULE_5, "no text relocations", "DT_TEXTREL");
    ccb_elf_close(&elf);
}

void ccb_test_stack(struct ccb_check_subject *s, struct ccb_check_outcome *out,
                    const struct ccb_check_options *options)
{
    struct ccb_elf elf;
    const char *found = "no PT_GNU_STACK, which means executable";

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    for (size_t i = 0; i < elf.segment_count; i++)
        if (elf.segments[i].p_type == PT_GNU_STACK)
            found = elf.segments[i].p_flags & PF_X ? "PT_GNU_STACK executable"
                                                   : NULL;
    if (found)
        ccb_check_fail(out, CCB_RULE_6, "a stack without code", "%s", found);
    ccb_elf_close(&elf);
}

/* One of the places, whose text is `len` long. */
static void check_place(struct ccb_check_outcome *out, const char *text,
                        size_t len)
{
    char place[1024];
    struct stat info;

    snprintf(place, sizeof(place), "%.*s", (int)len, text);
    if (place[0] != '/')
        ccb_check_fail(out, CCB_RULE_11, "absolute places",
                       "\"%s\" in its library path", place);
    else if (stat(place, &info) < 0)
        ccb_check_warn(out, CCB_RULE_11, "places that are there",
                       "%s in its library path is not there, and whoever can "
                       "make it decides what is loaded",
                       place);
    else if ((info.st_mode & 0022) || info.st_uid != 0)
        ccb_check_fail(out, CCB_RULE_11, "places that only root may write",
                       "%s in its library path, mode %03o of user %u", place,
                       (unsigned)info.st_mode & 0777, (unsigned)info.st_uid);
}

void ccb_test_library_path(struct ccb_check_subject *s,
                           struct ccb_check_outcome *out,
                           const struct ccb_check_options *options)
{
    static const Elf64_Sxword tags[] = {DT_RPATH, DT_RUNPATH};
    struct ccb_elf elf;

    (void)options;
    if (!open_elf(&elf, s, out))
        return;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        Elf64_Xword name = 0;

        if (!ccb_elf_has_tag(&elf, tags[i], &name))
            continue;
        for (const char *text = ccb_elf_name(&elf, name);;) {
            size_t len = strcspn(text, ":");

            check_place(out, text, len);
            if (text[len] == '\0')
                break;
            text += len + 1;
        }
    }
    ccb_elf_close(&elf);
}
