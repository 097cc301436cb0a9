/*
 * `.cfignore`: which files of an app are left at home, in gitignore's syntax.
 *
 * Lines: blank or `#...` says nothing; `!x` takes back; a slash at the front or
 * inside ties the pattern to the app's directory, without one it holds at any
 * depth; a slash at the end means directories only. `*`, `?` and `[...]` stay
 * within a name, a `**` of its own stands for any directories. The last line
 * that matches decides; what lies in an excluded directory stays excluded.
 */
#ifndef CCB_CLI_IGNORE_H
#define CCB_CLI_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "ccbridge/slice.h"

struct ccb_ignore_pattern {
    const char *text; /* NUL-terminated, below the text of the list */
    bool negated, anchored, directories_only;
};

struct ccb_ignore {
    struct ccb_ignore_pattern *patterns;
    size_t count, capacity;
    struct ccb_ignore_text *texts;
};

/* {0} is an empty list. Adds the lines of `text` (copied) behind what is
 * there. 0 or CCB_NO_MEMORY. */
int ccb_ignore_add(struct ccb_ignore *list, struct ccb_slice text);
/* Adds what is never part of an app: .cfignore, .git and its like. */
int ccb_ignore_add_defaults(struct ccb_ignore *list);
void ccb_ignore_destroy(struct ccb_ignore *list);

/* Whether the lines exclude this path, of the app's directory, without slash
 * at either end. The path alone: a walk asks for each directory on its way. */
bool ccb_ignore_matches(const struct ccb_ignore *list, const char *path,
                        bool directory);
/* The same, asking for the directories above first. */
bool ccb_ignore_excludes(const struct ccb_ignore *list, const char *path,
                         bool directory);

/* One name against one pattern without slashes. */
bool ccb_ignore_match_name(struct ccb_slice pattern, struct ccb_slice name);

#endif
