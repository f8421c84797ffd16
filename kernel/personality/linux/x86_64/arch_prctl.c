/* SPDX-License-Identifier: BSD-2-Clause */
/* arch_prctl(2): the bases of the FS and GS segments. */
#include "abi/layout.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"

enum {
    ARCH_SET_GS = 0x1001,
    ARCH_SET_FS = 0x1002,
    ARCH_GET_FS = 0x1003,
    ARCH_GET_GS = 0x1004,
    ARCH_GET_CPUID = 0x1011,
};

LINUX_CALL2(arch_prctl, int, code, vaddr_t, value)
{
    vaddr_t base;
    switch (code) {
    case ARCH_SET_FS:
        if (value >= LAYOUT_USER_END) {
            return -EPERM;
        }
        arch_set_user_tls(current, value);
        return 0;
    case ARCH_SET_GS:
        if (value >= LAYOUT_USER_END) {
            return -EPERM;
        }
        arch_set_user_gs(value);
        return 0;
    case ARCH_GET_FS:
        base = arch_get_user_tls(current);
        return put_user(base, value);
    case ARCH_GET_GS:
        base = arch_get_user_gs();
        return put_user(base, value);
    case ARCH_GET_CPUID:
        return 1;
    default:
        return -EINVAL;
    }
}
