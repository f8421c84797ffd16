/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads an ELF program, and the interpreter that it names, into a new space. The checks of headers
 * are lib/elf's. Sources: System V gABI chapter 5 (segments, PT_INTERP), Linux's address space
 * layout (admin-guide/sysctl/kernel, randomize_va_space).
 */
#include "abi/errno.h"
#include "abi/layout.h"
#include "kernel/base/random.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/exec.h"
#include "lib/string.h"

#define DYN_BASE         (LAYOUT_USER_END / 3 * 2)
#define MMAP_RANDOM_BITS 28
#define BRK_RANDOM_BITS  13 /* 32 MiB */
#define INTERP_NAME_MAX  4096
#define PHDRS_BYTES_MAX  4096 /* Linux takes no more than a page of them */

/* One ELF file on its way into the space. */
struct elf_file {
    struct file *file;
    struct elf64_ehdr header;
    struct elf64_phdr *phdrs; /* allocated */
    struct elf_layout layout;
    vaddr_t bias; /* added to addresses in the file */
};

vaddr_t exec_random_pages(const struct exec *exec, unsigned bits)
{
    return exec->randomize ? (random_u64() & ((1ul << bits) - 1)) << PAGE_SHIFT : 0;
}

static int read_headers(struct elf_file *elf, const void *head, int error)
{
    struct inode_attr attr;
    memcpy(&elf->header, head, sizeof(elf->header));
    size_t size = (size_t)elf->header.e_phnum * sizeof(struct elf64_phdr);
    if (elf_check_header(&elf->header, exec_elf_machine, NULL) != 0 || size > PHDRS_BYTES_MAX ||
        vfs_getattr(&elf->file->path, &attr) != 0 || elf->file->ops->mmap == NULL) {
        return error;
    }
    elf->phdrs = kmalloc(size);
    if (elf->phdrs == NULL) {
        return -ENOMEM;
    }
    if (size <= EXEC_HEAD_SIZE && elf->header.e_phoff <= EXEC_HEAD_SIZE - size) {
        memcpy(elf->phdrs, (const char *)head + elf->header.e_phoff, size);
    } else if (file_read_exact(elf->file, elf->phdrs, size, elf->header.e_phoff) != 0) {
        return error;
    }
    if (elf_check_segments(elf->phdrs, elf->header.e_phnum, attr.size, &elf->layout, NULL) != 0 ||
        elf->layout.load_count == 0) {
        return error;
    }
    return 0;
}

/* Opens the interpreter and reads its first bytes into *head. */
static int open_interp(const struct elf_file *elf, struct exec *exec)
{
    const struct elf64_phdr *phdr = &elf->phdrs[elf->layout.interp];
    if (phdr->p_filesz < 2 || phdr->p_filesz > INTERP_NAME_MAX) {
        return -ENOEXEC;
    }
    char *name = kmalloc(phdr->p_filesz);
    if (name == NULL) {
        return -ENOMEM;
    }
    int result = file_read_exact(elf->file, name, phdr->p_filesz, phdr->p_offset);
    if (result == 0 && name[phdr->p_filesz - 1] != '\0') {
        result = -ENOEXEC;
    }
    if (result == 0) {
        result = exec_open(-100 /* AT_FDCWD */, name, WALK_FOLLOW, &exec->interp);
    }
    kfree(name);
    return result;
}

static unsigned region_rights(const struct elf64_phdr *phdr)
{
    return (phdr->p_flags & ELF_PF_R ? REGION_READ : 0) |
           (phdr->p_flags & ELF_PF_W ? REGION_WRITE : 0) |
           (phdr->p_flags & ELF_PF_X ? REGION_EXEC : 0) | REGION_MAY_READ | REGION_MAY_WRITE |
           REGION_MAY_EXEC;
}

static int map_file_part(struct exec *exec, const struct elf_file *elf,
                         const struct elf64_phdr *phdr, vaddr_t start)
{
    struct vmo *vmo;
    size_t in_page = phdr->p_vaddr & PAGE_MASK;
    struct space_map map = {
        .addr = start,
        .size = phdr->p_filesz + in_page,
        .flags = region_rights(phdr),
        .fixed = true,
        .offset = phdr->p_offset - in_page,
        .owner = file_region_owner(elf->file),
    };
    int result = elf->file->ops->mmap(elf->file, map.offset, map.size, REGION_READ | REGION_EXEC,
                                      &vmo);
    if (result != 0) {
        return result;
    }
    map.vmo = vmo;
    result = space_map(exec->space, &map, &start);
    vmo_put(vmo);
    return result;
}

/* The part of a segment that the file does not hold: zeroes, from the last file byte on. */
static int map_zero_part(struct exec *exec, const struct elf64_phdr *phdr, vaddr_t start,
                         vaddr_t end)
{
    vaddr_t page = ALIGN_UP(start, PAGE_SIZE);
    if (phdr->p_filesz == 0) {
        page = ALIGN_DOWN(start, PAGE_SIZE);
    } else if (phdr->p_flags & ELF_PF_W) {
        /* What lies in the file behind the segment's last byte is not for the program. */
        size_t size = page - start;
        if (space_access(exec->space, start, NULL, size, SPACE_WRITE) != size) {
            return -ENOMEM;
        }
    }
    if (page >= end) {
        return 0;
    }
    struct space_map map = {
        .addr = page, .size = end - page, .flags = region_rights(phdr), .fixed = true};
    return space_map(exec->space, &map, &page);
}

static int map_segment(struct exec *exec, const struct elf_file *elf, const struct elf64_phdr *phdr)
{
    vaddr_t start = phdr->p_vaddr + elf->bias;
    vaddr_t file_end = start + phdr->p_filesz, end = start + phdr->p_memsz;
    int result = 0;
    if (phdr->p_filesz > 0) {
        result = map_file_part(exec, elf, phdr, ALIGN_DOWN(start, PAGE_SIZE));
    }
    if (result == 0 && end > file_end) {
        result = map_zero_part(exec, phdr, file_end, end);
    }
    return result;
}

static void note_segment(struct linux_space *ls, const struct elf64_phdr *phdr, vaddr_t bias)
{
    vaddr_t start = phdr->p_vaddr + bias, end = start + phdr->p_filesz;
    if (phdr->p_flags & ELF_PF_X) {
        if (ls->code_start == 0 || start < ls->code_start) {
            ls->code_start = start;
        }
        ls->code_end = MAX(ls->code_end, end);
    }
    ls->data_start = MAX(ls->data_start, start);
    ls->data_end = MAX(ls->data_end, end);
}

static int map_image(struct exec *exec, const struct elf_file *elf, bool is_program)
{
    vaddr_t high = elf->layout.high + elf->bias;
    if (high > LAYOUT_USER_END || high < elf->bias ||
        elf->header.e_entry + elf->bias >= LAYOUT_USER_END) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const struct elf64_phdr *phdr = &elf->phdrs[i];
        if (phdr->p_type != ELF_PT_LOAD) {
            continue;
        }
        int result = map_segment(exec, elf, phdr);
        if (result != 0) {
            return result;
        }
        if (is_program) {
            note_segment(linux_space_of(exec->space), phdr, elf->bias);
        }
    }
    return 0;
}

static uint64_t image_align(const struct elf_file *elf)
{
    uint64_t align = PAGE_SIZE;
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        if (elf->phdrs[i].p_type == ELF_PT_LOAD) {
            align = MAX(align, elf->phdrs[i].p_align);
        }
    }
    return MIN(align, 1ul << 30);
}

/* Below everything that grows down from the top. */
static vaddr_t place_high(const struct exec *exec, const struct elf_file *elf)
{
    uint64_t align = image_align(elf);
    vaddr_t low = ALIGN_DOWN(elf->layout.low, align), size = elf->layout.high - low;
    if (size > exec->space->mmap_top / 2) {
        return 0;
    }
    return ALIGN_DOWN(exec->space->mmap_top - size, align) - low;
}

/* The address of the program headers, when a segment holds them. */
static vaddr_t headers_address(const struct elf_file *elf)
{
    uint64_t offset = elf->header.e_phoff;
    for (unsigned i = 0; i < elf->header.e_phnum; i++) {
        const struct elf64_phdr *phdr = &elf->phdrs[i];
        if (phdr->p_type == ELF_PT_LOAD && offset >= phdr->p_offset &&
            offset < phdr->p_offset + phdr->p_filesz) {
            return offset - phdr->p_offset + phdr->p_vaddr + elf->bias;
        }
    }
    return 0;
}

static int load_interp(struct exec *exec)
{
    struct elf_file elf = {.file = exec->interp};
    /* The program's headers are not needed any more. */
    int result = exec_read_head(exec->interp, exec->head);
    if (result == 0) {
        result = read_headers(&elf, exec->head, -ELIBBAD);
    }
    if (result == 0) {
        elf.bias = elf.header.e_type == ELF_TYPE_DYN ? place_high(exec, &elf) : 0;
        result = map_image(exec, &elf, false);
    }
    if (result == 0) {
        exec->image.base = elf.bias;
        exec->image.entry = elf.header.e_entry + elf.bias;
    }
    kfree(elf.phdrs);
    return result;
}

/* From the top: stack, gap for its growth, mappings downwards. */
static void lay_out(struct exec *exec)
{
    uint64_t limit = current_process()->limits[RLIMIT_STACK].soft;
    uint64_t gap = MIN(limit, LAYOUT_USER_END / 6 * 5) + (exec->randomize ? 16ul << 30 : 0);
    gap = MAX(MIN(gap + (1ul << 20), LAYOUT_USER_END / 6 * 5), 128ul << 20);
    exec->stack_top = LAYOUT_USER_END - exec_random_pages(exec, 22);
    exec->space->mmap_top = ALIGN_DOWN(
        LAYOUT_USER_END - gap - exec_random_pages(exec, MMAP_RANDOM_BITS), PAGE_SIZE);
}

static vaddr_t choose_bias(const struct exec *exec, const struct elf_file *elf)
{
    if (elf->header.e_type != ELF_TYPE_DYN) {
        return 0;
    }
    if (elf->layout.interp < 0) {
        return place_high(exec, elf);
    }
    vaddr_t base = ALIGN_DOWN(DYN_BASE, PAGE_SIZE) + exec_random_pages(exec, MMAP_RANDOM_BITS);
    return ALIGN_DOWN(base, image_align(elf)) - ALIGN_DOWN(elf->layout.low, PAGE_SIZE);
}

static void place_brk(struct exec *exec, const struct elf_file *elf)
{
    struct linux_space *ls = linux_space_of(exec->space);
    vaddr_t brk = ALIGN_UP(elf->layout.high + elf->bias, PAGE_SIZE);
    /* Under the mappings there would be no room for it. */
    if (elf->header.e_type == ELF_TYPE_DYN && elf->layout.interp < 0) {
        brk = ALIGN_DOWN(DYN_BASE, PAGE_SIZE);
    }
    ls->brk_start = ls->brk = brk + exec_random_pages(exec, BRK_RANDOM_BITS);
}

static int load_program(struct exec *exec, struct elf_file *elf)
{
    struct exec_image *image = &exec->image;
    int result = linux_space_create(exec->space);
    if (result != 0) {
        return result;
    }
    lay_out(exec);
    elf->bias = choose_bias(exec, elf);
    result = map_image(exec, elf, true);
    if (result != 0) {
        return result;
    }
    place_brk(exec, elf);
    image->phdr = headers_address(elf);
    image->phnum = elf->header.e_phnum;
    image->program_entry = image->entry = elf->header.e_entry + elf->bias;
    image->exec_stack = elf->layout.stack >= 0 &&
                        (elf->phdrs[elf->layout.stack].p_flags & ELF_PF_X) != 0;
    return exec->interp != NULL ? load_interp(exec) : 0;
}

int exec_load_elf(struct exec *exec)
{
    struct elf_file elf = {.file = exec->file};
    int result = read_headers(&elf, exec->head, -ENOEXEC);
    if (result == 0 && elf.layout.interp >= 0) {
        result = open_interp(&elf, exec);
    }
    if (result == 0) {
        result = space_create(&exec->space);
    }
    if (result == 0) {
        result = load_program(exec, &elf);
    }
    kfree(elf.phdrs);
    return result;
}
