/* The tables of an ELF file, found by its section headers. */
#include "elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const void *at(const struct ccb_elf *elf, uint64_t offset, uint64_t size)
{
    if (offset > elf->size || size > elf->size - offset || offset % 8 != 0)
        return NULL;
    return elf->bytes + offset;
}

static int map_file(struct ccb_elf *elf, const char *path,
                    struct ccb_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    void *bytes = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (bytes == MAP_FAILED)
        return ccb_error_set(err, CCB_IO, "%s can't be mapped", path);
    elf->bytes = bytes;
    elf->size = (size_t)info.st_size;
    return 0;
}

static void take_section(struct ccb_elf *elf, const Elf64_Shdr *sections,
                         size_t count, const Elf64_Shdr *section)
{
    const Elf64_Shdr *names =
        section->sh_link < count ? &sections[section->sh_link] : NULL;
    const void *table = at(elf, section->sh_offset, section->sh_size);

    if (table && section->sh_type == SHT_DYNAMIC) {
        elf->dynamic = table;
        elf->dynamic_count = section->sh_size / sizeof(Elf64_Dyn);
    } else if (table && section->sh_type == SHT_DYNSYM && names &&
               names->sh_offset <= elf->size && names->sh_size > 0 &&
               names->sh_size <= elf->size - names->sh_offset &&
               elf->bytes[names->sh_offset + names->sh_size - 1] == '\0') {
        elf->symbols = table;
        elf->symbol_count = section->sh_size / sizeof(Elf64_Sym);
        elf->names = elf->bytes + names->sh_offset;
        elf->names_size = names->sh_size;
    }
}

static int find_tables(struct ccb_elf *elf, struct ccb_error *err)
{
    const Elf64_Ehdr *h = at(elf, 0, sizeof(*h));
    const Elf64_Shdr *sections;

    if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
        h->e_ident[EI_CLASS] != ELFCLASS64)
        return ccb_error_set(err, CCB_INVALID, "no ELF file of 64 bits");
    elf->segments =
        at(elf, h->e_phoff, (uint64_t)h->e_phnum * sizeof(*elf->segments));
    elf->segment_count = elf->segments ? h->e_phnum : 0;
    sections = at(elf, h->e_shoff, (uint64_t)h->e_shnum * sizeof(*sections));
    if (h->e_shentsize != sizeof(*sections) ||
        h->e_phentsize != sizeof(*elf->segments))
        return ccb_error_set(err, CCB_INVALID, "headers of another size");
    for (size_t i = 0; sections && i < h->e_shnum; i++)
        take_section(elf, sections, h->e_shnum, &sections[i]);
    if (!elf->dynamic || !elf->symbols)
        return ccb_error_set(err, CCB_INVALID,
                             "no section headers that tell of symbols");
    return 0;
}

int ccb_elf_open(struct ccb_elf *elf, const char *path, struct ccb_error *err)
{
    int code;

    memset(elf, 0, sizeof(*elf));
    code = map_file(elf, path, err);
    if (code == 0)
        code = find_tables(elf, err);
    if (code < 0)
        ccb_elf_close(elf);
    return code;
}

void ccb_elf_close(struct ccb_elf *elf)
{
    if (elf->bytes)
        munmap((void *)(uintptr_t)elf->bytes, elf->size);
    memset(elf, 0, sizeof(*elf));
}

const char *ccb_elf_name(const struct ccb_elf *elf, size_t offset)
{
    return offset < elf->names_size ? elf->names + offset : "";
}

bool ccb_elf_has_tag(const struct ccb_elf *elf, Elf64_Sxword tag,
                     Elf64_Xword *value)
{
    for (size_t i = 0; i < elf->dynamic_count; i++) {
        if (elf->dynamic[i].d_tag == DT_NULL)
            break;
        if (elf->dynamic[i].d_tag != tag)
            continue;
        if (value)
            *value = elf->dynamic[i].d_un.d_val;
        return true;
    }
    return false;
}
