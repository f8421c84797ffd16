/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of ELF headers (lib/elf.h). The loader uses them for the kernel, the Linux personality for
 * programs; what only one of the two must refuse (overlaps, writable code) is reported, not judged.
 */
#include "lib/elf.h"
#include "abi/errno.h"
#include "lib/string.h"

enum { ELFCLASS64 = 2, ELFDATA2LSB = 1, EV_CURRENT = 1 };

static int refuse(const char **why, const char *sentence)
{
    if (why != NULL) {
        *why = sentence;
    }
    return -ENOEXEC;
}

int elf_check_header(const struct elf64_ehdr *header, uint16_t machine, const char **why)
{
    if (memcmp(header->e_ident, ELF_MAGIC, 4) != 0) {
        return refuse(why, "no ELF magic");
    }
    if (header->e_ident[4] != ELFCLASS64 || header->e_ident[5] != ELFDATA2LSB) {
        return refuse(why, "not a 64-bit little-endian ELF file");
    }
    if (header->e_ident[6] != EV_CURRENT || header->e_version != EV_CURRENT) {
        return refuse(why, "unknown ELF version");
    }
    if (header->e_machine != machine) {
        return refuse(why, "ELF file for another machine");
    }
    if (header->e_type != ELF_TYPE_EXEC && header->e_type != ELF_TYPE_DYN) {
        return refuse(why, "ELF file is not a program");
    }
    if (header->e_phentsize != sizeof(struct elf64_phdr)) {
        return refuse(why, "program headers of unknown size");
    }
    if (header->e_phnum == 0 || header->e_phnum > ELF_MAX_PHDRS) {
        return refuse(why, "no program headers, or too many");
    }
    if (header->e_phoff > INT64_MAX - ELF_MAX_PHDRS * sizeof(struct elf64_phdr)) {
        return refuse(why, "program headers outside the file");
    }
    return 0;
}

static bool inside_file(const struct elf64_phdr *ph, uint64_t file_size)
{
    return ph->p_offset <= file_size && ph->p_filesz <= file_size - ph->p_offset;
}

static int check_load(const struct elf64_phdr *ph, uint64_t file_size, struct elf_layout *layout,
                      const char **why)
{
    if (!inside_file(ph, file_size)) {
        return refuse(why, "segment outside the file");
    }
    if (ph->p_filesz > ph->p_memsz) {
        return refuse(why, "segment larger in the file than in memory");
    }
    const uint64_t limit = UINT64_MAX - PAGE_MASK;
    if (ph->p_vaddr > limit || ph->p_memsz > limit - ph->p_vaddr) {
        return refuse(why, "segment address out of range");
    }
    if ((ph->p_align & (ph->p_align - 1)) != 0 ||
        (ph->p_filesz > 0 && ((ph->p_vaddr ^ ph->p_offset) & PAGE_MASK) != 0)) {
        return refuse(why, "segment not aligned");
    }
    if ((ph->p_flags & (ELF_PF_W | ELF_PF_X)) == (ELF_PF_W | ELF_PF_X)) {
        layout->writable_code = true;
    }
    if (layout->load_count == 0) {
        layout->low = ph->p_vaddr;
        layout->high = ph->p_vaddr;
    } else if (ph->p_vaddr < layout->high) {
        layout->overlap = true;
    }
    layout->low = MIN(layout->low, ph->p_vaddr);
    layout->high = MAX(layout->high, ph->p_vaddr + ph->p_memsz);
    layout->load_count++;
    return 0;
}

/* Where the index of a segment of this type is noted, or NULL: one that nobody asks for. */
static int *index_of(struct elf_layout *layout, uint32_t type)
{
    switch (type) {
    case ELF_PT_INTERP:
        return &layout->interp;
    case ELF_PT_DYNAMIC:
        return &layout->dynamic;
    case ELF_PT_TLS:
        return &layout->tls;
    case ELF_PT_GNU_RELRO:
        return &layout->relro;
    case ELF_PT_GNU_STACK:
        return &layout->stack;
    case ELF_PT_PHDR:
        return &layout->phdr;
    default:
        return NULL;
    }
}

static int check_other(const struct elf64_phdr *ph, int i, uint64_t file_size,
                       struct elf_layout *layout, const char **why)
{
    int *index = index_of(layout, ph->p_type);
    if (index == NULL) {
        return 0;
    }
    if (*index >= 0 && ph->p_type == ELF_PT_INTERP) {
        return refuse(why, "more than one interpreter");
    }
    if (*index < 0) {
        *index = i;
    }
    if (ph->p_type == ELF_PT_GNU_STACK || ph->p_type == ELF_PT_PHDR) {
        return 0;
    }
    if (!inside_file(ph, file_size)) {
        return refuse(why, "segment outside the file");
    }
    if (ph->p_type == ELF_PT_TLS &&
        (ph->p_filesz > ph->p_memsz || (ph->p_align & (ph->p_align - 1)) != 0)) {
        return refuse(why, "thread-local segment is not consistent");
    }
    return 0;
}

int elf_check_segments(const struct elf64_phdr *phdrs, unsigned count, uint64_t file_size,
                       struct elf_layout *layout, const char **why)
{
    *layout = (struct elf_layout){
        .interp = -1, .dynamic = -1, .tls = -1, .relro = -1, .stack = -1, .phdr = -1};
    for (unsigned i = 0; i < count; i++) {
        const struct elf64_phdr *ph = &phdrs[i];
        int err = ph->p_type == ELF_PT_LOAD ? check_load(ph, file_size, layout, why)
                                            : check_other(ph, (int)i, file_size, layout, why);
        if (err != 0) {
            return err;
        }
    }
    if (layout->load_count == 0) {
        return refuse(why, "no segment to load");
    }
    return 0;
}
