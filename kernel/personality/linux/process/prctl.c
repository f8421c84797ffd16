/* SPDX-License-Identifier: BSD-2-Clause */
/* prctl(2), personality(2) and rseq(2): switches of the calling thread or process. */
#include "kernel/arch/cpu.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

enum prctl_option {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG = 2,
    PR_GET_DUMPABLE = 3,
    PR_SET_DUMPABLE = 4,
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS = 8,
    PR_GET_TIMING = 13,
    PR_SET_TIMING = 14,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_GET_SECCOMP = 21,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP = 24,
    PR_GET_TSC = 25,
    PR_GET_SECUREBITS = 27,
    PR_SET_SECUREBITS = 28,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK = 30,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER = 37,
    PR_SET_NO_NEW_PRIVS = 38,
    PR_GET_NO_NEW_PRIVS = 39,
    PR_GET_TID_ADDRESS = 40,
    PR_SET_THP_DISABLE = 41,
    PR_GET_THP_DISABLE = 42,
    PR_CAP_AMBIENT = 47,
    PR_GET_SPECULATION_CTRL = 52,
    PR_SET_SPECULATION_CTRL = 53,
    PR_SET_VMA = 0x53564d41,
};
enum { AMBIENT_IS_SET = 1, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR_ALL };
#define SECUREBIT_KEEP_CAPS        16u
#define SECUREBIT_KEEP_CAPS_LOCKED 32u
#define SECUREBITS_KNOWN           0xffu
#define SECUREBITS_LOCKS           0xaau
#define SECUREBIT_NO_AMBIENT       64u
#define TIMER_SLACK_DEFAULT        50000

static long put_int(int value, vaddr_t addr)
{
    return put_user(value, addr);
}

static long set_thread_name(vaddr_t addr)
{
    char name[16];
    long size = strncpy_from_user(name, addr, sizeof(name));
    if (size == -EFAULT) {
        return -EFAULT;
    }
    if (size < 0 && copy_from_user(name, addr, sizeof(name) - 1) != 0) {
        return -EFAULT;
    }
    name[sizeof(name) - 1] = '\0';
    strlcpy(current->name, name, sizeof(current->name));
    return 0;
}

static long get_thread_name(vaddr_t addr)
{
    char name[16];
    memset(name, 0, sizeof(name));
    strlcpy(name, current->name, sizeof(name));
    return copy_to_user(addr, name, sizeof(name));
}

/* Changes a copy of the credentials' capability sets. */
static long drop_bounding(unsigned capability)
{
    if (!linux_capable(CAP_SETPCAP)) {
        return -EPERM;
    }
    if (capability > CAP_LAST) {
        return -EINVAL;
    }
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    cred->cap_bounding &= ~(1ull << capability);
    cred_commit(cred);
    return 0;
}

static long change_ambient(unsigned long command, unsigned long capability)
{
    const struct linux_thread *self = linux_current();
    uint64_t bit = capability <= CAP_LAST ? 1ull << capability : 0;
    if (command == AMBIENT_CLEAR_ALL ? capability != 0 : bit == 0) {
        return -EINVAL;
    }
    if (command == AMBIENT_IS_SET) {
        return (self->cred->cap_ambient & bit) != 0;
    }
    if (command > AMBIENT_CLEAR_ALL || command == 0) {
        return -EINVAL;
    }
    if (command == AMBIENT_RAISE &&
        ((self->cred->cap_permitted & self->cred->cap_inheritable & bit) == 0 ||
         (self->securebits & SECUREBIT_NO_AMBIENT) != 0)) {
        return -EPERM;
    }
    struct cred *cred = cred_prepare();
    if (cred == NULL) {
        return -ENOMEM;
    }
    if (command == AMBIENT_RAISE) {
        cred->cap_ambient |= bit;
    } else {
        cred->cap_ambient &= command == AMBIENT_LOWER ? ~bit : 0;
    }
    cred_commit(cred);
    return 0;
}

static long set_securebits(struct linux_thread *self, unsigned long bits)
{
    unsigned old = self->securebits, locked = (old & SECUREBITS_LOCKS) >> 1;
    if ((bits & ~(unsigned long)SECUREBITS_KNOWN) != 0 || ((old ^ bits) & locked) != 0 ||
        (old & SECUREBITS_LOCKS & ~bits) != 0 || !linux_capable(CAP_SETPCAP)) {
        return -EPERM;
    }
    self->securebits = (unsigned)bits;
    return 0;
}

static long set_keep_caps(struct linux_thread *self, unsigned long on)
{
    if (on > 1) {
        return -EINVAL;
    }
    if (self->securebits & SECUREBIT_KEEP_CAPS_LOCKED) {
        return -EPERM;
    }
    self->securebits = (self->securebits & ~SECUREBIT_KEEP_CAPS) | (on ? SECUREBIT_KEEP_CAPS : 0);
    return 0;
}

/* PR_GET_SPECULATION_CTRL(2const): what it is about, and bits of the answer. */
enum { SPEC_STORE_BYPASS, SPEC_INDIRECT_BRANCH, SPEC_L1D_FLUSH };
enum {
    SPEC_PRCTL = 1,
    SPEC_ENABLE = 2,
    SPEC_DISABLE = 4,
    SPEC_FORCE_DISABLE = 8,
    SPEC_DISABLE_NOEXEC = 16
};

int linux_speculation(const struct linux_thread *thread, unsigned long which)
{
    static const uint8_t answers[] = {[ARCH_SPECULATION_NONE] = 0,
                                      [ARCH_SPECULATION_ON] = SPEC_ENABLE,
                                      [ARCH_SPECULATION_BY_THREAD] = SPEC_PRCTL,
                                      [ARCH_SPECULATION_OFF] = SPEC_DISABLE};
    if (which == SPEC_L1D_FLUSH) {
        return SPEC_FORCE_DISABLE; /* there is none, and none can be had */
    }
    if (which != SPEC_STORE_BYPASS) {
        return which == SPEC_INDIRECT_BRANCH ? answers[arch_foreign_branches()] : -ENODEV;
    }
    int answer = answers[arch_store_bypass()];
    return answer != SPEC_PRCTL ? answer : answer | MAX(thread->store_bypass, SPEC_ENABLE);
}

static long set_store_bypass(struct linux_thread *self, unsigned long control)
{
    if (arch_store_bypass() != ARCH_SPECULATION_BY_THREAD) {
        return -ENXIO;
    }
    if (control != SPEC_ENABLE && control != SPEC_DISABLE && control != SPEC_FORCE_DISABLE &&
        control != SPEC_DISABLE_NOEXEC) {
        return -ERANGE;
    }
    if (self->store_bypass == SPEC_FORCE_DISABLE && control != SPEC_FORCE_DISABLE) {
        return control == SPEC_DISABLE ? 0 : -EPERM;
    }
    self->store_bypass = (uint8_t)control;
    arch_set_store_bypass(control == SPEC_ENABLE);
    return 0;
}

void linux_speculation_exec(struct linux_thread *self)
{
    if (self->store_bypass == SPEC_DISABLE_NOEXEC) {
        self->store_bypass = SPEC_ENABLE;
        arch_set_store_bypass(true);
    }
}

static long set_speculation(struct linux_thread *self, unsigned long which, unsigned long control)
{
    switch (which) {
    case SPEC_STORE_BYPASS:
        return set_store_bypass(self, control);
    case SPEC_INDIRECT_BRANCH:
        if (control != SPEC_ENABLE && control != SPEC_DISABLE && control != SPEC_FORCE_DISABLE) {
            return -ERANGE;
        }
        /* It is so for all, or not at all. */
        return (arch_foreign_branches() == ARCH_SPECULATION_ON) == (control == SPEC_ENABLE)
                   ? 0
                   : -EPERM;
    case SPEC_L1D_FLUSH:
        return -EPERM;
    default:
        return -ENODEV;
    }
}

/* Options that set something. -ENOSYS: not one of these. */
static long prctl_set(struct linux_thread *self, int option, const unsigned long arg[4])
{
    switch (option) {
    case PR_SET_PDEATHSIG:
        if (arg[0] > SIGRTMAX) {
            return -EINVAL;
        }
        self->pdeath_signal = (int)arg[0];
        return 0;
    case PR_SET_DUMPABLE:
        if (arg[0] > 1) {
            return -EINVAL;
        }
        self->process->dumpable = (int)arg[0];
        return 0;
    case PR_SET_KEEPCAPS:
        return set_keep_caps(self, arg[0]);
    case PR_SET_TIMING:
        return arg[0] == 0 ? 0 : -EINVAL;
    case PR_SET_NAME:
        return set_thread_name(arg[0]);
    case PR_CAPBSET_DROP:
        return drop_bounding((unsigned)MIN(arg[0], 64ul));
    case PR_SET_SECUREBITS:
        return set_securebits(self, arg[0]);
    case PR_SET_TIMERSLACK:
        self->timer_slack_ns = arg[0] == 0 ? TIMER_SLACK_DEFAULT : arg[0];
        return 0;
    case PR_SET_CHILD_SUBREAPER:
        self->process->is_child_subreaper = arg[0] != 0;
        return 0;
    case PR_SET_NO_NEW_PRIVS:
        if (arg[0] != 1 || arg[1] != 0 || arg[2] != 0 || arg[3] != 0) {
            return -EINVAL;
        }
        self->no_new_privs = true;
        return 0;
    case PR_SET_THP_DISABLE:
        return arg[1] != 0 || arg[2] != 0 || arg[3] != 0 ? -EINVAL : 0;
    case PR_SET_SPECULATION_CTRL:
        return arg[2] != 0 || arg[3] != 0 ? -EINVAL : set_speculation(self, arg[0], arg[1]);
    case PR_CAP_AMBIENT:
        return arg[2] != 0 || arg[3] != 0 ? -EINVAL : change_ambient(arg[0], arg[1]);
    default:
        return -ENOSYS;
    }
}

static long prctl_get(struct linux_thread *self, int option, const unsigned long arg[4])
{
    switch (option) {
    case PR_GET_PDEATHSIG:
        return put_int(self->pdeath_signal, arg[0]);
    case PR_GET_DUMPABLE:
        return self->process->dumpable;
    case PR_GET_KEEPCAPS:
        return (self->securebits & SECUREBIT_KEEP_CAPS) != 0;
    case PR_GET_TIMING:
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_NAME:
        return get_thread_name(arg[0]);
    case PR_CAPBSET_READ:
        return arg[0] > CAP_LAST ? -EINVAL : (long)(self->cred->cap_bounding >> arg[0] & 1);
    case PR_GET_TSC:
        return put_int(1 /* PR_TSC_ENABLE */, arg[0]);
    case PR_GET_SECUREBITS:
        return self->securebits;
    case PR_GET_TIMERSLACK:
        return (long)self->timer_slack_ns;
    case PR_GET_CHILD_SUBREAPER:
        return put_int(self->process->is_child_subreaper, arg[0]);
    case PR_GET_NO_NEW_PRIVS:
        return arg[0] != 0 || arg[1] != 0 || arg[2] != 0 || arg[3] != 0 ? -EINVAL
                                                                        : self->no_new_privs;
    case PR_GET_TID_ADDRESS:
        return put_user(self->clear_child_tid, arg[0]);
    case PR_GET_THP_DISABLE:
        return 0;
    case PR_GET_SPECULATION_CTRL:
        return arg[1] != 0 || arg[2] != 0 || arg[3] != 0 ? -EINVAL
                                                         : linux_speculation(self, arg[0]);
    default:
        return -EINVAL;
    }
}

LINUX_CALL5(prctl, int, option, unsigned long, a, unsigned long, b, unsigned long, c, unsigned long,
            d)
{
    const unsigned long arg[4] = {a, b, c, d};
    struct linux_thread *self = linux_current();
    long result = prctl_set(self, option, arg);
    return result == -ENOSYS ? prctl_get(self, option, arg) : result;
}

#define PERSONALITY_QUERY 0xffffffffu

LINUX_CALL1(personality, unsigned, persona)
{
    struct linux_process *process = current_process();
    unsigned old = process->persona;
    if (persona != PERSONALITY_QUERY) {
        process->persona = persona;
    }
    return old;
}
