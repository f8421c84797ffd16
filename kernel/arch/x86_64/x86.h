/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the files of this port share: CPUID features, control registers, model-specific registers,
 * vectors. Numbers: Intel SDM vol. 4 (MSRs), vol. 3 ch. 2 (control registers), vol. 2 CPUID.
 */
#include "kernel/arch/cpu.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/thread.h"
#include "kernel/arch/x86_64/mitigate.h"
#include "kernel/base/lock_check.h"
#include "lib/types.h"

enum x86_msr {
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_APIC_BASE = 0x1b,
    MSR_X2APIC_FIRST = 0x800,
    MSR_EFER = 0xc0000080,
    MSR_PAT = 0x277,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_SFMASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
    MSR_KVM_SYSTEM_TIME = 0x4b564d01,
    MSR_SPEC_CTRL = 0x48,
    MSR_PRED_CMD = 0x49,
    MSR_ARCH_CAPABILITIES = 0x10a,
};

#define EFER_SCE       1ul
#define EFER_NXE       0x800ul
#define EFER_AIBRSE    0x200000ul

#define SPEC_CTRL_IBRS 1ul
#define SPEC_CTRL_SSBD 4ul
#define PRED_CMD_IBPB  1ul

#define CR0_MP         (1ul << 1)
#define CR0_EM         (1ul << 2)
#define CR0_TS         (1ul << 3)
#define CR0_NE         (1ul << 5)
#define CR0_WP         (1ul << 16)
#define CR0_AM         (1ul << 18)

#define CR4_TSD        (1ul << 2)
#define CR4_DE         (1ul << 3)
#define CR4_PGE        (1ul << 7)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP       (1ul << 11)
#define CR4_FSGSBASE   (1ul << 16)
#define CR4_PCIDE      (1ul << 17)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

enum x86_vector {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUND = 5,
    VECTOR_ILLEGAL = 6,
    VECTOR_NO_DEVICE = 7,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_SEGMENT = 11,
    VECTOR_STACK = 12,
    VECTOR_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_FPU = 16,
    VECTOR_ALIGN = 17,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_SIMD = 19,
    VECTOR_FIRST_IRQ = 32,
    VECTOR_TIMER = 0xef,
    VECTOR_IPI = 0xf0,   /* plus enum arch_ipi */
    VECTOR_CLOCK = 0xf8, /* a further CPU compares its clock with the boot CPU's */
    VECTOR_SPURIOUS = 0xff,
};

/* Immutable after arch_cpu_init(0). */
struct x86_features {
    bool rdtscp; /* and RDPID: programs read MSR_TSC_AUX */
    bool smep, smap, umip, fsgsbase, xsave, xsaveopt, pge, pcid;
    bool x2apic, tsc_deadline, rdrand, rdseed, invariant_tsc, hypervisor;
    uint64_t xcr0;       /* state components in use */
    uint32_t xsave_size; /* bytes of an XSAVE area for them, or 512 */
};
extern struct x86_features x86_features;

struct cpuid {
    uint32_t a, b, c, d;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t read_cr2(void)
{
    uint64_t v;
    __asm__ volatile("movq %%cr2, %0" : "=r"(v));
    return v;
}

/* cpu.c */
void x86_set_kernel_stack(uint64_t top);
/* What a CPU needs of its own while a program runs, in whole pages from the start; the table of
 * gates, one page at most. */
void x86_cpu_entry_range(unsigned cpu, vaddr_t *start, vaddr_t *end);
const void *x86_idt(void);

/* protect.c: constant after x86_protect_choose. */
extern struct x86_mitigations x86_protect;
void x86_protect_choose(const char *vendor);
void x86_set_spec_ctrl(uint64_t bits); /* of a thread; interrupts off */
void x86_protect_cpu(void);            /* on each CPU: what model-specific registers do */
void x86_protect_leave(void);          /* undoes it, for another kernel */
/* isolate.c: makes the ways into and out of the kernel those of x86_protect. */
void x86_patch_entries(void);

/* fpu.c */
void x86_fpu_init(void); /* per CPU */
void *x86_fpu_alloc(void);
void x86_fpu_free(void *area);
void x86_fpu_save_current(void *area);
void x86_fpu_switch(struct arch_thread *from, struct arch_thread *to);

/* Around instructions that touch user memory (SMAP). */
static inline void x86_user_open_word(void)
{
    if (x86_features.smap) {
        __asm__ volatile("stac" : : : "cc", "memory");
    }
}
static inline void x86_user_open(void)
{
    lock_check_user_access();
    x86_user_open_word();
}
static inline void x86_user_close(void)
{
    if (x86_features.smap) {
        __asm__ volatile("clac" : : : "cc", "memory");
    }
}

/* calibrate.c: chooses a reference and starts the first stretch: false when there is none. */
struct arch_clock_firmware;
bool x86_calibrate_init(const struct arch_clock_firmware *firmware);
/* Ends a stretch and starts the next: true when it was good, with the sums of all good ones: cycles
 * of the TSC and counts of a reference of that many Hz. */
bool x86_calibrate_step(uint64_t *cycles, uint64_t *count, uint64_t *hz);

/* usercopy.S: instructions that may fault on user addresses, and where to go on. */
bool x86_fixup(struct arch_regs *regs);

/* How far a CPU has come; trampoline.S knows the numbers. */
enum x86_cpu_state {
    X86_CPU_ABSENT,   /* not to be started */
    X86_CPU_WAITING,  /* woken, or about to be */
    X86_CPU_STARTING, /* has taken its entry */
    X86_CPU_ONLINE,
    X86_CPU_GIVEN_UP, /* did not come in time: stops when it comes */
};

/* smp.c: entries of arch_cpu_tcb that may come; 0 before they were woken. */
extern unsigned x86_start_count;

/* ipi.c: interrupts that this CPU has had. */
struct x86_interrupt_counts {
    uint64_t nmi, timer, spurious, ipi[ARCH_IPI_KINDS];
};
struct x86_interrupt_counts *x86_interrupt_counts(void);
/* An interrupt at VECTOR_IPI or above; an NMI (false: not one of ours). */
void x86_ipi(unsigned vector);
bool x86_ipi_nmi(struct arch_regs *regs);

/* clock.c: VECTOR_CLOCK has come. */
void x86_clock_ipi(void);

/* apic.c */
#define APIC_ICR_NMI     0x4400u
#define APIC_ICR_INIT    0x4500u
#define APIC_ICR_STARTUP 0x4600u /* plus the page where to start */
void x86_apic_init_cpu(void);
/* Sends an interrupt: a vector, or one of the above. Interrupts off. */
void x86_apic_send(uint32_t apic_id, uint32_t command);
void x86_apic_send_others(uint32_t command);
void x86_apic_eoi(void);
/* Programs the local timer's counter; counts are of its own clock. */
void x86_apic_timer_set(uint32_t count);
uint32_t x86_apic_timer_left(void);
/* For another kernel: no interrupt comes any more, and all other CPUs, which have stopped, wait for
 * a start-up IPI, for which they need no memory. */
void x86_apic_leave(void);

/* entry.S */
extern const char __entry_start[], __entry_end[];
void x86_fill_rsb(void);
extern const char x86_trap_stubs[];
void x86_syscall_entry(void);
struct thread *x86_switch_stacks(uint64_t *save_sp, uint64_t next_sp, struct thread *from);
void x86_thread_begin(void);
_Noreturn void x86_enter_user(struct arch_regs *regs);

/* trap.c, called from entry.S */
void x86_trap(struct arch_regs *regs, unsigned vector);
void x86_trap_paranoid(struct arch_regs *regs, unsigned vector);
void x86_user_return_work(struct arch_regs *regs);
