/*
 * Removes a directory tree that an app made: any depth, any names, any owner.
 * Invariants: no link is followed, nothing outside is touched, and neither
 * stack nor descriptors grow with the depth.
 */
#ifndef CCB_CELL_CONTAINER_TREE_H
#define CCB_CELL_CONTAINER_TREE_H

#include "ccbridge/error.h"

/* Removes `name` in the open directory `parent`; fine when it isn't there.
 * Blocks: [pool]. Nobody may write in the tree any more. */
int ccb_tree_remove(int parent, const char *name, struct ccb_error *err);

#endif
