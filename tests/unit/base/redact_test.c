/*
 * No secret of a message is shown, whatever its place; everything else is, and
 * what is written is JSON again (core/base/redact.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/redact.h"

static struct ccb_json parse(struct ccb_slice text)
{
    struct ccb_error err = {0};
    struct ccb_json value;

    if (ccb_json_parse(&value, text, CCB_JSON_WHOLE, &err) != 0)
        fail_msg("%s in %.*s", err.message, (int)text.len, text.ptr);
    return value;
}

static const struct row {
    const char *in, *out;
} rows[] = {
    /* what is no secret stays, white space goes */
    {" { \"a\" : [ 1 , true , null , \"x\" ] , \"b\" : -1.5e3 } ",
     "{\"a\":[1,true,null,\"x\"],\"b\":-1.5e3}"},
    {"1440417600125000001", "1440417600125000001"},
    {"\"caf\\u00e9 \\n\"", "\"caf\xc3\xa9 \\n\""},
    /* entries of an environment, anywhere */
    {"[{\"name\":\"A\",\"value\":\"1\"}]",
     "[{\"name\":\"A\",\"value\":\"[redacted]\"}]"},
    {"{\"x\":{\"Value\":{\"a\":1},\"NAME\":\"A\",\"value\":2}}",
     "{\"x\":{\"Value\":\"[redacted]\",\"NAME\":\"A\","
     "\"value\":\"[redacted]\"}}"},
    {"{\"name\":\"A\",\"val\\u0075e\":\"1\"}",
     "{\"name\":\"A\",\"value\":\"[redacted]\"}"},
    {"{\"value\":1}", "{\"value\":1}"},
    /* and what is named like one */
    {"{\"env\":{\"A\":\"1\",\"B\":null,\"C\":{\"d\":1}}}",
     "{\"env\":{\"A\":\"[redacted]\",\"B\":null,\"C\":\"[redacted]\"}}"},
    {"{\"Environment\":[\"A=1\",{\"name\":\"B\",\"Value\":\"1\",\"x\":2}]}",
     "{\"Environment\":[\"[redacted]\",{\"name\":\"B\","
     "\"Value\":\"[redacted]\",\"x\":\"[redacted]\"}]}"},
    {"{\"environment\":\"A=1\"}", "{\"environment\":\"[redacted]\"}"},
    {"{\"environment\":null}", "{\"environment\":null}"},
    {"{\"environments\":\"x\"}", "{\"environments\":\"x\"}"},
    /* members by name */
    {"{\"docker_password\":\"x\",\"PASSWD\":\"x\",\"clientSecret\":\"x\"}",
     "{\"docker_password\":\"[redacted]\",\"PASSWD\":\"[redacted]\","
     "\"clientSecret\":\"[redacted]\"}"},
    {"{\"private_key\":\"x\",\"hostKey\":[1],\"Host-Key\":\"x\"}",
     "{\"private_key\":\"[redacted]\",\"hostKey\":\"[redacted]\","
     "\"Host-Key\":\"[redacted]\"}"},
    {"{\"credentials\":{\"a\":1},\"Authorization\":\"Basic x\"}",
     "{\"credentials\":\"[redacted]\",\"Authorization\":\"[redacted]\"}"},
    {"{\"pass\\u0077ord\":\"x\",\"pa\xc5\xbfsword\":\"x\"}",
     "{\"password\":\"[redacted]\",\"pa\xc5\xbfsword\":\"[redacted]\"}"},
    {"{\"to\xe2\x84\xaa"
     "en\":\"x\",\"password\":null}",
     "{\"to\xe2\x84\xaa"
     "en\":\"[redacted]\",\"password\":null}"},
    {"{\"access_token\":\"x\",\"docker_user\":\"u\",\"key\":\"k\"}",
     "{\"access_token\":\"[redacted]\",\"docker_user\":\"u\",\"key\":\"k\"}"},
    /* the token of a page is a document */
    {"{\"token\":{\"id\":5},\"fingerprints\":[]}",
     "{\"token\":{\"id\":5},\"fingerprints\":[]}"},
    {"{\"token\":\"x\"}", "{\"token\":\"[redacted]\"}"},
    /* inside strings */
    {"[\"http://u:s3cret@h:9022/p?q#f\"]", "[\"http://h:9022/p?q#f\"]"},
    {"{\"http://u:s3cret@h/\":1}", "{\"http://h/\":1}"},
    {"[\"-----BEGIN RSA PRIVATE KEY-----\\ns3cret\\n"
     "-----END RSA PRIVATE KEY-----\\n\"]",
     "[\"[redacted]\\n\"]"},
    {"[\"{\\\"password\\\":\\\"s3cret\\\",\\\"a\\\":1}\"]",
     "[\"{\\\"password\\\":\\\"[redacted]\\\",\\\"a\\\":1}\"]"},
    {"[\" [{\\\"name\\\":\\\"A\\\",\\\"value\\\":\\\"s3cret\\\"}]\"]",
     "[\"[{\\\"name\\\":\\\"A\\\",\\\"value\\\":\\\"[redacted]\\\"}]\"]"},
    {"[\"{not json\"]", "[\"{not json\"]"},
    /* command lines */
    {"[\"-dockerUser\",\"u\",\"-dockerPassword\",\"-s3cret=1\",\"-x\"]",
     "[\"-dockerUser\",\"u\",\"-dockerPassword\",\"[redacted]\",\"-x\"]"},
    {"{\"docker_email\":\"x\",\"args\":[\"-dockerEmail\",\"x\"],\"email\":"
     "\"y\"}",
     "{\"docker_email\":\"[redacted]\",\"args\":[\"-dockerEmail\",\"[redacted]"
     "\"],"
     "\"email\":\"y\"}"},
    {"[\"--password=s3cret\",\"b\",\"-hostKey\",7,8]",
     "[\"--password=[redacted]\",\"b\",\"-hostKey\",\"[redacted]\",8]"},
    {"[\"-hostKey=-----BEGIN X-----\\ns3cret\",\"-skipCertVerify=true\"]",
     "[\"-hostKey=[redacted]\",\"-skipCertVerify=true\"]"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf out = {0};

        (void)ccb_buf_put(&out, "=");
        ccb_redact_json(&out, parse(ccb_slice_of(rows[i].in)));
        (void)ccb_buf_putc(&out, '\0');
        assert_string_equal(out.data + 1, rows[i].out);
        ccb_buf_destroy(&out);
    }
}

static const struct row texts[] = {
    {"", ""},
    {"plain: text / with @ and %40", "plain: text / with @ and %40"},
    {"http://h/p", "http://h/p"},
    {"see http://u:s3cret@h/a, then http://v@i/b.",
     "see http://h/a, then http://i/b."},
    {"http://h/@scope/pkg?mail=a@b", "http://h/@scope/pkg?mail=a@b"},
    {"http://h:80/@x", "http://h:80/@x"},
    {"http://[::1]:80/@x", "http://[::1]:80/@x"},
    {"http://u:p@q@h/", "http://h/"},
    {"http://u:s3/cret@h/x", "http://h/x"},
    {"http://u:s3?cret@h/x", "http://h/x"},
    {"http://u:s3#cret@h/x", "http://h/x"},
    {"http://a&b:s3cret@h", "http://h"},
    {"http://a%2Fb:s3cret%40x@h", "http://h"},
    {"Get \"http://u:s3cret@h\": refused", "Get \"http://h\": refused"},
    {"a@b http://h c@d", "a@b http://h c@d"},
    {"://s3cret@", "://"},
    /* encoded in another URL's query, as in contract/stager.md C10 */
    {"http://ccu/v1?uri=http%3A%2F%2Fu%3As3cret%40cc%2Fdrop%40x&timeout=6@0",
     "http://ccu/v1?uri=http%3A%2F%2Fcc%2Fdrop%40x&timeout=6@0"},
    {"x=http%3a%2f%2Fu:s3cret@h", "x=http%3a%2f%2Fh"},
    {"x=http:%2F%2Fu:s3cret%40h&y=z%40", "x=http:%2F%2Fh&y=z%40"},
    {"x=http%3A//u:s3cret@h", "x=http%3A//h"},
    /* parameters that sign or authorise */
    {"http://b/x?md5=s3cret&expires=1 next",
     "http://b/x?md5=[redacted]&expires=1 next"},
    {"http://b/x?a=1&X-Amz-Signature=s3cret#f",
     "http://b/x?a=1&X-Amz-Signature=[redacted]#f"},
    {"/p?sig=s3cret", "/p?sig=[redacted]"},
    {"/p?design=plain&token", "/p?design=plain&token"},
    {"?&=", "?&="},
    {"/p?token=a%26s3cret%23s3cret", "/p?token=[redacted]"},
    /* the same in a URL in a URL's query */
    {"/d?to=http%3A%2F%2Fc%2Fd%3Ftoken%3Ds3cret%26a%3D1&timeout=900",
     "/d?to=http%3A%2F%2Fc%2Fd%3Ftoken%3D[redacted]%26a%3D1&timeout=900"},
    {"/d?to=http%3a%2f%2fc%3fa%3d1%26signature%3ds3cret%23f",
     "/d?to=http%3a%2f%2fc%3fa%3d1%26signature%3d[redacted]%23f"},
    {"to=http%3A%2F%2Fc%3Fmd5%3Ds3cret",
     "to=http%3A%2F%2Fc%3Fmd5%3D[redacted]"},
    {"to=http%3a//c%3ftoken=s3cret x", "to=http%3a//c%3ftoken=[redacted] x"},
    {"a%3Ftoken", "a%3Ftoken"},
    {"a%3F%26%3D%3", "a%3F%26%3D%3"},
    /* PEM */
    {"a -----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE----- b",
     "a [redacted] b"},
    {"-----BEGIN X-----\ns3cret\n-----END X-----\n-----BEGIN Y-----s3cret",
     "[redacted]\n[redacted]"},
    {"-----BEGIN X-----\ns3cret", "[redacted]"},
    {"-----END", "-----END"},
    {"-----BEGIN X-----s3cret-----END", "[redacted]"},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ccb_slice in = ccb_slice_of(texts[i].in);
        struct ccb_buf out = {0};

        ccb_redact_text(&out, in);
        (void)ccb_buf_putc(&out, '\0');
        assert_string_equal(out.data, texts[i].out);
        /* The cheap look never says no where something is cut. */
        assert_true(ccb_redact_text_needed(in) ||
                    strcmp(texts[i].in, texts[i].out) == 0);
        ccb_buf_destroy(&out);
    }
}

/* ---- messages of a Cloud Controller ------------------------------------- */

static char fixture_text[16384];

static struct ccb_slice read_fixture(const char *name)
{
    char path[512];
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof(path), CCB_SOURCE_DIR "/tests/fixtures/cc/%s",
                   name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("no %s", path);
    len = fread(fixture_text, 1, sizeof(fixture_text), file);
    (void)fclose(file);
    return ccb_slice_make(fixture_text, len);
}

static int holds(struct ccb_slice text, struct ccb_slice part)
{
    return memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* Names stay in order, values are masked and, where long enough to be told
 * from other text, found nowhere. */
static size_t check_environment(struct ccb_json before, struct ccb_json after)
{
    struct ccb_json_iter in =
        ccb_json_iter(ccb_json_get(before, "environment"));
    struct ccb_json_iter out =
        ccb_json_iter(ccb_json_get(after, "environment"));
    size_t count = 0;

    for (; ccb_json_next(&in); count++) {
        struct ccb_json value = ccb_json_get(in.value, "value");

        assert_true(ccb_json_next(&out));
        assert_true(ccb_json_equal(ccb_json_get(in.value, "name"),
                                   ccb_json_get(out.value, "name")));
        assert_true(
            ccb_json_string_is(ccb_json_get(out.value, "value"), "[redacted]"));
        if (value.raw.len > 16) /* "cflinuxfs2" is the stack, too */
            assert_false(holds(after.raw, value.raw));
    }
    assert_false(ccb_json_next(&out));
    return count;
}

static void test_messages_of_a_cloud_controller(void **state)
{
    static const char *const names[] = {"2015-stage-buildpack-autodetect.json",
                                        "2015-stage-docker-private.json",
                                        "2018-stage-docker-private.json",
                                        "2018-desire-docker-private.json"};
    static const char *const secrets[] = {
        "s3cret",       "staging-user",      "w0rd",          "dockerpassword",
        "pass\\\\word", "internal_password", "running_value", "orders-web"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct ccb_json before = parse(read_fixture(names[i])), after;
        struct ccb_buf out = {0};

        ccb_redact_json(&out, before);
        after = parse(ccb_buf_slice(&out));
        assert_true(check_environment(before, after) >= 4);
        for (size_t j = 0; j < sizeof(secrets) / sizeof(secrets[0]); j++)
            assert_false(holds(after.raw, ccb_slice_of(secrets[j])));
        assert_true(ccb_json_equal(ccb_json_get(before, "egress_rules"),
                                   ccb_json_get(after, "egress_rules")));
        assert_true(ccb_json_equal(ccb_json_get(before, "log_guid"),
                                   ccb_json_get(after, "log_guid")));
        ccb_buf_destroy(&out);
    }
}

/* ---- bounds ------------------------------------------------------------- */

static void test_nesting_is_cut_but_valid(void **state)
{
    char text[2 * CCB_JSON_MAX_DEPTH + 1];
    struct ccb_buf out = {0};

    (void)state;
    memset(text, '[', CCB_JSON_MAX_DEPTH);
    memset(text + CCB_JSON_MAX_DEPTH, ']', CCB_JSON_MAX_DEPTH);
    ccb_redact_json(
        &out, parse(ccb_slice_make(text, 2 * (size_t)CCB_JSON_MAX_DEPTH)));
    (void)parse(ccb_buf_slice(&out));
    assert_true(holds(ccb_buf_slice(&out), ccb_slice_of("[\"[redacted]\"]")));
    ccb_buf_destroy(&out);
}

/* Strings of JSON in strings: past the limit the whole string is masked. */
static void test_json_in_strings_is_cut_but_valid(void **state)
{
    struct ccb_buf text = {0}, out = {0};

    (void)state;
    (void)ccb_buf_put(&text, "{\"password\":\"s3cret\"}");
    for (int i = 0; i < 6; i++) {
        struct ccb_json_writer writer;

        ccb_buf_reset(&out);
        ccb_json_writer_init(&writer, ccb_buf_sink, &out);
        ccb_json_begin_array(&writer);
        ccb_json_put_string(&writer, ccb_buf_slice(&text));
        ccb_json_end_array(&writer);
        assert_int_equal(ccb_json_writer_end(&writer), 0);
        ccb_buf_reset(&text);
        ccb_redact_json(&text, parse(ccb_buf_slice(&out)));
        assert_false(holds(ccb_buf_slice(&text), ccb_slice_of("s3cret")));
        (void)parse(ccb_buf_slice(&text));
        assert_int_equal(holds(ccb_buf_slice(&text), ccb_slice_of("password")),
                         i < 3);
        ccb_buf_reset(&text);
        (void)ccb_buf_put_slice(&text, ccb_buf_slice(&out));
    }
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&out);
}

static void test_a_long_name_is_secret_unseen(void **state)
{
    struct ccb_buf text = {0}, out = {0};

    (void)state;
    (void)ccb_buf_printf(&text, "{\"%0*d\":\"s3cret\"}", 5000, 0);
    ccb_redact_json(&out, parse(ccb_buf_slice(&text)));
    (void)parse(ccb_buf_slice(&out));
    assert_false(holds(ccb_buf_slice(&out), ccb_slice_of("s3cret")));
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&out);
}

/* Each of these would take minutes with a look ahead that starts anew. */
static void test_hostile_text_costs_linear_time(void **state)
{
    static const char *const pieces[] = {"://b:c/",      "://b", "-----BEGIN",
                                         "%3A%2F%2F%40", "://@", "%3A"};
    int64_t start = ccb_clock_monotonic();
    struct ccb_buf text = {0}, out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        ccb_buf_reset(&text);
        ccb_buf_reset(&out);
        while (text.len < 2000000)
            (void)ccb_buf_put(&text, pieces[i]);
        ccb_redact_text(&out, ccb_buf_slice(&text));
        assert_true(out.len <= text.len);
    }
    ccb_buf_reset(&text);
    while (text.len < 1000000)
        (void)ccb_buf_put(&text, text.len == 0 ? "{" : "\"value\":1,");
    (void)ccb_buf_put(&text, "\"name\":1}");
    ccb_buf_reset(&out);
    ccb_redact_json(&out, parse(ccb_buf_slice(&text)));
    assert_false(holds(ccb_buf_slice(&out), ccb_slice_of("\"value\":1")));
    assert_true(ccb_clock_monotonic() - start < 60 * CCB_SECOND);
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&out);
}

/* The padding is over what the writer holds back: part of the value is in the
 * buffer already when memory runs out, and must leave it again. */
static void test_every_allocation_can_fail(void **state)
{
    struct ccb_buf text = {0}, out = {0};
    struct ccb_json value;
    size_t nth;

    (void)state;
    (void)ccb_buf_printf(
        &text,
        "{\"pad\":\"%0*d\",\"a\\u0062\":\"http://u:p@h\","
        "\"n\":\"{\\\"a\\\":\\\"x\\u00e9\\\"}\","
        "\"environment\":{\"A\\u0042\":1},\"l\":[\"-token\",\"x\"]}",
        3000, 0);
    value = parse(ccb_buf_slice(&text));
    for (nth = 1; nth < 100; nth++) {
        ccb_buf_destroy(&out);
        (void)ccb_buf_put(&out, "before");
        (void)ccb_mem_fail_at(nth, 0);
        ccb_redact_json(&out, value);
        (void)ccb_mem_fail_at(0, 0);
        if (!out.failed)
            break;
        assert_int_equal(out.failed, CCB_NO_MEMORY);
        assert_true(ccb_slice_is(ccb_buf_slice(&out), "before"));
    }
    assert_true(nth > 4 && nth < 100);
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&out);
    ccb_arena_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_messages_of_a_cloud_controller),
        cmocka_unit_test(test_nesting_is_cut_but_valid),
        cmocka_unit_test(test_json_in_strings_is_cut_but_valid),
        cmocka_unit_test(test_a_long_name_is_secret_unseen),
        cmocka_unit_test(test_hostile_text_costs_linear_time),
        cmocka_unit_test(test_every_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
