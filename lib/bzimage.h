/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A kernel image of the Linux/x86 boot protocol, read as foreign bytes, by who loads one to enter
 * it in 64-bit mode. Pure. Source: Linux documentation, arch/x86/boot.rst.
 */
#include "lib/linux_params.h"

/* The setup header lies in the first so many bytes of the file. */
#define BZIMAGE_HEAD 0x400u

struct bzimage {
    uint64_t offset;       /* of the part that runs in protected mode, in the file */
    uint64_t size;         /* its bytes */
    uint64_t memory;       /* bytes of memory that it needs at its start, not less than size */
    uint64_t preferred;    /* physical address where it wants to be, or 0 */
    uint64_t alignment;    /* a power of two, at least a page */
    uint64_t initrd_end;   /* the initramfs must end at or below this address */
    uint64_t cmdline_max;  /* characters of the command line */
    bool relocatable;      /* it runs at any aligned address, not only the preferred one */
    uint64_t entry_offset; /* of the 64-bit entry, from where it was loaded */
    const uint8_t *header; /* the setup header in the caller's bytes */
    uint64_t header_size;  /* what of it belongs into the zero page */
};

/*
 * head: the first size bytes of a file of file_size bytes, BZIMAGE_HEAD or the whole file. Returns
 * 0 or -ENOEXEC, with what is wrong in *reason.
 */
int bzimage_parse(const void *head, size_t size, uint64_t file_size, struct bzimage *out,
                  const char **reason);
