# SPDX-License-Identifier: BSD-2-Clause
# Turns `nm -n kernel.elf` into the assembly of kernel_symbols (kernel/base/symbols.c). The table lies
# behind all text, so adding it moves no function.
BEGIN { n = 0 }
$3 == "__image_start" { base = $1 }
$3 == "__init_text_end" { end = $1 }
$2 ~ /^[tT]$/ && $3 !~ /^(__|\.)/ && $1 != last {
    address[n] = $1; name[n++] = $3; last = $1
}
END {
    print "    .section .symbols, \"a\", @progbits"
    print "    .balign 8\n    .globl kernel_symbols\n    .hidden kernel_symbols\nkernel_symbols:"
    printf "    .long %d\n    .long %s\n", n, n ? "0x" end " - 0x" base : "0"
    for (i = 0; i < n; i++) {
        printf "    .short 0x%s - 0x%s\n", address[i], i ? address[i - 1] : base
    }
    for (i = 0; i < n; i++) {
        printf "    .asciz \"%s\"\n", name[i]
    }
    print "    .section .note.GNU-stack, \"\", @progbits"
}
