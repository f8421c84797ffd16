/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and back traces for panics. Frames are followed by their frame pointers (the kernel is
 * built with them), only inside the stacks they may lie in.
 */
#include "abi/layout.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/log.h"
#include "lib/types.h"

void arch_print_regs(const struct arch_regs *regs)
{
    log_printf(LOG_EMERG, "rip %016lx rsp %016lx flags %08lx cs %lx", regs->ip, regs->sp,
               regs->flags, regs->cs);
    log_printf(LOG_EMERG, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", regs->ax, regs->bx,
               regs->cx, regs->dx);
    log_printf(LOG_EMERG, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx", regs->si, regs->di,
               regs->bp, regs->r8);
    log_printf(LOG_EMERG, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx", regs->r9, regs->r10,
               regs->r11, regs->r12);
    log_printf(LOG_EMERG, "r13 %016lx r14 %016lx r15 %016lx cr2 %016lx", regs->r13, regs->r14,
               regs->r15, read_cr2());
}

/* A frame must lie above the last one and in memory that is certainly mapped: stacks of the boot
 * and of threads are in one region, exception stacks in the per-CPU block of the direct map. */
static bool frame_ok(uint64_t frame, uint64_t last)
{
    if (!IS_ALIGNED(frame, 8) || frame <= last) {
        return false;
    }
    bool in_stacks = frame >= LAYOUT_BOOT_STACKS && frame < LAYOUT_KMAP_END;
    return in_stacks && (frame - last < 65536 || last == 0);
}

extern const char x86_trap_done[];

size_t arch_backtrace(const struct arch_regs *regs, vaddr_t *pcs, size_t max)
{
    size_t n = 0;
    uint64_t frame = regs != NULL ? regs->bp : (uint64_t)__builtin_frame_address(0);
    if (regs != NULL && n < max) {
        pcs[n++] = regs->ip;
    }
    for (uint64_t last = 0; n < max && frame_ok(frame, last);) {
        /* The last word of a stack's page is read at most: frame_ok keeps it inside the region. */
        const uint64_t *words = (const uint64_t *)frame;
        if ((frame & PAGE_MASK) == PAGE_SIZE - 8 || words[1] == 0) {
            break;
        }
        pcs[n++] = words[1];
        if (words[1] == (uint64_t)x86_trap_done && n < max) {
            pcs[n++] = ((const struct arch_regs *)(frame + 16))->ip;
        }
        last = frame;
        frame = words[0];
    }
    return n;
}
