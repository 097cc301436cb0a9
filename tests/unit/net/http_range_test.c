/*
 * The Range header, dates, and the addresses of flags: what is read, what is
 * refused, and how (net/http_range.h, net/http_date.h, net/http_server.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/http_date.h"
#include "net/http_range.h"
#include "net/http_server.h"

/* ---- ranges ------------------------------------------------------------- */

struct range_case {
    const char *header;
    uint64_t size;
    const char *result; /* "start+length ..." or a code's name */
};

static const struct range_case range_cases[] = {
    {"bytes=0-3", 10, "0+4"},
    {"bytes=8-", 10, "8+2"},
    {"bytes=9-9", 10, "9+1"},
    {"bytes=5-99", 10, "5+5"},
    {"bytes=-3", 10, "7+3"},
    {"bytes=-99", 10, "0+10"},
    {"bytes=-0", 10, "10+0"},
    {"bytes=-5", 0, "0+0"},
    {"bytes= 1 - 2 ,\t4-4", 10, "1+2 4+1"},
    {"bytes=0-1,,3-3,", 10, "0+2 3+1"},
    {"bytes=20-,1-1", 10, "1+1"},
    {"bytes=", 10, ""},
    {"bytes=,", 10, ""},
    {"bytes=0-7,2-9", 10, ""},         /* longer than the file */
    {"bytes=0-0,1-1,2-2,3-3", 10, ""}, /* more than four */
    {"bytes=0-9223372036854775807", 10, "0+10"},
    {"bytes=10-", 10, "not found"},
    {"bytes=10-12,99-", 10, "not found"},
    {"bytes=0-", 0, "not found"},
    {"bytes=0-9223372036854775808", 10, "invalid"},
    {"bytes=99999999999999999999-", 10, "invalid"},
    {"bytes=3-2", 10, "invalid"},
    {"bytes=a-b", 10, "invalid"},
    {"bytes=1", 10, "invalid"},
    {"bytes=-", 10, "invalid"},
    {"bytes=--5", 10, "invalid"},
    {"bytes=+1-2", 10, "invalid"},
    {"bytes=1-2-3", 10, "invalid"},
    {"bytes=0-0,1-1,2-2,3-3,x", 10, "invalid"},
    {"bytes=20-,x", 10, "invalid"},
    {"lines=0-1", 10, "invalid"},
    {"Bytes=0-1", 10, "invalid"},
    {"0-1", 10, "invalid"},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(range_cases) / sizeof(range_cases[0]); i++) {
        const struct range_case *c = &range_cases[i];
        struct ccb_http_range ranges[3];
        size_t count, len = 0;
        char got[200] = "";
        int code = ccb_http_range_parse(ccb_slice_of(c->header), c->size,
                                        ranges, 3, &count);

        if (code != CCB_OK)
            snprintf(got, sizeof(got), "%s",
                     code == CCB_INVALID ? "invalid" : "not found");
        for (size_t k = 0; code == CCB_OK && k < count; k++)
            len += (size_t)snprintf(got + len, sizeof(got) - len,
                                    "%s%" PRIu64 "+%" PRIu64, k > 0 ? " " : "",
                                    ranges[k].start, ranges[k].length);
        if (strcmp(got, c->result) != 0)
            fail_msg("%s of %" PRIu64 ": \"%s\", not \"%s\"", c->header,
                     c->size, got, c->result);
    }
}

/* ---- dates -------------------------------------------------------------- */

static void test_dates_that_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"Mon, 24 Aug 2015 10:00:00 GMT", 1440410400},
        {"Monday, 24-Aug-15 10:00:00 GMT", 1440410400},
        {"Mon Aug 24 10:00:00 2015", 1440410400},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Mon, 01 Jan 1968 00:00:00 GMT", -63158400},
        {"Sat, 01 Jan 2101 00:00:00 GMT", 4133980800},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = 0;

        if (ccb_http_date_parse(ccb_slice_of(cases[i].text), &seconds) != 0 ||
            seconds != cases[i].seconds)
            fail_msg("%s: %" PRId64, cases[i].text, seconds);
    }
}

static void test_dates_that_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "yesterday",
        "Mon, 24 Aug 2015 10:00:00",
        "Mon, 24 Aug 2015 10:00:00 CET",
        "Mon, 24 Aug 2015 10:00:00 GMT ",
        "Mon, 24 Aug 2015 24:00:00 GMT",
        "Mon, 24 Aug 2015 10:60:00 GMT",
        "Mon, 31 Feb 2015 10:00:00 GMT",
        "Mon, 00 Aug 2015 10:00:00 GMT",
        "Mon, 29 Feb 2015 10:00:00 GMT",
        "Moo, 24 Aug 2015 10:00:00 GMT",
        "Mon, 24 Aux 2015 10:00:00 GMT",
        "Mon, 4 Aug 2015 10:00:00 GMT",
        "Mon, 24 Aug 15 10:00:00 GMT",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t seconds;

        if (ccb_http_date_parse(ccb_slice_of(texts[i]), &seconds) !=
            CCB_INVALID)
            fail_msg("%s is read", texts[i]);
    }
}

static void test_written_dates_are_read_again(void **state)
{
    static const int64_t times[] = {0, 1, 951782400, 1440410400, 4102444799};

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[CCB_HTTP_DATE_SIZE];
        int64_t seconds = -1;

        ccb_http_date_format(times[i], text);
        assert_int_equal(ccb_http_date_parse(ccb_slice_of(text), &seconds), 0);
        assert_int_equal(seconds, times[i]);
    }
}

/* ---- addresses ---------------------------------------------------------- */

static void test_addresses(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {
        {"0.0.0.0:8080", "", 8080},
        {":80", "", 80},
        {"127.0.0.1:0", "127.0.0.1", 0},
        {"[::1]:90", "::1", 90},
        {"localhost:65535", "localhost", 65535},
    };
    static const char *const bad[][2] = {
        {"localhost", "missing port"},   {"::1:80", "too many colons"},
        {"h:", "must be a number"},      {"h:x", "must be a number"},
        {"h:65536", "must be a number"}, {"h:-1", "must be a number"},
    };
    struct ccb_http_address address;
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ccb_http_address_parse(&address, good[i].text, &err),
                         CCB_OK);
        assert_string_equal(address.host, good[i].host);
        assert_int_equal(address.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ccb_http_address_parse(&address, bad[i][0], &err),
                         CCB_INVALID);
        assert_non_null(strstr(err.message, bad[i][0]));
        assert_non_null(strstr(err.message, bad[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_dates_that_are_read),
        cmocka_unit_test(test_dates_that_are_none),
        cmocka_unit_test(test_written_dates_are_read_again),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
