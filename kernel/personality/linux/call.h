/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * System calls of the Linux personality. abi/linux.def has one row for each; the dispatch table,
 * these prototypes and the strace decoder are made from it. A call is defined in the file of its
 * subject by
 *
 *     LINUX_CALL3(read, int, fd, vaddr_t, buf, size_t, size)
 *     {
 *         ... return result or negative errno;
 *     }
 *
 * Arguments arrive as the user's registers held them, converted to the types named.
 */
#include "abi/errno.h"
#include "kernel/arch/thread.h"

#define LINUX_CALL(nr, name, format) long linux_##name(struct arch_regs *regs);
#include "abi/linux.def"
#undef LINUX_CALL

/* A struct of `known` bytes of which a program may have an older or a newer version of `size`
 * bytes: what is missing becomes 0, and what we do not know must be 0. -E2BIG, -EFAULT. */
int linux_copy_struct(void *dst, size_t known, vaddr_t addr, size_t size);

#define LINUX_CALL0(name)                                                                          \
    static long linux_do_##name(void);                                                             \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        (void)regs;                                                                                \
        return linux_do_##name();                                                                  \
    }                                                                                              \
    static long linux_do_##name(void)
#define LINUX_CALL1(name, t0, a0)                                                                  \
    static long linux_do_##name(t0 a0);                                                            \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs));                                               \
    }                                                                                              \
    static long linux_do_##name(t0 a0)
#define LINUX_CALL2(name, t0, a0, t1, a1)                                                          \
    static long linux_do_##name(t0 a0, t1 a1);                                                     \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs), (t1)arch_arg1(regs));                          \
    }                                                                                              \
    static long linux_do_##name(t0 a0, t1 a1)
#define LINUX_CALL3(name, t0, a0, t1, a1, t2, a2)                                                  \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2);                                              \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs), (t1)arch_arg1(regs), (t2)arch_arg2(regs));     \
    }                                                                                              \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2)
#define LINUX_CALL4(name, t0, a0, t1, a1, t2, a2, t3, a3)                                          \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3);                                       \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs), (t1)arch_arg1(regs), (t2)arch_arg2(regs),      \
                               (t3)arch_arg3(regs));                                               \
    }                                                                                              \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3)
#define LINUX_CALL5(name, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4)                                  \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3, t4 a4);                                \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs), (t1)arch_arg1(regs), (t2)arch_arg2(regs),      \
                               (t3)arch_arg3(regs), (t4)arch_arg4(regs));                          \
    }                                                                                              \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3, t4 a4)
#define LINUX_CALL6(name, t0, a0, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5)                          \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5);                         \
    long linux_##name(struct arch_regs *regs)                                                      \
    {                                                                                              \
        return linux_do_##name((t0)arch_arg0(regs), (t1)arch_arg1(regs), (t2)arch_arg2(regs),      \
                               (t3)arch_arg3(regs), (t4)arch_arg4(regs), (t5)arch_arg5(regs));     \
    }                                                                                              \
    static long linux_do_##name(t0 a0, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)
