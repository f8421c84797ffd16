/* SPDX-License-Identifier: BSD-2-Clause */
/* PID 1 of the machines, user/run, as bytes in the command; RUN_PROGRAM is its file. */
        .section .rodata
        .balign 16
        .globl  embedded_init
        .globl  embedded_init_end
embedded_init:
        .incbin RUN_PROGRAM
embedded_init_end:

        .section .note.GNU-stack, "", @progbits
