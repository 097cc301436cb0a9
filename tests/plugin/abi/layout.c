/*
 * The layout of everything that crosses to a plugin, against what was released.
 * Built once with the present headers and once with each kept minor's, so that
 * a golden is known to be of the headers it names. A golden never changes once
 * its minor is out (ccbridge/lifecycle.h, rules 3 and 4).
 *
 *   plugin_abi_layout --print
 *   plugin_abi_layout GOLDEN [OLDER-GOLDEN...]
 *
 * The layout must be GOLDEN's to the letter. Of an OLDER golden every member
 * must be where it was; only sizes may have grown, and only of structs that
 * carry their size. Sizes are those of a machine of 64 bits.
 */
#include <stdio.h>
#include <string.h>

#include "ccbridge/lifecycle.h"

enum { MAX_LINE = 160 };

struct row {
    const char *type, *member; /* member NULL: the struct itself */
    size_t offset, size;
};

#define WHOLE(type)                                                            \
    {                                                                          \
#type, NULL, 0, sizeof(struct type)                                    \
    }
#define MEMBER(type, member)                                                   \
    {                                                                          \
#type, #member, offsetof(struct type, member),                         \
            sizeof(((struct type *)0)->member)                                 \
    }

static const struct row rows[] = {
    WHOLE(ccb_slice),
    MEMBER(ccb_slice, ptr),
    MEMBER(ccb_slice, len),
    WHOLE(ccb_request),
    MEMBER(ccb_request, struct_size),
    MEMBER(ccb_request, reserved),
    MEMBER(ccb_request, guid),
    MEMBER(ccb_request, dialect),
    MEMBER(ccb_request, message),
    MEMBER(ccb_request, facts),
    MEMBER(ccb_request, gathered),
    WHOLE(ccb_host),
    MEMBER(ccb_host, struct_size),
    MEMBER(ccb_host, abi_major),
    MEMBER(ccb_host, abi_minor),
    MEMBER(ccb_host, emit),
    MEMBER(ccb_host, alloc),
    MEMBER(ccb_host, fail),
    MEMBER(ccb_host, need_facts),
    MEMBER(ccb_host, log),
    MEMBER(ccb_host, remaining_ms),
    MEMBER(ccb_host, cancelled),
    MEMBER(ccb_host, get_service),
    WHOLE(ccb_staging_1),
    MEMBER(ccb_staging_1, struct_size),
    MEMBER(ccb_staging_1, reserved),
    MEMBER(ccb_staging_1, build_recipe),
    MEMBER(ccb_staging_1, build_response),
    WHOLE(ccb_run_1),
    MEMBER(ccb_run_1, struct_size),
    MEMBER(ccb_run_1, reserved),
    MEMBER(ccb_run_1, build_lrp),
    MEMBER(ccb_run_1, build_task),
    WHOLE(ccb_ports_1),
    MEMBER(ccb_ports_1, struct_size),
    MEMBER(ccb_ports_1, reserved),
    MEMBER(ccb_ports_1, extract),
    WHOLE(ccb_docker_image_1),
    MEMBER(ccb_docker_image_1, struct_size),
    MEMBER(ccb_docker_image_1, reserved),
    MEMBER(ccb_docker_image_1, convert_uri),
    MEMBER(ccb_docker_image_1, cache_args),
    WHOLE(ccb_selftest_1),
    MEMBER(ccb_selftest_1, struct_size),
    MEMBER(ccb_selftest_1, reserved),
    MEMBER(ccb_selftest_1, run),
    WHOLE(ccb_lifecycle_entry),
    MEMBER(ccb_lifecycle_entry, magic),
    MEMBER(ccb_lifecycle_entry, abi_major),
    MEMBER(ccb_lifecycle_entry, abi_minor_built),
    MEMBER(ccb_lifecycle_entry, abi_minor_required),
    MEMBER(ccb_lifecycle_entry, reserved),
    MEMBER(ccb_lifecycle_entry, struct_size),
    MEMBER(ccb_lifecycle_entry, id),
    MEMBER(ccb_lifecycle_entry, version),
    MEMBER(ccb_lifecycle_entry, create),
    MEMBER(ccb_lifecycle_entry, destroy),
    MEMBER(ccb_lifecycle_entry, get_interface),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void format_head(char *line)
{
    snprintf(line, MAX_LINE, "abi %d.%d\n", CCB_ABI_MAJOR, CCB_ABI_MINOR);
}

static void format_row(char *line, const struct row *row)
{
    if (row->member)
        snprintf(line, MAX_LINE, "%s.%s offset %zu size %zu\n", row->type,
                 row->member, row->offset, row->size);
    else
        snprintf(line, MAX_LINE, "%s size %zu\n", row->type, row->size);
}

static int complain(const char *file, const char *want, const char *have)
{
    fprintf(stderr, "%s:\n  released: %s  now:      %s", file, want, have);
    return 1;
}

/* The same lines in the same order, and no others. */
static int compare_golden(const char *path, FILE *golden)
{
    char want[MAX_LINE], have[MAX_LINE];
    int wrong = 0;

    for (size_t i = 0; i <= ROWS; i++) {
        if (i == 0)
            format_head(have);
        else
            format_row(have, &rows[i - 1]);
        if (!fgets(want, sizeof(want), golden))
            snprintf(want, sizeof(want), "(nothing)\n");
        if (strcmp(want, have) != 0)
            wrong |= complain(path, want, have);
    }
    if (fgets(want, sizeof(want), golden))
        wrong |= complain(path, want, "(nothing)\n");
    return wrong;
}

static const struct row *find_row(const char *name)
{
    char own[MAX_LINE];

    for (size_t i = 0; i < ROWS; i++) {
        snprintf(own, sizeof(own), "%s%s%s", rows[i].type,
                 rows[i].member ? "." : "",
                 rows[i].member ? rows[i].member : "");
        if (strcmp(own, name) == 0)
            return &rows[i];
    }
    return NULL;
}

/* A slice has no size in front, so it can't even grow. */
static int has_grown(const struct row *row, const char *line)
{
    size_t size;

    return !row->member && strcmp(row->type, "ccb_slice") != 0 &&
           sscanf(line, "%*s size %zu", &size) == 1 && row->size >= size;
}

static int compare_older(const char *path, FILE *golden)
{
    char want[MAX_LINE], have[MAX_LINE], name[MAX_LINE];
    int major = 0, minor = 0, wrong = 0;

    if (fscanf(golden, "abi %d.%d\n", &major, &minor) != 2 ||
        major != CCB_ABI_MAJOR || minor >= CCB_ABI_MINOR) {
        fprintf(stderr, "%s is of abi %d.%d: no older minor\n", path, major,
                minor);
        return 1;
    }
    while (fgets(want, sizeof(want), golden)) {
        const struct row *row = NULL;

        if (sscanf(want, "%159s", name) == 1)
            row = find_row(name);
        if (!row) {
            wrong |= complain(path, want, "(nothing)\n");
            continue;
        }
        format_row(have, row);
        if (strcmp(want, have) != 0 && !has_grown(row, want))
            wrong |= complain(path, want, have);
    }
    return wrong;
}

static int with_file(const char *path, int (*compare)(const char *, FILE *))
{
    FILE *golden = fopen(path, "r");
    int wrong;

    if (!golden) {
        perror(path);
        return 1;
    }
    wrong = compare(path, golden);
    fclose(golden);
    return wrong;
}

static int print_layout(void)
{
    char line[MAX_LINE];

    format_head(line);
    fputs(line, stdout);
    for (size_t i = 0; i < ROWS; i++) {
        format_row(line, &rows[i]);
        fputs(line, stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int wrong = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: %s --print | GOLDEN [OLDER-GOLDEN...]\n",
                argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "--print") == 0)
        return print_layout();
    for (int i = 1; i < argc; i++)
        wrong |= with_file(argv[i], i == 1 ? compare_golden : compare_older);
    return wrong;
}
