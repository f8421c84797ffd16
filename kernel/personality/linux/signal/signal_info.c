/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siginfo_t as programs see it (asm-generic/siginfo.h, 64-bit): three ints, padding, and from byte
 * 16 on a union whose member follows from signal and code.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

enum layout { LAYOUT_KILL, LAYOUT_TIMER, LAYOUT_QUEUE, LAYOUT_FAULT, LAYOUT_CHILD, LAYOUT_POLL };

static enum layout layout_of(int signo, int code)
{
    if (code > SI_USER && code < SI_KERNEL) {
        switch (signo) {
        case SIGILL:
        case SIGFPE:
        case SIGSEGV:
        case SIGBUS:
        case SIGTRAP:
            return LAYOUT_FAULT;
        case SIGCHLD:
            return LAYOUT_CHILD;
        case SIGIO:
            return LAYOUT_POLL;
        default:
            return LAYOUT_KILL;
        }
    }
    if (code == SI_TIMER) {
        return LAYOUT_TIMER;
    }
    return code < SI_USER ? LAYOUT_QUEUE : LAYOUT_KILL;
}

struct siginfo_abi {
    int32_t signo, error, code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            union {
                uint64_t value;
                struct {
                    int32_t status, child_pad;
                    int64_t utime, stime;
                };
            };
        };
        struct {
            int32_t timer_id, overrun;
            uint64_t timer_value;
        };
        uint64_t addr;
    };
};
static_assert(offsetof(struct siginfo_abi, pid) == 16 && offsetof(struct siginfo_abi, value) == 24,
              "siginfo_t");
static_assert(offsetof(struct siginfo_abi, status) == 24 &&
                  offsetof(struct siginfo_abi, utime) == 32,
              "siginfo_t, SIGCHLD");

void siginfo_encode(const struct linux_siginfo *info, unsigned char out[LINUX_SIGINFO_SIZE])
{
    struct siginfo_abi abi = {.signo = info->signo, .error = info->error, .code = info->code};
    switch (layout_of(info->signo, info->code)) {
    case LAYOUT_FAULT:
        abi.addr = info->addr;
        break;
    case LAYOUT_TIMER:
        abi.timer_id = info->timer_id;
        abi.overrun = info->overrun;
        abi.timer_value = info->value;
        break;
    case LAYOUT_CHILD:
        abi.pid = info->pid;
        abi.uid = info->uid;
        abi.status = info->status;
        abi.utime = (int64_t)info->utime;
        abi.stime = (int64_t)info->stime;
        break;
    case LAYOUT_QUEUE:
    case LAYOUT_POLL:
        abi.pid = info->pid;
        abi.uid = info->uid;
        abi.value = info->value;
        break;
    case LAYOUT_KILL:
        abi.pid = info->pid;
        abi.uid = info->uid;
        break;
    }
    memset(out, 0, LINUX_SIGINFO_SIZE);
    memcpy(out, &abi, sizeof(abi));
}

void siginfo_decode(const unsigned char in[LINUX_SIGINFO_SIZE], struct linux_siginfo *info)
{
    struct siginfo_abi abi;
    memcpy(&abi, in, sizeof(abi));
    *info = (struct linux_siginfo){.signo = abi.signo,
                                   .error = abi.error,
                                   .code = abi.code,
                                   .pid = abi.pid,
                                   .uid = abi.uid,
                                   .value = abi.value};
    if (layout_of(abi.signo, abi.code) == LAYOUT_TIMER) {
        info->timer_id = abi.timer_id;
        info->overrun = abi.overrun;
    }
}

int siginfo_put_user(vaddr_t addr, const struct linux_siginfo *info)
{
    unsigned char bytes[LINUX_SIGINFO_SIZE];
    siginfo_encode(info, bytes);
    return copy_to_user(addr, bytes, sizeof(bytes));
}
