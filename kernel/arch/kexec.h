/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: leaving this kernel for another one. What is to be copied where is written down
 * before, in pages that no copy overwrites; the last steps run from such pages too, where nothing
 * of this kernel is needed any more.
 */
#include "lib/types.h"

/* A page of memory and what it gets: the bytes of another page, or zeros (source 0). */
struct arch_kexec_copy {
    paddr_t target, source;
};

/* Copies in pages; all are made, in any order. */
#define ARCH_KEXEC_COPIES 255u
struct arch_kexec_list {
    paddr_t next;   /* the next page of copies, or 0 */
    uint64_t count; /* of copies in this one */
    struct arch_kexec_copy copies[ARCH_KEXEC_COPIES];
};
static_assert(sizeof(struct arch_kexec_list) == 4096, "a list is a page");

struct arch_kexec {
    /* The caller's. */
    paddr_t copies;    /* the first struct arch_kexec_list, or 0 */
    paddr_t entry;     /* x86_64: in 64-bit mode, with paging where memory is */
    uint64_t argument; /* x86_64: RSI, as the Linux boot protocol wants it */
    /* The port's. */
    paddr_t code, root;
};

/* Makes what the last steps need, on pages that take(arg) gives, which no copy overwrites and which
 * stay the caller's; 0 from it ends in -ENOMEM. */
int arch_kexec_prepare(struct arch_kexec *kexec, paddr_t (*take)(void *arg), void *arg);

/* Boot CPU, interrupts off; all other CPUs have stopped, and devices write no memory. */
_Noreturn void arch_kexec_enter(const struct arch_kexec *kexec);
