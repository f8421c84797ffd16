/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctl_console(2) as far as programs ask to find out that a terminal is a screen, and which: there
 * is one, in text mode, always in front, and its keyboard gives UTF-8.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/tty/tty.h"

enum {
    KDGKBTYPE = 0x4b33,
    KDSETMODE = 0x4b3a,
    KDGETMODE = 0x4b3b,
    KDGKBMODE = 0x4b44,
    KDSKBMODE = 0x4b45,
    VT_OPENQRY = 0x5600,
    VT_GETMODE = 0x5601,
    VT_GETSTATE = 0x5603,
    VT_ACTIVATE = 0x5606,
    VT_WAITACTIVE = 0x5607,
};
enum { KB_101 = 2, KD_TEXT = 0, K_UNICODE = 3, ONLY = 1 };

struct vt_mode {
    int8_t mode, waitv; /* mode 0: the kernel changes screens by itself */
    int16_t relsig, acqsig, frsig;
};
struct vt_stat {
    uint16_t active, signal, state; /* state: bit n, screen n is open; bit 0 is always set */
};

long tty_screen_ioctl(struct tty *tty, unsigned request, vaddr_t arg)
{
    static const struct vt_mode automatic;
    static const struct vt_stat state = {.active = ONLY, .state = 1 | 1 << ONLY};
    (void)tty;
    switch (request) {
    case KDGKBTYPE:
        return put_user((uint8_t){KB_101}, arg);
    case KDGETMODE:
        return put_user((int){KD_TEXT}, arg);
    case KDGKBMODE:
        return put_user((int){K_UNICODE}, arg);
    case KDSETMODE:
        return arg == KD_TEXT ? 0 : -EINVAL;
    case KDSKBMODE:
        return arg == K_UNICODE ? 0 : -EINVAL;
    case VT_OPENQRY:
        return put_user((int){-1}, arg); /* there is no other one to be had */
    case VT_GETMODE:
        return put_user(automatic, arg);
    case VT_GETSTATE:
        return put_user(state, arg);
    case VT_ACTIVATE:
    case VT_WAITACTIVE:
        return arg == ONLY ? 0 : -ENXIO;
    default:
        return -ENOTTY;
    }
}
