/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO's bytes, on pages of their own, which are mapped into programs where they lie. */
    .section .rodata.vdso, "a", @progbits
    .balign 4096
    .globl linux_vdso_image
    .hidden linux_vdso_image
linux_vdso_image:
    .incbin VDSO
    .globl linux_vdso_image_end
    .hidden linux_vdso_image_end
linux_vdso_image_end:
    .balign 4096
    .section .note.GNU-stack, "", @progbits
