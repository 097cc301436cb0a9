/*
 * libyaml's document, with its words for what is wrong made into one line.
 * Invariant: what could take the parser quadratic time (it looks through all
 * open levels and all anchors again and again) is refused before it is loaded.
 */
#include "yaml_doc.h"

#include <string.h>
#include <strings.h>

#define DEPTH_MAX 100
#define ANCHORS_MAX 1000

static int refuse(const yaml_parser_t *parser, struct ccb_failure *failure)
{
    const char *problem = parser->problem;

    if (parser->error == YAML_MEMORY_ERROR)
        return ccb_failure_memory(failure);
    if (problem == NULL)
        problem = "it is no YAML";
    if (parser->error == YAML_READER_ERROR)
        return ccb_failure_set(failure, CCB_INVALID, "%s at offset %zu",
                               problem, parser->problem_offset);
    return ccb_failure_set(failure, CCB_INVALID, "%s at line %zu, column %zu",
                           problem, parser->problem_mark.line + 1,
                           parser->problem_mark.column + 1);
}

static int open_parser(yaml_parser_t *parser, struct ccb_slice text,
                       struct ccb_failure *failure)
{
    if (yaml_parser_initialize(parser) == 0)
        return ccb_failure_memory(failure);
    yaml_parser_set_input_string(
        parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
        text.len);
    return 0;
}

/* What is open and named so far. */
struct extent {
    int depth, anchors, ended;
};

static void measure(const yaml_event_t *event, struct extent *extent)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        extent->anchors += event->data.scalar.anchor != NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        extent->anchors += event->data.sequence_start.anchor != NULL;
        extent->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        extent->anchors += event->data.mapping_start.anchor != NULL;
        extent->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        extent->depth--;
        break;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        extent->ended = 1;
        break;
    default:
        break;
    }
}

/* Walks the first document once without keeping it. */
static int check_extent(struct ccb_slice text, struct ccb_failure *failure)
{
    struct extent extent = {0, 0, 0};
    yaml_parser_t parser;
    yaml_event_t event;
    int code = open_parser(&parser, text, failure);

    if (code != 0)
        return code;
    while (code == 0 && !extent.ended) {
        if (yaml_parser_parse(&parser, &event) == 0) {
            code = refuse(&parser, failure);
            break;
        }
        measure(&event, &extent);
        yaml_event_delete(&event);
        if (extent.depth > DEPTH_MAX)
            code = ccb_failure_set(failure, CCB_INVALID,
                                   "nested deeper than %d levels", DEPTH_MAX);
        else if (extent.anchors > ANCHORS_MAX)
            code = ccb_failure_set(failure, CCB_INVALID, "more than %d anchors",
                                   ANCHORS_MAX);
    }
    yaml_parser_delete(&parser);
    return code;
}

int ccb_yaml_load(struct ccb_yaml *yaml, struct ccb_slice text,
                  struct ccb_failure *failure)
{
    yaml_parser_t parser;
    int code;

    yaml->root = NULL;
    if (text.len > CCB_YAML_MAX)
        return ccb_failure_set(failure, CCB_TOO_LARGE,
                               "larger than %zu bytes, which nobody writes",
                               CCB_YAML_MAX);
    code = check_extent(text, failure);
    if (code == 0)
        code = open_parser(&parser, text, failure);
    if (code != 0)
        return code;
    if (yaml_parser_load(&parser, &yaml->document) == 0)
        code = refuse(&parser, failure);
    else
        yaml->root = yaml_document_get_root_node(&yaml->document);
    yaml_parser_delete(&parser);
    return code;
}

void ccb_yaml_destroy(struct ccb_yaml *yaml)
{
    yaml_document_delete(&yaml->document);
    yaml->root = NULL;
}

static struct ccb_slice text_of(const yaml_node_t *node)
{
    return ccb_slice_make((const char *)node->data.scalar.value,
                          node->data.scalar.length);
}

int ccb_yaml_is_null(const yaml_node_t *node)
{
    static const char *const words[] = {"~", "null", "Null", "NULL"};

    if (node == NULL || node->type != YAML_SCALAR_NODE ||
        node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (ccb_slice_is(text_of(node), words[i]))
            return 1;
    }
    return 0;
}

int ccb_yaml_scalar(const yaml_node_t *node, struct ccb_slice *text)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return 0;
    *text = ccb_yaml_is_null(node) ? ccb_slice_make("", 0) : text_of(node);
    return 1;
}

int ccb_yaml_each(struct ccb_yaml *yaml, const yaml_node_t *mapping,
                  int (*on_pair)(void *ctx, const yaml_node_t *key,
                                 const yaml_node_t *value),
                  void *ctx)
{
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    int code = 0;

    for (; pair < mapping->data.mapping.pairs.top && code == 0; pair++)
        code = on_pair(ctx, yaml_document_get_node(&yaml->document, pair->key),
                       yaml_document_get_node(&yaml->document, pair->value));
    return code;
}

int ccb_yaml_is_key(const yaml_node_t *node, const char *name)
{
    struct ccb_slice text;

    return ccb_yaml_scalar(node, &text) && text.len == strlen(name) &&
           strncasecmp(text.ptr, name, text.len) == 0;
}
