/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The head of a PE32+ file: Microsoft's "PE Format" (learn.microsoft.com/windows/win32/debug/
 * pe-format), of which the brackets have the names; what UEFI asks of it: UEFI 2.10, 2.1.1.
 */
#include "lib/types.h"

#define PE_AT          0x40        /* in our file; the word at 0x3c says so */
#define PE_SIGNATURE   0x00004550u /* "PE", two zeros */
#define PE_MACHINE     0x8664      /* x64 [IMAGE_FILE_MACHINE_AMD64] */
#define PE_EXECUTABLE  0x0002      /* characteristics of the file [IMAGE_FILE_EXECUTABLE_IMAGE] */
#define PE_LARGE       0x0020      /* may lie above 2 GiB */
#define PE_LOCAL_STRIP 0x000c      /* no COFF line numbers and symbols */
#define PE_MAGIC_64    0x020b      /* PE32+ */
#define PE_SUBSYSTEM   10          /* [IMAGE_SUBSYSTEM_EFI_APPLICATION] */
#define PE_NX_COMPAT   0x0100      /* memory that is not code need not be executable */
#define PE_CODE        0x00000020u /* of a section */
#define PE_DATA        0x00000040u
#define PE_DISCARDABLE 0x02000000u
#define PE_EXECUTE     0x20000000u
#define PE_READ        0x40000000u
#define PE_WRITE       0x80000000u

enum { PE_DIRECTORIES = 6, PE_DIRECTORY_RELOC = 5, PE_SECTIONS = 4 };

struct pe_section {
    char name[8];
    uint32_t memory_size, rva;
    uint32_t file_size, file_at;
    uint32_t relocations_at, lines_at;
    uint16_t relocations, lines;
    uint32_t flags;
};

struct pe_head {
    uint32_t signature;
    /* the COFF file header */
    uint16_t machine, section_count;
    uint32_t time, symbols_at, symbol_count;
    uint16_t optional_size, flags;
    /* the optional header */
    uint16_t magic;
    uint8_t linker_major, linker_minor;
    uint32_t code_size, data_size, bss_size;
    uint32_t entry_rva, code_rva;
    uint64_t image_base;
    uint32_t section_align, file_align;
    uint16_t os_major, os_minor;
    uint16_t image_major, image_minor;
    uint16_t subsystem_major, subsystem_minor;
    uint32_t reserved;
    uint32_t image_size, headers_size;
    uint32_t checksum;
    uint16_t subsystem, dll_flags;
    uint64_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t loader_flags;
    uint32_t directory_count;
    struct {
        uint32_t rva, size;
    } directories[PE_DIRECTORIES];
    struct pe_section sections[PE_SECTIONS];
} __attribute__((packed));

/* A block of base relocations: two entries that say "nothing" [IMAGE_REL_BASED_ABSOLUTE]. */
struct pe_relocations {
    uint32_t page_rva, size;
    uint16_t entries[2];
};

static_assert(offsetof(struct pe_head, magic) == 24, "PE Format, COFF File Header");
static_assert(offsetof(struct pe_head, checksum) == 24 + 64, "PE Format, Optional Header");
static_assert(offsetof(struct pe_head, sections) == 24 + 112 + 8 * PE_DIRECTORIES, "PE Format");
static_assert(sizeof(struct pe_section) == 40, "PE Format, Section Table");
