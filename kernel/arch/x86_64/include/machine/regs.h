/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * User registers as kernel entry saves them at the top of the kernel stack: the layout of Linux's
 * struct pt_regs (arch/x86/include/uapi/asm/ptrace.h), so that it can be shown as it is.
 */
#include <stddef.h>
#include <stdint.h>

struct arch_regs {
    uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
    uint64_t orig_ax; /* system call: its number; exception: error code; -1: neither */
    uint64_t ip, cs, flags, sp, ss;
};
_Static_assert(sizeof(struct arch_regs) == 168, "assembly knows this layout");

#define ARCH_FLAGS_TF 0x100ul
#define ARCH_FLAGS_IF 0x200ul
#define ARCH_FLAGS_DF 0x400ul
#define ARCH_FLAGS_RF 0x10000ul
#define ARCH_FLAGS_AC 0x40000ul
/* What a user program may set by sigreturn. */
#define ARCH_FLAGS_USER 0x40dd5ul

/* The arguments of a system call, and where its result goes. */
static inline uint64_t arch_arg0(const struct arch_regs *regs)
{
    return regs->di;
}
static inline uint64_t arch_arg1(const struct arch_regs *regs)
{
    return regs->si;
}
static inline uint64_t arch_arg2(const struct arch_regs *regs)
{
    return regs->dx;
}
static inline uint64_t arch_arg3(const struct arch_regs *regs)
{
    return regs->r10;
}
static inline uint64_t arch_arg4(const struct arch_regs *regs)
{
    return regs->r8;
}
static inline uint64_t arch_arg5(const struct arch_regs *regs)
{
    return regs->r9;
}
static inline uint64_t arch_call_number(const struct arch_regs *regs)
{
    return regs->orig_ax;
}
static inline void arch_set_result(struct arch_regs *regs, long value)
{
    regs->ax = (uint64_t)value;
}
static inline long arch_result(const struct arch_regs *regs)
{
    return (long)regs->ax;
}
/* Goes back so that the SYSCALL instruction (two bytes) runs again with its number in rax. */
static inline void arch_restart_call(struct arch_regs *regs, uint64_t number)
{
    regs->ax = number;
    regs->ip -= 2;
}
/* From now on not inside a system call (so nothing restarts it twice). */
static inline void arch_forget_call(struct arch_regs *regs)
{
    regs->orig_ax = (uint64_t)-1;
}
static inline uint64_t arch_user_ip(const struct arch_regs *regs)
{
    return regs->ip;
}
static inline void arch_set_user_ip(struct arch_regs *regs, uint64_t ip)
{
    regs->ip = ip;
}
static inline uint64_t arch_user_sp(const struct arch_regs *regs)
{
    return regs->sp;
}
static inline void arch_set_user_sp(struct arch_regs *regs, uint64_t sp)
{
    regs->sp = sp;
}

#define ARCH_USER_CS 0x33u /* Linux's values: programs may look */
#define ARCH_USER_DS 0x2bu

/* Registers for the first instruction of a program: all zero but for these. */
static inline void arch_regs_start(struct arch_regs *regs, uint64_t ip, uint64_t sp)
{
    *regs = (struct arch_regs){.ip = ip,
                               .sp = sp,
                               .cs = ARCH_USER_CS,
                               .ss = ARCH_USER_DS,
                               .flags = ARCH_FLAGS_IF,
                               .orig_ax = (uint64_t)-1};
}
