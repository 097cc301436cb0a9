/*
 * Docker images: every row of contract/nsync.md 3.4 (metadata) and 3.5
 * (references), and the twelve image forms of 5.3.
 */
#include "ccbridge/docker.h"

#include <stdio.h>

#include "json_help.h"

/* ---- references --------------------------------------------------------- */

/* In a block of exactly its size, so that a sanitizer sees who reads past. */
static struct ccb_slice exactly(struct ccb_slice text)
{
    char *copy = test_malloc(text.len > 0 ? text.len : 1);

    memcpy(copy, text.ptr, text.len);
    return ccb_slice_make(copy, text.len);
}

static int format(struct ccb_slice image, struct blocks *blocks,
                  struct ccb_slice *out, struct ccb_error *err)
{
    const struct ccb_json_alloc alloc = {blocks_alloc, blocks};
    struct ccb_slice copy = exactly(image);
    int code = ccb_docker_format_rootfs(copy, &alloc, out, err);

    test_free((void *)(uintptr_t)copy.ptr);
    return code;
}

struct conversion {
    struct ccb_slice image, rootfs;
};

static void assert_conversions(const struct conversion *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct blocks blocks = {.count = 0};
        struct ccb_slice out;
        struct ccb_error err;

        if (format(rows[i].image, &blocks, &out, &err) != 0)
            fail_msg("%s: %s", rows[i].image.ptr, err.message);
        if (!ccb_slice_equal(out, rows[i].rootfs))
            fail_msg("%s: expected %s, found %.*s", rows[i].image.ptr,
                     rows[i].rootfs.ptr, (int)out.len, out.ptr);
        blocks_free(&blocks);
    }
}

#define ROW(image, rootfs)                                                     \
    {                                                                          \
        CCB_LIT(image), CCB_LIT(rootfs)                                        \
    }

static void references_become_root_file_systems(void **state)
{
    static const struct conversion rows[] = {
        ROW("busybox", "docker:///library/busybox"),
        ROW("busybox:1.0", "docker:///library/busybox#1.0"),
        ROW("me/app", "docker:///me/app"),
        ROW("me/app:v2", "docker:///me/app#v2"),
        ROW("a/b/c:t", "docker:///a/b/c#t"),
        ROW("localhost/app:t", "docker://localhost/app#t"),
        ROW("localhost:5000/me/app:v1", "docker://localhost:5000/me/app#v1"),
        ROW("reg.example.com/app", "docker://reg.example.com/app"),
        ROW("10.0.0.1:5000/x:y/z", "docker://10.0.0.1:5000/x:y/z"),
        ROW("docker.io/busybox:1", "docker://docker.io/library/busybox#1"),
        ROW("docker.io/me/app", "docker://docker.io/me/app"),
        ROW("index.docker.io/me/app", "docker://index.docker.io/me/app"),
        ROW("me/app@sha256:abc", "docker:///me/app@sha256#abc"),
        ROW("busybox:", "docker:///library/busybox"),
        ROW("me/app:", "docker:///me/app"),
        ROW("me/app:a:b", "docker:///me/app:a#b"),
        ROW("localhost", "docker:///library/localhost"),
        ROW("host:5000", "docker:///library/host#5000"),
        ROW("a.b", "docker:///library/a.b"),
        ROW("me/a b", "docker:///me/a%20b"),
        ROW("me/app?x=1", "docker:///me/app%3Fx=1"),
        ROW("me/app:t#x", "docker:///me/app#t%23x"),
        ROW("/app", "docker:////app"),
    };

    (void)state;
    assert_conversions(rows, COUNT(rows));
}

/* contract/nsync.md 5.3: {no host, a host of its own, the hub by its name} x
 * {image, user/image} x {no tag, tag}. */
static void the_twelve_forms_get_library_at_the_hub_only(void **state)
{
    static const char *const hosts[] = {"", "10.244.2.6:8080/", "docker.io/"};
    static const char *const names[] = {"image", "user/image"};
    static const char *const tags[][2] = {{"", ""}, {":tag", "#tag"}};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        size_t host = i / 4, name = i / 2 % 2, tag = i % 2;
        struct conversion row;
        char image[64], rootfs[64];

        snprintf(image, sizeof(image), "%s%s%s", hosts[host], names[name],
                 tags[tag][0]);
        snprintf(rootfs, sizeof(rootfs), "docker://%s%s%s%s%s", hosts[host],
                 host == 0 ? "/" : "", host != 1 && name == 0 ? "library/" : "",
                 names[name], tags[tag][1]);
        row.image = ccb_slice_of(image);
        row.rootfs = ccb_slice_of(rootfs);
        assert_conversions(&row, 1);
    }
}

static void what_a_url_cannot_hold_is_percent_encoded(void **state)
{
    static const struct conversion rows[] = {
        ROW("me/azAZ09-_.~$&+,/:;=@/x", "docker:///me/azAZ09-_.~$&+,/:;=@/x"),
        ROW("me/!'()*?#[]%41", "docker:///me/%21%27%28%29%2A%3F%23%5B%5D%2541"),
        ROW("me/x:-_.~$&+,;=@?!()*", "docker:///me/x#-_.~$&+,;=@?!()*"),
        ROW("me/x:'#[]%41 \"", "docker:///me/x#%27%23%5B%5D%2541%20%22"),
        ROW("me/\xc3\xa9\x01\x7f:\xef\xbf\xbd",
            "docker:///me/%C3%A9%01%7F#%EF%BF%BD"),
        ROW("me/a\0b:c\0", "docker:///me/a%00b#c%00"),
        ROW("[::1]:5000/x", "docker://%5B::1%5D:5000/x"),
        ROW("h st.x/\\", "docker://h%20st.x/%5C"),
    };

    (void)state;
    assert_conversions(rows, COUNT(rows));
}

static void odd_references_are_cut_by_the_same_rules(void **state)
{
    static const struct conversion rows[] = {
        ROW("/", "docker:////"),
        ROW(":", "docker:///library/"),
        ROW("docker.io/", "docker://docker.io/library/"),
        ROW("docker.io/:t", "docker://docker.io/library/#t"),
        ROW("docker.io:5000/a", "docker://docker.io:5000/a"),
        ROW("localhost/", "docker://localhost/"),
        ROW("localhosts/a", "docker:///localhosts/a"),
        ROW("DOCKER.IO/a", "docker://DOCKER.IO/a"),
        ROW("me//app", "docker:///me//app"),
        ROW("a:/b", "docker://a:/b"),
        ROW("me/app:/", "docker:///me/app:/"),
    };

    (void)state;
    assert_conversions(rows, COUNT(rows));
}

static void references_with_a_scheme_or_without_an_image_are_refused(
    void **state)
{
    static const struct {
        const char *image, *message;
    } rows[] = {
        {"http://x/y", "docker URI [http://x/y] should not contain scheme"},
        {"https://docker.io/repo",
         "docker URI [https://docker.io/repo] should not contain scheme"},
        {"docker:///me/app",
         "docker URI [docker:///me/app] should not contain scheme"},
        {"://", "docker URI [://] should not contain scheme"},
        {"me/app://", "docker URI [me/app://] should not contain scheme"},
        {"docker.io", "docker URI [docker.io] names no image"},
        {"", "the docker image is empty"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct blocks blocks = {.count = 0};
        struct ccb_slice out;
        struct ccb_error err;

        assert_int_equal(
            format(ccb_slice_of(rows[i].image), &blocks, &out, &err),
            CCB_INVALID);
        assert_int_equal(err.code, CCB_INVALID);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(out.len, 0);
        assert_int_equal(blocks.count, 0);
    }
}

static void a_refusal_never_shows_user_info(void **state)
{
    static const char *const rows[][2] = {
        {"http://me:secret@h/x", "docker URI [http://h/x] should not"},
        {"http://me:sec/ret@h/x", "docker URI [http://h/x] should not"},
        {"me:secret@h://x", "docker URI [h://x] should not"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct blocks blocks = {.count = 0};
        struct ccb_slice out;
        struct ccb_error err;

        assert_int_equal(format(ccb_slice_of(rows[i][0]), &blocks, &out, &err),
                         CCB_INVALID);
        assert_ptr_equal(strstr(err.message, rows[i][1]), err.message);
    }
}

static void a_long_reference_is_converted_whole_and_refused_cut(void **state)
{
    static char image[5000], rootfs[10 + 3 * 5000];
    struct conversion row = {{image, sizeof(image)}, {rootfs, 0}};
    struct blocks blocks = {.count = 0};
    struct ccb_slice out;
    struct ccb_error err;

    (void)state;
    memset(image, ' ', sizeof(image));
    image[1] = '/';
    row.rootfs.len =
        (size_t)snprintf(rootfs, sizeof(rootfs), "docker:///%%20/");
    for (size_t i = 2; i < sizeof(image); i++, row.rootfs.len += 3)
        memcpy(rootfs + row.rootfs.len, "%20", 3);
    assert_conversions(&row, 1);
    memcpy(image + sizeof(image) - 3, "://", 3);
    assert_int_equal(format(row.image, &blocks, &out, &err), CCB_INVALID);
    assert_true(strlen(err.message) < sizeof(err.message));
    assert_non_null(strstr(err.message, "] should not contain scheme"));
}

static void without_memory_there_is_no_root_file_system(void **state)
{
    struct blocks blocks = {.fail_at = 1};
    struct ccb_slice out;
    struct ccb_error err;

    (void)state;
    assert_int_equal(format(ccb_slice_of("busybox"), &blocks, &out, &err),
                     CCB_NO_MEMORY);
    assert_int_equal(err.code, CCB_NO_MEMORY);
    assert_int_equal(out.len, 0);
}

/* ---- metadata ----------------------------------------------------------- */

static const struct metadata_row {
    const char *text;
    int code, port;
    const char *user; /* or a part of the message */
} metadata_rows[] = {
    {"{}", 0, 8080, "root"},
    {"null", 0, 8080, "root"},
    {"{\"ports\":null}", 0, 8080, "root"},
    {"{\"ports\":[]}", 0, 8080, "root"},
    {"{\"ports\":[{\"Port\":9000,\"Protocol\":\"tcp\"}]}", 0, 9000, "root"},
    {"{\"ports\":[{\"port\":9000,\"protocol\":\"tcp\"}]}", 0, 9000, "root"},
    {"{\"PORTS\":[{\"PORT\":9000,\"PROTOCOL\":\"tcp\"}]}", 0, 9000, "root"},
    {"{\"ports\":[{\"Port\":320,\"Protocol\":\"udp\"},"
     "{\"Port\":8081,\"Protocol\":\"tcp\"}]}",
     0, 8081, "root"},
    {"{\"ports\":[{\"Port\":5,\"Protocol\":\"udp\"},"
     "{\"Port\":7,\"Protocol\":\"tcp\"},{\"Port\":8,\"Protocol\":\"tcp\"}]}",
     0, 7, "root"},
    {"{\"ports\":[{\"Port\":5,\"Protocol\":\"udp\"}]}", CCB_NOT_FOUND, 0,
     "No tcp ports found in image metadata"},
    {"{\"ports\":[{\"Port\":5}]}", CCB_NOT_FOUND, 0, "No tcp ports"},
    {"{\"ports\":[null]}", CCB_NOT_FOUND, 0, "No tcp ports"},
    {"{\"ports\":[{\"Port\":5,\"Protocol\":\"TCP\"}]}", CCB_NOT_FOUND, 0,
     "No tcp ports"},
    {"{\"ports\":[{\"Protocol\":\"tcp\"}]}", 0, 0, "root"},
    {"{\"ports\":[{\"Port\":65535,\"Protocol\":\"tcp\"}]}", 0, 65535, "root"},
    {"{\"ports\":[{\"Port\":65536,\"Protocol\":\"tcp\"}]}", CCB_INVALID, 0,
     "ports[0].Port"},
    {"{\"ports\":[{\"Port\":70000,\"Protocol\":\"tcp\"}]}", CCB_INVALID, 0,
     "ports[0].Port"},
    {"{\"ports\":[{\"Port\":-1,\"Protocol\":\"tcp\"}]}", CCB_INVALID, 0,
     "ports[0].Port"},
    {"{\"ports\":[{\"Port\":\"9\",\"Protocol\":\"tcp\"}]}", CCB_INVALID, 0,
     "ports[0].Port"},
    {"{\"ports\":[{\"Port\":6.0,\"Protocol\":\"tcp\"}]}", CCB_INVALID, 0,
     "ports[0].Port"},
    {"{\"ports\":{}}", CCB_INVALID, 0, "execution metadata: ports"},
    {"[]", CCB_INVALID, 0, "execution metadata: "},
    {"{} x", CCB_INVALID, 0, "execution metadata: "},
    {"", CCB_INVALID, 0, "execution metadata: "},
    {"not json", CCB_INVALID, 0, "execution metadata: "},
    {"{\"user\":\"\"}", 0, 8080, "root"},
    {"{\"user\":null}", 0, 8080, "root"},
    {"{\"user\":\"alice\"}", 0, 8080, "alice"},
    {"{\"user\":\"1000:50\"}", 0, 8080, "1000:50"},
    {"{\"user\":\"a\\u00e9\\n\"}", 0, 8080, "a\xc3\xa9\n"},
    {"{\"user\":7}", CCB_INVALID, 0, "execution metadata: user"},
    {"{\"user\":{}}", CCB_INVALID, 0, "execution metadata: user"},
    {"{\"user\":\"bob\",\"ports\":[{\"Port\":1,\"Protocol\":\"udp\"}]}",
     CCB_NOT_FOUND, 0, "No tcp ports"},
    /* What only the launcher reads must have its type too. */
    {"{\"cmd\":[\"a\"],\"entrypoint\":null,\"workdir\":\"/\",\"more\":1}", 0,
     8080, "root"},
    {"{\"cmd\":\"a\"}", CCB_INVALID, 0, "execution metadata: cmd"},
    {"{\"entrypoint\":[1]}", CCB_INVALID, 0, "execution metadata: entrypoint"},
    {"{\"workdir\":1}", CCB_INVALID, 0, "execution metadata: workdir"},
};

static int parse(const char *text, struct blocks *blocks,
                 struct ccb_docker_metadata *out, struct ccb_error *err)
{
    const struct ccb_json_alloc alloc = {blocks_alloc, blocks};

    return ccb_docker_parse_metadata(ccb_slice_of(text), &alloc, out, err);
}

static void metadata_gives_port_and_user(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(metadata_rows); i++) {
        const struct metadata_row *row = &metadata_rows[i];
        struct ccb_docker_metadata out;
        struct blocks blocks = {.count = 0};
        struct ccb_error err = {0, "", ""};
        int code = parse(row->text, &blocks, &out, &err);

        if (code != row->code)
            fail_msg("%s: %d, %s", row->text, code, err.message);
        if (code == 0) {
            assert_int_equal(out.port, row->port);
            assert_true(ccb_slice_is(out.user, row->user));
        } else {
            assert_int_equal(err.code, code);
            assert_non_null(strstr(err.message, row->user));
        }
        blocks_free(&blocks);
    }
}

static void without_memory_there_is_no_metadata(void **state)
{
    const char *text = "{\"cmd\":[\"a\"],\"user\":\"\\u00e9\","
                       "\"ports\":[{\"Port\":1,\"Protocol\":\"\\u0074cp\"}]}";
    struct ccb_docker_metadata out;
    struct blocks blocks = {.count = 0};
    struct ccb_error err;
    size_t needed;

    (void)state;
    assert_int_equal(parse(text, &blocks, &out, &err), 0);
    assert_int_equal(out.port, 1);
    needed = blocks.calls;
    assert_true(needed > 1);
    blocks_free(&blocks);
    for (size_t n = 1; n <= needed; n++) {
        blocks.fail_at = n;
        assert_int_equal(parse(text, &blocks, &out, &err), CCB_NO_MEMORY);
        assert_int_equal(err.code, CCB_NO_MEMORY);
        blocks_free(&blocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_become_root_file_systems),
        cmocka_unit_test(the_twelve_forms_get_library_at_the_hub_only),
        cmocka_unit_test(what_a_url_cannot_hold_is_percent_encoded),
        cmocka_unit_test(odd_references_are_cut_by_the_same_rules),
        cmocka_unit_test(
            references_with_a_scheme_or_without_an_image_are_refused),
        cmocka_unit_test(a_refusal_never_shows_user_info),
        cmocka_unit_test(a_long_reference_is_converted_whole_and_refused_cut),
        cmocka_unit_test(without_memory_there_is_no_root_file_system),
        cmocka_unit_test(metadata_gives_port_and_user),
        cmocka_unit_test(without_memory_there_is_no_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
