/*
 * Finds the manifest's text in a plugin file without running it.
 *
 * Only ELF64, little-endian, of this machine. Every offset and size comes
 * from the file and is checked against the file's size before it is used.
 * Follows ccbridge/lifecycle.h, "the manifest"; anchors 3.4.
 */
#ifndef CCB_PLUGIN_NOTE_H
#define CCB_PLUGIN_NOTE_H

#include <stdint.h>

#include "base/arena.h"
#include "plugin/refusal.h"

#define CCB_NOTE_MAX_TEXT 65536

/* Where the bytes come from. `read` fills all of `len` bytes or returns a
 * negative number; it is asked only for what lies within `size`. */
struct ccb_note_source {
    int (*read)(void *ctx, uint64_t offset, void *to, size_t len);
    void *ctx;
    uint64_t size;
};

/* Puts the text into `arena`. 0; CCB_INVALID with `refusal` filled;
 * CCB_NO_MEMORY. */
int ccb_note_find(const struct ccb_note_source *source, struct ccb_arena *arena,
                  struct ccb_slice *text, struct ccb_plugin_refusal *refusal);

#endif
