/*
 * The first document of a YAML text, and the few questions the programs ask it
 * (contract/lifecycle-buildpack.md A7, A8, A10). Reading is libyaml's, which
 * follows aliases, takes a BOM and refuses what YAML refuses; tags are ignored.
 */
#ifndef BUNDLE_YAML_DOC_H
#define BUNDLE_YAML_DOC_H

#include <yaml.h>

#include "ccbridge/slice.h"
#include "failure.h"

/* Larger texts are refused: reading costs a hundred times their size. */
#define CCB_YAML_MAX ((size_t)256 << 10)

struct ccb_yaml {
    yaml_document_t document;
    yaml_node_t *root; /* NULL: the text holds no document */
};

/* Borrows `text` while it runs. On failure (CCB_INVALID, CCB_TOO_LARGE,
 * CCB_NO_MEMORY, with the parser's words) nothing is left to destroy. */
int ccb_yaml_load(struct ccb_yaml *yaml, struct ccb_slice text,
                  struct ccb_failure *failure);
void ccb_yaml_destroy(struct ccb_yaml *yaml);

/* An explicit null ("~", "null"), but not a value that is simply not there. */
int ccb_yaml_is_null(const yaml_node_t *node);

/* Whether it is a plain or quoted scalar; its text, empty for a null. The text
 * is borrowed from the document. */
int ccb_yaml_scalar(const yaml_node_t *node, struct ccb_slice *text);

/* Calls `on_pair` for each pair of a mapping, in order, until one returns
 * non-zero, and returns that. */
int ccb_yaml_each(struct ccb_yaml *yaml, const yaml_node_t *mapping,
                  int (*on_pair)(void *ctx, const yaml_node_t *key,
                                 const yaml_node_t *value),
                  void *ctx);

/* Whether the node is a scalar of that text, letters in any case. */
int ccb_yaml_is_key(const yaml_node_t *node, const char *name);

#endif
