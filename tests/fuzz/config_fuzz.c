/*
 * The configuration file: any bytes become words of the command line, each of
 * the form -NAME=VALUE, or are refused in words; also without memory for one of
 * the blocks that takes (core/daemon/config.h).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static int decode(struct ccb_slice text)
{
    struct ccb_config config = {.path = "fuzz"};
    struct ccb_error err = {0};
    int code = ccb_config_decode(&config, text, &err), i;

    check(code == 0 || err.message[0]);
    for (i = 0; i < config.count; i++) {
        check(config.words[i][0] == '-' && strchr(config.words[i], '='));
        check(ccb_config_name(config.words[i]).len > 0);
        check(ccb_config_has(&config, config.words[i]));
    }
    ccb_config_destroy(&config);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = ccb_slice_make((const char *)data, size);
    int code = decode(text);

    check(code == 0 || code == CCB_INVALID);
    ccb_mem_fail_at(1 + size % 7, 0);
    code = decode(text);
    ccb_mem_fail_at(0, 0);
    check(code == 0 || code == CCB_INVALID || code == CCB_NO_MEMORY);
    return 0;
}
