/*
 * The bounded ELF reader: header, then the notes of the PT_NOTE segments,
 * then (for files without them) those of the note sections.
 * Invariant: no byte outside the file is asked for, no loop is longer than
 * its cap, and nothing of the file is mapped or run.
 * Follows ccbridge/lifecycle.h, "the manifest"; anchors 3.4.
 */
#include "plugin/note.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_MACHINE EM_RISCV
#else
#error "state this machine's ELF number here"
#endif

enum {
    MAX_SEGMENTS = 512,
    MAX_SECTIONS = 4096,
    MAX_NOTES = 256, /* in one segment or section */
};

struct reader {
    const struct ccb_note_source *source;
    struct ccb_plugin_refusal *refusal;
    Elf64_Ehdr header;
    uint64_t text_offset; /* of what was found */
    uint32_t text_size;
};

/* What walking over notes says; negative: the file is refused. */
enum { NOT_FOUND = 0, FOUND = 1 };

static int fits(const struct reader *r, uint64_t offset, uint64_t len)
{
    return offset <= r->source->size && len <= r->source->size - offset;
}

static int read_at(const struct reader *r, uint64_t offset, void *to,
                   size_t len)
{
    if (!fits(r, offset, len))
        return -1;
    return r->source->read(r->source->ctx, offset, to, len);
}

static int refuse_short(struct reader *r, const char *what, uint64_t end)
{
    return ccb_refuse(r->refusal, CCB_REFUSED_NOT_ELF, "a whole ELF file",
                      "%" PRIu64 " bytes, but its %s would end at %" PRIu64,
                      r->source->size, what, end);
}

static int check_identity(struct reader *r)
{
    const Elf64_Ehdr *h = &r->header;

    if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB)
        return ccb_refuse(r->refusal, CCB_REFUSED_MACHINE,
                          "ELF of 64 bits, little-endian", "class %u, data %u",
                          h->e_ident[EI_CLASS], h->e_ident[EI_DATA]);
    if (h->e_machine != OWN_MACHINE) {
        ccb_refuse(r->refusal, CCB_REFUSED_MACHINE, "", "machine %u",
                   h->e_machine);
        snprintf(r->refusal->expected, sizeof(r->refusal->expected),
                 "machine %d", OWN_MACHINE);
        return CCB_INVALID;
    }
    if (h->e_type != ET_DYN)
        return ccb_refuse(r->refusal, CCB_REFUSED_NOT_ELF,
                          "a shared object (ELF type 3)", "ELF type %u",
                          h->e_type);
    return 0;
}

/* The two header tables must lie inside the file: the sections' table is
 * written last, so a file that was cut short shows here. */
static int check_tables(struct reader *r)
{
    const Elf64_Ehdr *h = &r->header;
    uint64_t segments = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);
    uint64_t sections = (uint64_t)h->e_shnum * sizeof(Elf64_Shdr);

    if ((h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr)) ||
        (h->e_shnum && h->e_shentsize != sizeof(Elf64_Shdr)))
        return ccb_refuse(
            r->refusal, CCB_REFUSED_NOT_ELF, "headers of 56 and 64 bytes",
            "headers of %u and %u bytes", h->e_phentsize, h->e_shentsize);
    if (h->e_phnum > MAX_SEGMENTS || h->e_shnum > MAX_SECTIONS)
        return ccb_refuse(r->refusal, CCB_REFUSED_NOT_ELF,
                          "at most 512 segments and 4096 sections",
                          "%u segments, %u sections", h->e_phnum, h->e_shnum);
    if (!fits(r, h->e_phoff, segments))
        return refuse_short(r, "segment table", h->e_phoff + segments);
    if (!fits(r, h->e_shoff, sections))
        return refuse_short(r, "section table", h->e_shoff + sections);
    return 0;
}

static int read_header(struct reader *r)
{
    int code;

    if (read_at(r, 0, &r->header, sizeof(r->header)) < 0 ||
        memcmp(r->header.e_ident, ELFMAG, SELFMAG) != 0)
        return ccb_refuse(r->refusal, CCB_REFUSED_NOT_ELF, "an ELF file",
                          "%" PRIu64 " bytes of something else",
                          r->source->size);
    code = check_identity(r);
    return code ? code : check_tables(r);
}

/* ---- notes -------------------------------------------------------------- */

struct note {
    Elf64_Nhdr head;
    uint64_t text; /* offset from the note's beginning */
    uint64_t next; /* likewise */
};

static uint64_t pad(uint64_t size, uint64_t align)
{
    return (size + align - 1) / align * align;
}

static int is_ours(const struct reader *r, uint64_t at, const struct note *n)
{
    char owner[sizeof(CCB_NOTE_OWNER)];

    return n->head.n_type == CCB_NOTE_TYPE &&
           n->head.n_namesz == sizeof(owner) &&
           read_at(r, at + sizeof(n->head), owner, sizeof(owner)) == 0 &&
           memcmp(owner, CCB_NOTE_OWNER, sizeof(owner)) == 0;
}

static int take_text(struct reader *r, uint64_t at, const struct note *n,
                     uint64_t room)
{
    uint32_t size = n->head.n_descsz;

    if (size > CCB_NOTE_MAX_TEXT || n->text > room || size > room - n->text)
        return ccb_refuse(r->refusal, CCB_REFUSED_BAD_MANIFEST,
                          "a note of at most 65536 bytes inside its segment",
                          "a note of %" PRIu32 " bytes", size);
    r->text_offset = at + n->text;
    r->text_size = size;
    return FOUND;
}

/* Walks the notes in [offset, offset + size), a range inside the file. Notes
 * of others that don't add up just end the walk: they are not our matter. */
static int walk_notes(struct reader *r, uint64_t offset, uint64_t size,
                      uint64_t align)
{
    uint64_t pos = 0;

    align = align == 8 ? 8 : 4;
    for (int i = 0; i < MAX_NOTES; i++) {
        struct note n;

        if (size - pos < sizeof(n.head) ||
            read_at(r, offset + pos, &n.head, sizeof(n.head)) < 0)
            return NOT_FOUND;
        n.text = pad(sizeof(n.head) + (uint64_t)n.head.n_namesz, align);
        n.next = n.text + pad(n.head.n_descsz, align);
        if (is_ours(r, offset + pos, &n))
            return take_text(r, offset + pos, &n, size - pos);
        if (n.next > size - pos)
            return NOT_FOUND;
        pos += n.next;
    }
    return NOT_FOUND;
}

static int search_segment(struct reader *r, unsigned index)
{
    Elf64_Phdr ph;

    if (read_at(r, r->header.e_phoff + index * sizeof(ph), &ph, sizeof(ph)) < 0)
        return refuse_short(r, "segment table", r->header.e_phoff);
    /* A segment past the end would be a bus error in the linker. */
    if (ph.p_type == PT_LOAD && !fits(r, ph.p_offset, ph.p_filesz))
        return refuse_short(r, "code", ph.p_offset + ph.p_filesz);
    if (ph.p_type != PT_NOTE || r->text_offset ||
        !fits(r, ph.p_offset, ph.p_filesz))
        return NOT_FOUND;
    return walk_notes(r, ph.p_offset, ph.p_filesz, ph.p_align);
}

static int search_section(struct reader *r, unsigned index)
{
    Elf64_Shdr sh;

    if (read_at(r, r->header.e_shoff + index * sizeof(sh), &sh, sizeof(sh)) < 0)
        return refuse_short(r, "section table", r->header.e_shoff);
    if (sh.sh_type != SHT_NOTE || !fits(r, sh.sh_offset, sh.sh_size))
        return NOT_FOUND;
    return walk_notes(r, sh.sh_offset, sh.sh_size, sh.sh_addralign);
}

static int search(struct reader *r)
{
    int code;

    /* All segments are looked at, since all are checked. */
    for (unsigned i = 0; i < r->header.e_phnum; i++) {
        code = search_segment(r, i);
        if (code < 0)
            return code;
    }
    for (unsigned i = 0; !r->text_offset && i < r->header.e_shnum; i++) {
        code = search_section(r, i);
        if (code < 0)
            return code;
    }
    if (r->text_offset)
        return 0;
    return ccb_refuse(r->refusal, CCB_REFUSED_NO_MANIFEST,
                      "an ELF note with owner CCB and type 1", "no such note");
}

int ccb_note_find(const struct ccb_note_source *source, struct ccb_arena *arena,
                  struct ccb_slice *text, struct ccb_plugin_refusal *refusal)
{
    struct reader r = {.source = source, .refusal = refusal};
    char *copy;
    int code = read_header(&r);

    if (code == 0)
        code = search(&r);
    if (code < 0)
        return code;
    copy = ccb_arena_text(arena, (size_t)r.text_size + 1);
    if (!copy)
        return CCB_NO_MEMORY;
    if (read_at(&r, r.text_offset, copy, r.text_size) < 0)
        return ccb_refuse(refusal, CCB_REFUSED_UNREADABLE, "a readable note",
                          "an error at offset %" PRIu64, r.text_offset);
    copy[r.text_size] = '\0';
    *text = ccb_slice_make(copy, r.text_size);
    return 0;
}
