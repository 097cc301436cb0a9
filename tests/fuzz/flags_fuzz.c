/*
 * Any command line is parsed or refused, with nothing left behind; any text
 * that is a duration prints to one that reads as the same
 * (core/base/flags.h). The input is the words, each ended by a NUL or a line
 * end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/flags.h"
#include "base/mem.h"

#define WORD_LIMIT 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct config {
    const char *text;
    bool truth;
    int64_t number;
    uint64_t size;
    int64_t ttl;
    struct ccb_pairs pairs;
};

static const struct ccb_flag table[] = {
    {"text", CCB_FLAG_STRING, offsetof(struct config, text), "x", NULL, "t",
     NULL, NULL, 0},
    {"truth", CCB_FLAG_BOOL, offsetof(struct config, truth), "true", NULL, "b",
     NULL, NULL, 0},
    {"number", CCB_FLAG_INT, offsetof(struct config, number), "1", NULL, "i",
     NULL, NULL, 0},
    {"size", CCB_FLAG_UINT, offsetof(struct config, size), "2", NULL, "u", NULL,
     NULL, 0},
    {"ttl", CCB_FLAG_DURATION, offsetof(struct config, ttl), "3s", NULL, "d",
     NULL, NULL, 0},
    {"lifecycle", CCB_FLAG_PAIRS, offsetof(struct config, pairs), NULL, NULL,
     "p", NULL, NULL, 0},
};

static void check_duration(const char *word)
{
    int64_t value, again;
    char text[40];

    if (ccb_duration_parse(ccb_slice_of(word), &value) != 0)
        return;
    ccb_duration_format(value, text, sizeof(text));
    if (ccb_duration_parse(ccb_slice_of(text), &again) != 0 || again != value)
        abort();
}

static void check_line(int count, char *const *words, FILE *errors)
{
    struct config first, second;
    const struct ccb_flag_set sets[] = {
        {"one", table, sizeof(table) / sizeof(table[0]), &first},
        {"two", table, 3, &second},
    };
    enum ccb_flags_result result =
        ccb_flags_parse(sets, 2, count, words, "prog", errors);

    if (first.text == NULL || second.text == NULL)
        abort();
    if (result != CCB_FLAGS_OK && first.pairs.items != NULL)
        abort();
    for (size_t i = 0; i < first.pairs.count; i++) {
        if (first.pairs.items[i].key.len == 0 ||
            first.pairs.items[i].value.len == 0)
            abort();
    }
    ccb_flags_destroy(sets, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *errors; /* one for all rounds */
    char *text = ccb_malloc(size + 1), *words[WORD_LIMIT];
    int count = 0;

    if (errors == NULL)
        errors = fopen("/dev/null", "w");
    if (text == NULL || errors == NULL)
        abort();
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] == '\n' ? '\0' : (char)data[i];
    text[size] = '\0';
    for (size_t i = 0; i < size && count < WORD_LIMIT; count++) {
        words[count] = text + i;
        check_duration(words[count]);
        i += strlen(words[count]) + 1;
    }
    check_line(count, words, errors);
    ccb_free(text);
    return 0;
}
