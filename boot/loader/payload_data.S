/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's bytes; the makefile says which files by PAYLOAD_HEADER and PAYLOAD_DATA. */
    .section .payload_header, "a"
    .balign 16
    .globl payload_header
    .hidden payload_header
payload_header:
    .incbin PAYLOAD_HEADER

    .section .payload, "aw"
    .balign PAYLOAD_ALIGN
    .globl payload_data, payload_end
    .hidden payload_data, payload_end
payload_data:
    .incbin PAYLOAD_DATA
payload_end:

    .section .note.GNU-stack, "", @progbits
