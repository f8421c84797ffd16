/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signal frames on x86_64: the stack layout that handlers, unwinders and sigreturn know. Sources:
 * Linux's uapi asm/sigcontext.h and asm/ucontext.h; x86-64 psABI 3.2.2 (red zone of 128 bytes).
 *
 *     fpstate        64-byte aligned, arch_fpu_frame_size() bytes
 *     siginfo, ucontext, return address     <- sp, 16n + 8, as after a call
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

#define RED_ZONE             128
#define UC_FP_XSTATE         1u
#define UC_SIGCONTEXT_SS     2u
#define UC_STRICT_RESTORE_SS 4u
#define FXSAVE_SIZE          512

struct sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint64_t fpstate;
    uint64_t reserved[8];
};
static_assert(sizeof(struct sigcontext) == 256, "ABI");

struct ucontext {
    uint64_t flags, link;
    struct linux_stack stack;
    struct sigcontext mcontext;
    uint64_t sigmask;
};
static_assert(sizeof(struct ucontext) == 304, "ABI");

struct rt_sigframe {
    uint64_t return_address;
    struct ucontext uc;
    unsigned char info[LINUX_SIGINFO_SIZE];
};
static_assert(sizeof(struct rt_sigframe) == 440, "ABI");

static void save_context(const struct arch_regs *regs, const struct linux_thread *self,
                         uint64_t blocked, struct sigcontext *sc)
{
    *sc = (struct sigcontext){
        .r8 = regs->r8,
        .r9 = regs->r9,
        .r10 = regs->r10,
        .r11 = regs->r11,
        .r12 = regs->r12,
        .r13 = regs->r13,
        .r14 = regs->r14,
        .r15 = regs->r15,
        .di = regs->di,
        .si = regs->si,
        .bp = regs->bp,
        .bx = regs->bx,
        .dx = regs->dx,
        .ax = regs->ax,
        .cx = regs->cx,
        .sp = regs->sp,
        .ip = regs->ip,
        .flags = regs->flags,
        .cs = (uint16_t)regs->cs,
        .ss = (uint16_t)regs->ss,
        .err = self->fault_error,
        .trapno = self->fault_trap,
        .oldmask = blocked,
        .cr2 = self->fault_addr,
    };
}

/* Where the frame goes: the program's stack below the red zone, or the top of the other one. 0: it
 * would overflow the alternate stack it already stands on. */
static vaddr_t place_frame(const struct arch_regs *regs, const struct linux_thread *self,
                           bool on_altstack, vaddr_t *fpstate)
{
    vaddr_t sp = regs->sp - RED_ZONE;
    bool nested = altstack_contains(self, regs->sp) && !(self->altstack_flags & SS_AUTODISARM);
    bool entering = on_altstack && self->altstack_size != 0 && !nested;
    if (entering) {
        sp = self->altstack_base + self->altstack_size;
    }
    *fpstate = ALIGN_DOWN(sp - arch_fpu_frame_size(), (vaddr_t)64);
    vaddr_t frame = ALIGN_DOWN(*fpstate - sizeof(struct rt_sigframe), (vaddr_t)16) - 8;
    if ((entering || (nested && self->altstack_size != 0)) && !altstack_contains(self, frame)) {
        return 0;
    }
    return frame;
}

int signal_frame_push(struct arch_regs *regs, const struct linux_action *action,
                      const struct linux_siginfo *info, uint64_t blocked)
{
    struct linux_thread *self = linux_current();
    struct rt_sigframe frame;
    vaddr_t fpstate;
    vaddr_t addr = place_frame(regs, self, (action->flags & SA_ONSTACK) != 0, &fpstate);
    /* x86_64 has no return trampoline of the kernel's: without SA_RESTORER there is no way back. */
    if (addr == 0 || !(action->flags & SA_RESTORER)) {
        return -EFAULT;
    }
    frame.return_address = action->restorer;
    frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
                     (arch_fpu_frame_size() > FXSAVE_SIZE ? UC_FP_XSTATE : 0);
    frame.uc.link = 0;
    altstack_get(self, &frame.uc.stack);
    save_context(regs, self, blocked, &frame.uc.mcontext);
    frame.uc.mcontext.fpstate = fpstate;
    frame.uc.sigmask = blocked;
    siginfo_encode(info, frame.info);
    if (arch_fpu_save_user(fpstate) != 0 || copy_to_user(addr, &frame, sizeof(frame)) != 0) {
        return -EFAULT;
    }
    arch_fpu_reset();
    if (self->altstack_flags & SS_AUTODISARM) {
        self->altstack_base = 0;
        self->altstack_size = 0;
        self->altstack_flags = SS_DISABLE;
    }
    regs->di = (uint64_t)info->signo;
    regs->ax = 0;
    regs->si = addr + offsetof(struct rt_sigframe, info);
    regs->dx = addr + offsetof(struct rt_sigframe, uc);
    regs->ip = action->handler;
    regs->sp = addr;
    regs->cs = ARCH_USER_CS;
    regs->ss = ARCH_USER_DS;
    regs->flags &= ~(ARCH_FLAGS_DF | ARCH_FLAGS_RF | ARCH_FLAGS_TF);
    return 0;
}

static void load_context(struct arch_regs *regs, const struct sigcontext *sc)
{
    regs->r8 = sc->r8;
    regs->r9 = sc->r9;
    regs->r10 = sc->r10;
    regs->r11 = sc->r11;
    regs->r12 = sc->r12;
    regs->r13 = sc->r13;
    regs->r14 = sc->r14;
    regs->r15 = sc->r15;
    regs->di = sc->di;
    regs->si = sc->si;
    regs->bp = sc->bp;
    regs->bx = sc->bx;
    regs->dx = sc->dx;
    regs->ax = sc->ax;
    regs->cx = sc->cx;
    regs->sp = sc->sp;
    regs->ip = sc->ip;
    regs->flags = (regs->flags & ~ARCH_FLAGS_USER) | (sc->flags & ARCH_FLAGS_USER) | ARCH_FLAGS_IF;
    regs->cs = ARCH_USER_CS;
    regs->ss = ARCH_USER_DS;
    arch_forget_call(regs);
}

int signal_frame_pop(struct arch_regs *regs)
{
    struct linux_thread *self = linux_current();
    struct ucontext uc;
    /* The handler's return popped the return address. */
    vaddr_t addr = regs->sp - sizeof(uint64_t);
    if (copy_from_user(&uc, addr + offsetof(struct rt_sigframe, uc), sizeof(uc)) != 0) {
        return -EFAULT;
    }
    /* An address outside the user half would fault in ring 0 on the way out. */
    if (uc.mcontext.ip >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    signal_set_blocked(uc.sigmask);
    load_context(regs, &uc.mcontext);
    if (arch_fpu_load_user(uc.mcontext.fpstate) != 0) {
        return -EFAULT;
    }
    (void)altstack_set(self, &uc.stack, regs->sp);
    return 0;
}
