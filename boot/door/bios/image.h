/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A kernel image that can be entered in real mode: any bzImage of the Linux boot protocol from 2.02
 * on (Linux documentation, arch/x86/boot.rst). Read as foreign bytes.
 */
#include "lib/linux_params.h"

#define IMAGE_HEAD      1024u    /* bytes of the file that the header is in */
#define IMAGE_HEADER_AT 0x1f1u   /* where it begins */
#define IMAGE_LOAD_AT   0x100000 /* where the part for protected mode is loaded to */

struct image {
    uint32_t setup_size;  /* bytes of the real-mode part, which comes first */
    uint32_t system_size; /* bytes of the part for protected mode */
    uint64_t memory_end;  /* it uses memory from IMAGE_LOAD_AT to here while it starts */
    uint64_t initrd_low;  /* an initramfs begins here or higher ... */
    uint64_t initrd_end;  /* ... and ends here or lower */
    uint32_t cmdline_max; /* bytes of the command line without the zero */
    bool has_setup_data;
};

/* Checks the first IMAGE_HEAD bytes of a file; NULL, or what is wrong with it. */
const char *image_check(struct image *image, const uint8_t head[IMAGE_HEAD], uint32_t file_size);
