/*
 * Reading a manifest from a file that nobody runs: what is found, and what is
 * refused for which reason (anchors 3.4, 3.9).
 */
#include "zoo_testing.h"

#include <elf.h>
#include <sys/mman.h>

#include "plugin/manifest.h"
#include "plugin/note.h"

#define GOOD                                                                   \
    "{\"manifest\":1,\"id\":\"a\",\"version\":\"1\",\"claims\":[\"a\"],"       \
    "\"interfaces\":[\"ccb.run/1\"]}"

/* ---- files in memory ---------------------------------------------------- */

static int memory_file(const void *bytes, size_t len)
{
    int fd = memfd_create("plugin", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal((ssize_t)len, write(fd, bytes, len));
    return fd;
}

/* Reads a manifest from bytes; the reason, or NONE. */
static enum ccb_refusal read_bytes(const void *bytes, size_t len,
                                   struct ccb_plugin_refusal *refusal)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_manifest manifest;
    int fd = memory_file(bytes, len);
    int code = ccb_manifest_read(&manifest, fd, arena, refusal);

    close(fd);
    ccb_arena_unref(arena);
    assert_true(code == 0 || code == CCB_INVALID);
    return code ? refusal->reason : CCB_REFUSED_NONE;
}

/* The least ELF file with one note, found by a segment or by a section. */
struct tiny {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr section;
    Elf64_Nhdr foreign;
    char foreign_name[8];
    Elf64_Nhdr note;
    char name[4];
    char text[256];
};

static struct tiny make_tiny(const char *text, bool by_segment)
{
    struct tiny t = {
        .header = {.e_type = ET_DYN,
                   .e_machine = EM_X86_64,
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_shentsize = sizeof(Elf64_Shdr)},
        .foreign = {.n_namesz = 5, .n_descsz = 0, .n_type = 1},
        .foreign_name = "NoOne",
        .note = {.n_namesz = 4,
                 .n_descsz = (Elf64_Word)strlen(text),
                 .n_type = CCB_NOTE_TYPE},
        .name = CCB_NOTE_OWNER,
    };

#ifdef __aarch64__
    t.header.e_machine = EM_AARCH64;
#endif
    memcpy(t.header.e_ident, ELFMAG, SELFMAG);
    t.header.e_ident[EI_CLASS] = ELFCLASS64;
    t.header.e_ident[EI_DATA] = ELFDATA2LSB;
    t.segment.p_type = PT_NOTE;
    t.segment.p_offset = offsetof(struct tiny, foreign);
    t.segment.p_filesz = sizeof(t) - offsetof(struct tiny, foreign);
    t.segment.p_align = 4;
    t.section.sh_type = SHT_NOTE;
    t.section.sh_offset = t.segment.p_offset;
    t.section.sh_size = t.segment.p_filesz;
    t.section.sh_addralign = 4;
    t.header.e_phoff = offsetof(struct tiny, segment);
    t.header.e_shoff = offsetof(struct tiny, section);
    t.header.e_phnum = by_segment;
    t.header.e_shnum = !by_segment;
    memcpy(t.text, text, strlen(text));
    return t;
}

/* ---- tests -------------------------------------------------------------- */

static void test_a_plugin_file_says_what_it_is(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin_refusal refusal;
    struct ccb_manifest m;
    const struct ccb_slice *items;
    int fd = open(ZOO_DIR "/result_form.so", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(0, ccb_manifest_read(&m, fd, arena, &refusal));
    close(fd);
    assert_true(ccb_slice_is(m.id, "zoo.result-form"));
    assert_true(ccb_slice_is(m.version, "1.2.3"));
    assert_true(ccb_slice_is(m.result_form, "zoo.good"));
    assert_false(m.concurrent);
    assert_int_equal(2, m.claims.count);
    items = m.claims.items;
    assert_true(ccb_slice_starts(items[0], "result"));
    assert_true(ccb_manifest_offers(&m, CCB_STAGING_1));
    assert_false(ccb_manifest_offers(&m, CCB_DOCKER_IMAGE_1));
    assert_false(ccb_manifest_offers(&m, "ccb.staging/1x"));
    ccb_arena_unref(arena);
}

static void test_the_note_is_found_by_segment_and_by_section(void **state)
{
    struct ccb_plugin_refusal refusal;

    (void)state;
    for (int by_segment = 0; by_segment < 2; by_segment++) {
        struct tiny t = make_tiny(GOOD, by_segment);

        assert_int_equal(CCB_REFUSED_NONE, read_bytes(&t, sizeof(t), &refusal));
        t.note.n_type = 2;
        assert_int_equal(CCB_REFUSED_NO_MANIFEST,
                         read_bytes(&t, sizeof(t), &refusal));
        t.note.n_type = CCB_NOTE_TYPE;
        t.name[0] = 'X';
        assert_int_equal(CCB_REFUSED_NO_MANIFEST,
                         read_bytes(&t, sizeof(t), &refusal));
    }
}

static void test_a_note_of_any_claimed_length_is_bounded(void **state)
{
    static const uint32_t lengths[] = {UINT32_C(1) << 31, UINT32_MAX, 65537,
                                       300};
    struct ccb_plugin_refusal refusal;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct tiny t = make_tiny(GOOD, true);

        t.note.n_descsz = lengths[i];
        assert_int_equal(CCB_REFUSED_BAD_MANIFEST,
                         read_bytes(&t, sizeof(t), &refusal));
        assert_contains(refusal.expected, "65536");
        t = make_tiny(GOOD, true);
        t.foreign.n_descsz = lengths[i]; /* hides ours: ends the walk */
        assert_int_equal(CCB_REFUSED_NO_MANIFEST,
                         read_bytes(&t, sizeof(t), &refusal));
    }
}

static void test_a_whole_note_over_the_limit_is_refused(void **state)
{
    enum { SIZE = 65537 };
    struct tiny t = make_tiny(GOOD, true);
    size_t len = sizeof(t) + SIZE;
    char *bytes = ccb_calloc(1, len);
    struct ccb_plugin_refusal refusal;

    (void)state;
    assert_non_null(bytes);
    t.note.n_descsz = SIZE;
    t.segment.p_filesz += SIZE;
    memcpy(bytes, &t, sizeof(t));
    assert_int_equal(CCB_REFUSED_BAD_MANIFEST,
                     read_bytes(bytes, len, &refusal));
    assert_contains(refusal.found, "65537");
    ccb_free(bytes);
}

struct header_row {
    const char *what;
    size_t offset;
    uint64_t value;
    size_t width;
    enum ccb_refusal reason;
};

static void test_headers_that_lie_are_refused(void **state)
{
#define SEGMENT(member) offsetof(struct tiny, segment.member)
    static const struct header_row rows[] = {
        {"magic", 0, 0x7e, 1, CCB_REFUSED_NOT_ELF},
        {"32 bits", EI_CLASS, ELFCLASS32, 1, CCB_REFUSED_MACHINE},
        {"big-endian", EI_DATA, ELFDATA2MSB, 1, CCB_REFUSED_MACHINE},
        {"machine", offsetof(Elf64_Ehdr, e_machine), EM_S390, 2,
         CCB_REFUSED_MACHINE},
        {"type", offsetof(Elf64_Ehdr, e_type), ET_EXEC, 2, CCB_REFUSED_NOT_ELF},
        {"segments' offset", offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 3, 8,
         CCB_REFUSED_NOT_ELF},
        {"segments' number", offsetof(Elf64_Ehdr, e_phnum), 511, 2,
         CCB_REFUSED_NOT_ELF},
        {"segments' cap", offsetof(Elf64_Ehdr, e_phnum), 0xffff, 2,
         CCB_REFUSED_NOT_ELF},
        {"segments' size", offsetof(Elf64_Ehdr, e_phentsize), 1, 2,
         CCB_REFUSED_NOT_ELF},
        {"sections' offset", offsetof(Elf64_Ehdr, e_shoff), 1 << 20, 8,
         CCB_REFUSED_NOT_ELF},
        {"note's offset", SEGMENT(p_offset), UINT64_MAX - 8, 8,
         CCB_REFUSED_NO_MANIFEST},
        {"note's size", SEGMENT(p_filesz), UINT64_MAX, 8,
         CCB_REFUSED_NO_MANIFEST},
        {"note cut off", SEGMENT(p_filesz), 11, 8, CCB_REFUSED_NO_MANIFEST},
        {"code past the end", SEGMENT(p_type), PT_LOAD, 4,
         CCB_REFUSED_NO_MANIFEST},
    };
    struct ccb_plugin_refusal refusal;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tiny t = make_tiny(GOOD, true);

        memcpy((char *)&t + rows[i].offset, &rows[i].value, rows[i].width);
        if (read_bytes(&t, sizeof(t), &refusal) != rows[i].reason)
            fail_msg("%s: reason %d", rows[i].what, (int)refusal.reason);
    }
}

static void test_code_past_the_end_is_cut_short(void **state)
{
    struct tiny t = make_tiny(GOOD, true);
    struct ccb_plugin_refusal refusal;

    (void)state;
    t.segment.p_type = PT_LOAD;
    t.segment.p_filesz = 1 << 20;
    assert_int_equal(CCB_REFUSED_NOT_ELF, read_bytes(&t, sizeof(t), &refusal));
    assert_contains(refusal.found, "code would end at");
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    size_t len;
    char *bytes = zoo_read(ZOO_DIR "/good.so", &len);
    struct ccb_plugin_refusal refusal;

    (void)state;
    assert_int_equal(CCB_REFUSED_NONE, read_bytes(bytes, len, &refusal));
    for (size_t cut = 0; cut < len; cut += cut < 64 ? 1 : 97)
        assert_int_equal(CCB_REFUSED_NOT_ELF, read_bytes(bytes, cut, &refusal));
    ccb_free(bytes);
}

static void test_what_is_no_regular_file_is_refused(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin_refusal refusal;
    struct ccb_manifest m;
    int fd = open(ZOO_DIR, O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(CCB_INVALID, ccb_manifest_read(&m, fd, arena, &refusal));
    assert_int_equal(CCB_REFUSED_UNREADABLE, refusal.reason);
    close(fd);
    assert_int_equal(CCB_INVALID, ccb_manifest_read(&m, fd, arena, &refusal));
    assert_int_equal(CCB_REFUSED_UNREADABLE, refusal.reason);
    ccb_arena_unref(arena);
}

#define M(id, version, claims, interfaces)                                     \
    "{\"manifest\":1,\"id\":" id ",\"version\":" version ",\"claims\":" claims \
    ",\"interfaces\":" interfaces "}"

static void test_each_member_of_a_manifest_is_checked(void **state)
{
    static const struct {
        const char *text, *expected, *found;
    } rows[] = {
        {"", "a JSON object", ""},
        {"[]", "a JSON object", "another type"},
        {"null", "a JSON object", "another type"},
        {"{\"manifest\":1", "a JSON object", ""},
        {"{\"manifest\":1}x", "a JSON object", ""},
        {"{}", "\"manifest\":1", "\"manifest\":0"},
        {"{\"manifest\":2}", "\"manifest\":1", "\"manifest\":2"},
        {"{\"manifest\":\"1\"}", "a JSON object", "a string"},
        {M("7", "\"1\"", "[\"a\"]", "[\"b\"]"), "a JSON object", "id"},
        {M("\"\"", "\"1\"", "[\"a\"]", "[\"b\"]"), "\"id\"", "\"\""},
        {M("null", "\"1\"", "[\"a\"]", "[\"b\"]"), "\"id\"", "\"\""},
        {M("\"A\"", "\"1\"", "[\"a\"]", "[\"b\"]"), "\"id\"", "\"A\""},
        {M("\"../x\"", "\"1\"", "[\"a\"]", "[\"b\"]"), "\"id\"", "../x"},
        {M("\"a\"", "\"\"", "[\"a\"]", "[\"b\"]"), "\"version\"", "\"\""},
        {M("\"a\"", "\"1\\n\"", "[\"a\"]", "[\"b\"]"), "\"version\"", "1?"},
        {M("\"a\"", "\"1\"", "[]", "[\"b\"]"), "\"claims\"", "0 of them"},
        {M("\"a\"", "\"1\"", "null", "[\"b\"]"), "\"claims\"", "0 of them"},
        {M("\"a\"", "\"1\"", "[\"a\",\"a*\"]", "[\"b\"]"), "\"claims\"", "a*"},
        {M("\"a\"", "\"1\"", "[\"a\",\"a\"]", "[\"b\"]"), "\"claims\"",
         "\"a\""},
        {M("\"a\"", "\"1\"", "[null]", "[\"b\"]"), "\"claims\"", "\"\""},
        {M("\"a\"", "\"1\"", "[1]", "[\"b\"]"), "a JSON object", "claims"},
        {M("\"a\"", "\"1\"", "[\"a\"]", "[]"), "\"interfaces\"", "0 of them"},
        {M("\"a\"", "\"1\"", "[\"a\"]", "[\"b c\"]"), "\"interfaces\"", "b c"},
        {M("\"a\"", "\"1\"", "[\"a\"]", "[\"b\"],\"result_form\":\"X\""),
         "\"result_form\"", "\"X\""},
        {M("\"a\"", "\"1\"", "[\"a\"]", "[\"b\"],\"concurrent\":1"),
         "a JSON object", "concurrent"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_plugin_refusal refusal = {0};
        struct ccb_manifest m;

        assert_int_equal(CCB_INVALID, ccb_manifest_decode(&m, S(rows[i].text),
                                                          arena, &refusal));
        assert_int_equal(CCB_REFUSED_BAD_MANIFEST, refusal.reason);
        assert_contains(refusal.expected, rows[i].expected);
        assert_contains(refusal.found, rows[i].found);
        ccb_arena_unref(arena);
    }
}

static void test_too_many_claims_are_refused(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin_refusal refusal;
    struct ccb_manifest m;
    char text[2048];
    int used = snprintf(text, sizeof(text),
                        "{\"manifest\":1,\"id\":\"a\","
                        "\"version\":\"1\",\"claims\":[");

    (void)state;
    for (int i = 0; i < 65; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s\"a/%d\"",
                         i ? "," : "", i);
    snprintf(text + used, sizeof(text) - (size_t)used,
             "],\"interfaces\":[\"b\"]}");
    assert_int_equal(CCB_INVALID,
                     ccb_manifest_decode(&m, S(text), arena, &refusal));
    assert_contains(refusal.found, "65 of them");
    ccb_arena_unref(arena);
}

static void test_no_memory_is_no_refusal(void **state)
{
    struct tiny t = make_tiny(GOOD, true);
    int fd = memory_file(&t, sizeof(t));
    int failures = 0, code = CCB_NO_MEMORY;

    (void)state;
    for (size_t nth = 1; code == CCB_NO_MEMORY; nth++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_plugin_refusal refusal = {0};
        struct ccb_manifest m;

        ccb_mem_fail_at(nth, 1);
        code = ccb_manifest_read(&m, fd, arena, &refusal);
        ccb_mem_fail_at(0, 0);
        assert_int_equal(CCB_REFUSED_NONE, refusal.reason);
        failures += code == CCB_NO_MEMORY;
        ccb_arena_unref(arena);
    }
    assert_int_equal(0, code);
    assert_true(failures >= 3); /* the text, two lists */
    close(fd);
}

static void test_a_refusal_reads_as_promised(void **state)
{
    struct ccb_plugin_refusal refusal = {.file = "/p/x.so"};
    char line[512], cut[24];

    (void)state;
    ccb_refuse(&refusal, CCB_REFUSED_ABI_MAJOR, "1", "%d", 2);
    ccb_plugin_refusal_format(&refusal, line, sizeof(line));
    assert_string_equal("plugin=/p/x.so reason=abi_major expected=1 found=2 "
                        "advice=\"rebuild it with SDK 1.x\"",
                        line);
    ccb_refuse(&refusal, CCB_REFUSED_LOAD, "", "a \"b\"\n\\");
    ccb_plugin_refusal_format(&refusal, line, sizeof(line));
    assert_contains(line, "expected=\"\" found=\"a \\\"b\\\"?\\\\\" advice=");
    ccb_plugin_refusal_format(&refusal, cut, sizeof(cut));
    assert_int_equal(sizeof(cut) - 1, strlen(cut));
    assert_memory_equal(line, cut, sizeof(cut) - 1);
    ccb_plugin_refusal_format(&refusal, cut, 0);
}

static void test_every_reason_has_a_word_and_advice(void **state)
{
    (void)state;
    for (int i = 0; i <= CCB_REFUSED_RUNNER; i++) {
        struct ccb_plugin_refusal refusal = {0};

        ccb_refuse(&refusal, (enum ccb_refusal)i, "x", "y");
        assert_string_not_equal("unknown", ccb_refusal_name(refusal.reason));
        assert_true(strlen(refusal.advice) > 8);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ccb_refusal_name((enum ccb_refusal)i),
                                    ccb_refusal_name((enum ccb_refusal)j));
    }
    assert_string_equal("unknown", ccb_refusal_name((enum ccb_refusal)(
                                       CCB_REFUSED_RUNNER + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plugin_file_says_what_it_is),
        cmocka_unit_test(test_the_note_is_found_by_segment_and_by_section),
        cmocka_unit_test(test_a_note_of_any_claimed_length_is_bounded),
        cmocka_unit_test(test_a_whole_note_over_the_limit_is_refused),
        cmocka_unit_test(test_headers_that_lie_are_refused),
        cmocka_unit_test(test_code_past_the_end_is_cut_short),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_what_is_no_regular_file_is_refused),
        cmocka_unit_test(test_each_member_of_a_manifest_is_checked),
        cmocka_unit_test(test_too_many_claims_are_refused),
        cmocka_unit_test(test_no_memory_is_no_refusal),
        cmocka_unit_test(test_a_refusal_reads_as_promised),
        cmocka_unit_test(test_every_reason_has_a_word_and_advice),
    };

    return cmocka_run_group_tests_name("plugin manifest", tests, NULL, NULL);
}
