/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * ELF files of 64-bit little-endian machines: formats, and checks that a file's header and program
 * headers are safe to use. Pure: nothing is trusted, nothing is allocated; a refusal comes with a
 * sentence. Sources: "System V ABI, chapters 4 and 5" (gabi), "x86-64 psABI", RELR (gabi 2018).
 */
#include <stdint.h>

#include "lib/types.h"

struct elf64_ehdr {
    uint8_t e_ident[16];
    uint16_t e_type;
    uint16_t e_machine;
    uint32_t e_version;
    uint64_t e_entry;
    uint64_t e_phoff;
    uint64_t e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize;
    uint16_t e_phentsize;
    uint16_t e_phnum;
    uint16_t e_shentsize;
    uint16_t e_shnum;
    uint16_t e_shstrndx;
};

struct elf64_phdr {
    uint32_t p_type;
    uint32_t p_flags;
    uint64_t p_offset;
    uint64_t p_vaddr;
    uint64_t p_paddr;
    uint64_t p_filesz;
    uint64_t p_memsz;
    uint64_t p_align;
};

struct elf64_dyn {
    int64_t d_tag;
    uint64_t d_val;
};

struct elf64_rela {
    uint64_t r_offset;
    uint64_t r_info;
    int64_t r_addend;
};

static_assert(sizeof(struct elf64_ehdr) == 64, "gabi, chapter 4");
static_assert(sizeof(struct elf64_phdr) == 56, "gabi, chapter 5");
static_assert(sizeof(struct elf64_dyn) == 16, "gabi, chapter 5");
static_assert(sizeof(struct elf64_rela) == 24, "gabi, chapter 4");

enum {
    ELF_TYPE_EXEC = 2,
    ELF_TYPE_DYN = 3,

    ELF_MACHINE_X86_64 = 62,
    ELF_MACHINE_AARCH64 = 183,
    ELF_MACHINE_RISCV = 243,

    ELF_PT_NULL = 0,
    ELF_PT_LOAD = 1,
    ELF_PT_DYNAMIC = 2,
    ELF_PT_INTERP = 3,
    ELF_PT_NOTE = 4,
    ELF_PT_PHDR = 6,
    ELF_PT_TLS = 7,
    ELF_PT_GNU_STACK = 0x6474e551,
    ELF_PT_GNU_RELRO = 0x6474e552,

    ELF_PF_X = 1,
    ELF_PF_W = 2,
    ELF_PF_R = 4,

    ELF_DT_NULL = 0,
    ELF_DT_RELA = 7,
    ELF_DT_RELASZ = 8,
    ELF_DT_RELAENT = 9,
    ELF_DT_REL = 17,
    ELF_DT_JMPREL = 23,
    ELF_DT_RELRSZ = 35,
    ELF_DT_RELR = 36,
    ELF_DT_RELRENT = 37,

    ELF_R_X86_64_RELATIVE = 8,

    ELF_MAX_PHDRS = 128, /* more are refused */
};

#define ELF_MAGIC "\177ELF"

/*
 * Checks the 64 bytes at `header`: an ELF file of this class, order, version and machine, type
 * EXEC or DYN, with 1 to ELF_MAX_PHDRS program headers of the right size whose table ends below
 * 2^63. Returns 0, or -ENOEXEC with a sentence in *why (why may be NULL).
 */
int elf_check_header(const struct elf64_ehdr *header, uint16_t machine, const char **why);

/* What elf_check_segments found. Indices are into the table of program headers, -1: none. */
struct elf_layout {
    uint64_t low, high; /* the PT_LOADs lie in [low, high), as written in the file */
    unsigned load_count;
    int interp, dynamic, tls, relro, stack, phdr;
    bool writable_code; /* some PT_LOAD is both writable and executable */
    bool overlap;       /* some PT_LOADs overlap, or are not in ascending order */
};

/*
 * Checks a whole table against a file of file_size bytes: for each PT_LOAD offset + filesz lies in
 * the file, filesz <= memsz, addresses do not wrap, p_align is 0 or a power of two and offset and
 * address agree modulo the page; PT_INTERP, PT_DYNAMIC, PT_TLS and PT_GNU_RELRO lie in the file.
 * Returns 0, or -ENOEXEC with a sentence in *why (why may be NULL).
 */
int elf_check_segments(const struct elf64_phdr *phdrs, unsigned count, uint64_t file_size,
                       struct elf_layout *layout, const char **why);
