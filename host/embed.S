/* SPDX-License-Identifier: BSD-2-Clause */
/* What alba puts into machines, as bytes in the command; the files are named by macros. */
#define EMBED(symbol, file)                                                                        \
        .balign 16;                                                                                \
        .globl  embedded_##symbol;                                                                 \
        .globl  embedded_##symbol##_end;                                                           \
embedded_##symbol:                                                                                 \
        .incbin file;                                                                              \
embedded_##symbol##_end:

        .section .rodata
        EMBED(init, RUN_PROGRAM)
        EMBED(boot_sector, BOOT_SECTOR)
        EMBED(boot_manager, BOOT_MANAGER)

        .section .note.GNU-stack, "", @progbits
