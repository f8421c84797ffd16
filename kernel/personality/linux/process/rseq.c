/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restartable sequences, rseq(2): a thread names an area in which the kernel keeps the number of
 * the CPU that it runs on, and in which it announces sequences of instructions that must not be
 * torn by others on the same CPU. When the thread is preempted, moved, or gets a signal inside one,
 * it goes on at the sequence's abort address. Source: Linux's uapi linux/rseq.h and its man page in
 * librseq.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/signal/signal_state.h"

#define RSEQ_SIZE         32u
#define RSEQ_UNREGISTER   1
#define CPU_UNINITIALIZED 0xffffffffu

struct rseq_area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t sequence; /* struct rseq_sequence, or 0 */
    uint32_t flags;    /* had meanings once, and has to be zero */
    uint32_t pad[3];
};
static_assert(sizeof(struct rseq_area) == RSEQ_SIZE, "ABI");

struct rseq_sequence {
    uint32_t version, flags;
    uint64_t start, size, abort;
};
static_assert(sizeof(struct rseq_sequence) == 32, "ABI");

#define AREA(thread, member) ((thread)->rseq + offsetof(struct rseq_area, member))

static bool is_sound(const struct rseq_sequence *s)
{
    return s->start < LAYOUT_USER_END && s->abort < LAYOUT_USER_END && s->version == 0 &&
           s->flags == 0 && s->size < LAYOUT_USER_END - s->start && s->abort - s->start >= s->size;
}

/* Sends a thread that is inside its sequence to the abort address; no sequence is announced then.
 */
static int leave_sequence(struct linux_thread *self, struct arch_regs *regs)
{
    struct rseq_sequence sequence;
    uint32_t signature, flags;
    uint64_t addr, none = 0;
    if (get_user(addr, AREA(self, sequence)) != 0) {
        return -EFAULT;
    }
    if (addr == 0) {
        return 0;
    }
    if (get_user(sequence, addr) != 0) {
        return -EFAULT;
    }
    /* The word before the abort address shows that it was made to be jumped to. */
    if (!is_sound(&sequence) || get_user(signature, sequence.abort - sizeof(signature)) != 0 ||
        signature != self->rseq_signature) {
        return -EINVAL;
    }
    bool inside = arch_user_ip(regs) - sequence.start < sequence.size;
    if (inside && (get_user(flags, AREA(self, flags)) != 0 || flags != 0)) {
        return -EINVAL;
    }
    if (put_user(none, AREA(self, sequence)) != 0) {
        return -EFAULT;
    }
    if (inside) {
        arch_set_user_ip(regs, sequence.abort);
    }
    return 0;
}

static int write_cpu(vaddr_t area, uint32_t start, uint32_t cpu)
{
    const uint32_t both[2] = {start, cpu};
    return copy_to_user(area, both, sizeof(both));
}

static void fail(void)
{
    signal_force(&(struct linux_siginfo){.signo = SIGSEGV, .code = SI_KERNEL});
}

void linux_rseq_moved(struct arch_regs *regs)
{
    struct linux_thread *self = linux_current();
    if (self == NULL || self->rseq == 0) {
        return;
    }
    /* When a page has to be made for it, and the thread moves, this is called again. */
    if (leave_sequence(self, regs) != 0 ||
        write_cpu(self->rseq, arch_cpu_number(), arch_cpu_number()) != 0) {
        fail();
    }
}

void linux_rseq_signal(struct arch_regs *regs)
{
    if (leave_sequence(linux_current(), regs) != 0) {
        fail();
    }
}

static long unregister(struct linux_thread *self, vaddr_t addr, unsigned size, uint32_t signature)
{
    if (self->rseq == 0 || self->rseq != addr || size != RSEQ_SIZE) {
        return -EINVAL;
    }
    if (self->rseq_signature != signature) {
        return -EPERM;
    }
    if (write_cpu(addr, 0, CPU_UNINITIALIZED) != 0) {
        return -EFAULT;
    }
    self->rseq = 0;
    return 0;
}

LINUX_CALL4(rseq, vaddr_t, addr, unsigned, size, int, flags, uint32_t, signature)
{
    struct linux_thread *self = linux_current();
    if (flags == RSEQ_UNREGISTER) {
        return unregister(self, addr, size, signature);
    }
    if (flags != 0) {
        return -EINVAL;
    }
    if (self->rseq != 0) {
        return self->rseq != addr || size != RSEQ_SIZE ? -EINVAL
               : self->rseq_signature != signature     ? -EPERM
                                                       : -EBUSY;
    }
    if (!IS_ALIGNED(addr, RSEQ_SIZE) || size != RSEQ_SIZE) {
        return -EINVAL;
    }
    if (addr > LAYOUT_USER_END - RSEQ_SIZE) {
        return -EFAULT;
    }
    self->rseq = addr;
    self->rseq_signature = signature;
    thread_set_work(current, THREAD_WORK_MOVED);
    return 0;
}
