/*
 * What an ELF file says of itself: segments, dynamic entries, symbols. The file
 * is mapped for reading and nothing of it is run; every offset is checked.
 */
#ifndef CCB_CHECK_ELF_FILE_H
#define CCB_CHECK_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#include "ccbridge/error.h"

struct ccb_elf {
    const char *bytes;
    size_t size;
    const Elf64_Phdr *segments;
    size_t segment_count;
    const Elf64_Dyn *dynamic;
    size_t dynamic_count;
    const Elf64_Sym *symbols; /* the dynamic ones */
    size_t symbol_count;
    const char *names; /* ends with a NUL */
    size_t names_size;
};

/* CCB_INVALID for a file without these tables. */
int ccb_elf_open(struct ccb_elf *elf, const char *path, struct ccb_error *err);
void ccb_elf_close(struct ccb_elf *elf);

/* A name of the string table; "" when it is out of range. */
const char *ccb_elf_name(const struct ccb_elf *elf, size_t at);

/* Whether there is an entry of this tag; its value in *value (or NULL). */
bool ccb_elf_has_tag(const struct ccb_elf *elf, Elf64_Sxword tag,
                     Elf64_Xword *value);

#endif
