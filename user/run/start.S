/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where PID 1 starts, and what a signal handler returns to. The stack is 16-byte aligned at the
 * entry of a process (System V ABI, AMD64, 3.4.1); nothing that the kernel puts there is needed.
 */
        .text
        .globl  _start
_start:
        xor     %ebp, %ebp
        call    run_main
        .globl  signal_return
signal_return:
        mov     $15, %eax               /* rt_sigreturn(2) */
        syscall

        .section .note.GNU-stack, "", @progbits
