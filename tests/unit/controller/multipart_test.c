/* The file in an upload, however its bytes are cut into pieces
 * (core/controller/multipart.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "controller/multipart.h"

static void collect(void *user, struct ccb_slice piece)
{
    ccb_buf_put_slice(user, piece);
}

/* Pushes the body in pieces of `size`; the file is in `out`. */
static int parse(const char *type, struct ccb_slice body, size_t size,
                 struct ccb_buf *out, struct ccb_error *err)
{
    struct ccb_multipart m;
    int code = ccb_multipart_init(&m, ccb_slice_of(type), collect, out, err);

    while (code == 0 && body.len > 0) {
        size_t n = body.len < size ? body.len : size;
        code = ccb_multipart_push(&m, ccb_slice_make(body.ptr, n), err);
        body.ptr += n;
        body.len -= n;
    }
    return code < 0 ? code : ccb_multipart_end(&m, err);
}

#define TYPE "multipart/form-data; boundary=B0und"
#define HEAD                                                                   \
    "Content-Disposition: form-data; name=\"file\"; "                          \
    "filename=\"d.tgz\"\r\n\r\n"
#define FILE_BYTES "a\r\n--B0unx\r\r\n-\r\n--B0un\r\n\0b\r\n--"

static void finds_the_file_in_pieces_of_any_size(void **state)
{
    static const char body[] =
        "preamble\r\n--B0und\r\nContent-Disposition: form-data; "
        "name=\"a\"\r\n\r\nvalue\r\n--B0und\r\n" HEAD FILE_BYTES
        "\r\n--B0und\r\n" HEAD "second\r\n--B0und--\r\nepilogue";
    struct ccb_slice whole = {body, sizeof(body) - 1};
    struct ccb_error err;

    (void)state;
    for (size_t size = 1; size <= whole.len; size++) {
        struct ccb_buf out = {0};
        assert_int_equal(parse(TYPE, whole, size, &out, &err), 0);
        assert_int_equal(out.len, sizeof(FILE_BYTES) - 1);
        assert_memory_equal(out.data, FILE_BYTES, out.len);
        ccb_buf_destroy(&out);
    }
}

static void takes_an_empty_file_and_a_quoted_boundary(void **state)
{
    static const char body[] = "--x y\r\n" HEAD "\r\n--x y--";
    struct ccb_slice whole = {body, sizeof(body) - 1};
    struct ccb_buf out = {0};
    struct ccb_error err;

    (void)state;
    assert_int_equal(
        parse("multipart/form-data; boundary=\"x y\"", whole, 3, &out, &err),
        0);
    assert_int_equal(out.len, 0);
    ccb_buf_destroy(&out);
}

static void refuses_what_is_not_whole(void **state)
{
    static const struct {
        const char *type, *body, *words;
    } bad[] = {
        {"text/plain", "", "not multipart"},
        {"multipart/form-data", "", "boundary"},
        {"multipart/form-data; boundary=", "", "boundary"},
        {"multipart/form-data; boundary=\"x", "", "boundary"},
        {TYPE, "", "cut off"},
        {TYPE, "--B0und\r\n" HEAD "abc", "cut off"},
        {TYPE, "--B0und\r\n" HEAD "abc\r\n--B0und", "cut off"},
        {TYPE, "--B0und--", "no file"},
        {TYPE, "--B0und\r\nContent-Disposition: x\r\n\r\nv\r\n--B0und--",
         "no file"},
    };
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ccb_buf out = {0};
        assert_int_equal(
            parse(bad[i].type, ccb_slice_of(bad[i].body), 7, &out, &err),
            CCB_INVALID);
        assert_non_null(strstr(err.message, bad[i].words));
        ccb_buf_destroy(&out);
    }
}

static void refuses_a_head_without_end(void **state)
{
    static char body[3 * CCB_MULTIPART_HEAD];
    struct ccb_buf out = {0};
    struct ccb_error err;

    (void)state;
    memset(body, 'x', sizeof(body));
    memcpy(body, "--B0und\r\n", 9);
    assert_int_equal(
        parse(TYPE, ccb_slice_make(body, sizeof(body)), 1000, &out, &err),
        CCB_INVALID);
    assert_non_null(strstr(err.message, "longer"));
    ccb_buf_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_file_in_pieces_of_any_size),
        cmocka_unit_test(takes_an_empty_file_and_a_quoted_boundary),
        cmocka_unit_test(refuses_what_is_not_whole),
        cmocka_unit_test(refuses_a_head_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
