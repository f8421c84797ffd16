/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C9: the clock of a PC: the TSC, converted at a rate that CPUID or the hypervisor tells, or that
 * calibrate.c measures in passing; and the local APIC's timer. Nothing waits. Until the rate is
 * known one cycle counts as one nanosecond. Sources: Intel SDM vol. 2 CPUID 15H, 16H, vol.
 * 3, 11.5.4, 18.17; KVM's paravirtual clock: Linux, Documentation/virt/kvm/x86/msr.rst.
 */
#include "kernel/arch/clock.h"
#include "kernel/arch/mmu.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/physmap.h"
#include "lib/cpumask.h"
#include "lib/string.h"

#define NSEC_PER_SEC 1000000000ull

/* A CPU's counter is compared until question and answer take a few microseconds at most. */
#define COMPARE_GOAL_CYCLES 10000u
#define COMPARE_TRIES       3u

#define CALIBRATE_STEP_NS   20000000ull  /* from one look to the next: the PIT runs 54.9 ms */
#define TIMER_LESSONS       16u          /* measurements of the local timer */
#define CALIBRATE_GOAL_NS   400000000ull /* long enough a base: a few parts per million */

/* The rate and the wall clock's offset; programs read them too. Written with the lock held and the
 * sequence odd meanwhile; readers retry. */
static union {
    struct clock_page page;
    char bytes[PAGE_SIZE];
} shared __attribute__((aligned(PAGE_SIZE)));
#define rate (shared.page)
static struct spinlock rate_lock = SPINLOCK_INIT(LOCK_CLOCK_RATE);

static uint64_t boot_cycles RO_AFTER_INIT; /* the clock's zero */

/* Owner: the boot CPU's timer interrupt. */
static bool rate_known;    /* told, or measured at least once */
static bool rate_is_final; /* no more calls wanted */

/* The local timer's rate, in counts per 2^32 cycles; learnt on the boot CPU from how long an
 * interrupt took to come, and the same for all. Others read it. */
static uint64_t timer_mult;
static uint64_t timer_set_cycles;
static uint32_t timer_set_count;
static unsigned timer_lessons; /* how often it was measured */

/* Added to a CPU's cycles gives the boot CPU's. Owner: the CPU. */
PERCPU(uint64_t, cycle_offset);

/* CPUs that want to know the boot CPU's cycles (atomic), and the answer to each, which is not 0. */
static struct cpumask asking;
PERCPU(uint64_t, boot_cycles_now);

static const char *clock_name RO_AFTER_INIT = "tsc";

static uint64_t mult_of_khz(uint64_t khz)
{
    return ((1000000ull << 32) + khz / 2) / khz;
}

static uint64_t scale(uint64_t value, uint64_t mult)
{
    return (uint64_t)((unsigned __int128)value * mult >> 32);
}

/* a * b / c, whose result must fit 64 bits (c > 0, a * b >> 64 < c). */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t quotient, high;
    __asm__("mulq %3\n\tdivq %4" : "=&a"(quotient), "=&d"(high) : "0"(a), "r"(b), "r"(c) : "cc");
    return quotient;
}

uint64_t arch_cycles_to_ns(uint64_t cycles)
{
    unsigned sequence;
    uint64_t ns;
    do {
        sequence = __atomic_load_n(&rate.sequence, __ATOMIC_ACQUIRE);
        uint64_t delta = cycles - rate.base_cycles;
        /* A stamp from before the last correction is counted back from it. */
        ns = (int64_t)delta >= 0 ? rate.base_ns + scale(delta, rate.mult)
                                 : rate.base_ns - MIN(rate.base_ns, scale(-delta, rate.mult));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((sequence & 1) != 0 || sequence != __atomic_load_n(&rate.sequence, __ATOMIC_RELAXED));
    return ns;
}

/* This CPU's cycles as the boot CPU counts them. */
static uint64_t common_cycles(void)
{
    return arch_cycles() + percpu(cycle_offset);
}

/* Where counters differ, corrected ones still do by a little: nobody reads less than anybody
 * before.
 */
static uint64_t not_before_last(uint64_t ns)
{
    static uint64_t last_ns; /* atomic; only grows */
    uint64_t last = __atomic_load_n(&last_ns, __ATOMIC_RELAXED);
    while (last < ns) {
        if (__atomic_compare_exchange_n(&last_ns, &last, ns, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return ns;
        }
    }
    return last;
}

uint64_t arch_clock_ns(void)
{
    uint64_t ns = arch_cycles_to_ns(common_cycles());
    bool differ = __atomic_load_n(&rate.cycles_differ, __ATOMIC_RELAXED) != 0;
    return likely(!differ) ? ns : not_before_last(ns);
}

uint64_t arch_clock_khz(void)
{
    return rate.mult != 0 ? (1000000ull << 32) / rate.mult : 1000000;
}

bool arch_clock_calibrated(void)
{
    return rate_known;
}

const char *arch_clock_name(void)
{
    return clock_name;
}

static void begin_write(void)
{
    __atomic_store_n(&rate.sequence, rate.sequence + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end_write(void)
{
    __atomic_store_n(&rate.sequence, rate.sequence + 1, __ATOMIC_RELEASE);
}

/* From now on cycles count at the new rate; the time reached stays. */
static void set_mult(uint64_t mult)
{
    unsigned long flags = spin_lock_irqsave(&rate_lock);
    uint64_t now = arch_cycles();
    uint64_t ns = rate.base_ns + scale(now - rate.base_cycles, rate.mult);
    begin_write();
    rate.base_ns = ns;
    rate.base_cycles = now;
    rate.mult = mult;
    end_write();
    spin_unlock_irqrestore(&rate_lock, flags);
}

void arch_clock_set_wall(int64_t offset_ns)
{
    unsigned long flags = spin_lock_irqsave(&rate_lock);
    begin_write();
    rate.wall_offset_ns = offset_ns;
    rate.wall_known = 1;
    end_write();
    spin_unlock_irqrestore(&rate_lock, flags);
}

const struct clock_page *arch_clock_page(void)
{
    return &rate;
}

static void calibrate(void)
{
    uint64_t cycles, count, hz;
    if (!x86_calibrate_step(&cycles, &count, &hz)) {
        return;
    }
    uint64_t ns = mul_div(count, NSEC_PER_SEC, hz);
    /* No TSC has less than 10 MHz or more than 20 GHz: then the reference is not what it says. */
    if (ns == 0 || cycles / 20 > ns || cycles * 100 < ns) {
        return;
    }
    set_mult(mul_div(ns, 1ull << 32, cycles));
    rate_known = true;
    rate_is_final = ns >= CALIBRATE_GOAL_NS;
}

/*
 * How many counts of the local timer make a cycle is learnt from the interrupt that just came: the
 * whole count ran down in at most the cycles since it was set, so each such rate is too low, if
 * anything, and the highest one is the best. An interrupt of an earlier setting that was still
 * pending tells nothing: then the counter is still running. Cycles, not nanoseconds: their rate may
 * still be wrong.
 */
static void learn_timer_rate(void)
{
    uint64_t cycles = arch_cycles() - timer_set_cycles;
    if (timer_set_count < 1000 || cycles < 100000 || x86_apic_timer_left() != 0) {
        return;
    }
    uint64_t seen = ((uint64_t)timer_set_count << 32) / cycles;
    __atomic_store_n(&timer_mult, timer_lessons > 0 ? MAX(timer_mult, seen) : seen,
                     __ATOMIC_RELAXED);
    timer_lessons++;
}

uint64_t arch_clock_calibrate(void)
{
    if (arch_cpu_number() != 0) {
        return 0;
    }
    bool timer_is_final = x86_features.tsc_deadline || timer_lessons >= TIMER_LESSONS;
    if (!timer_is_final) {
        learn_timer_rate();
    }
    if (!rate_is_final) {
        calibrate();
    }
    return rate_is_final && timer_is_final ? 0 : CALIBRATE_STEP_NS;
}

/* A rate that the CPU or the hypervisor tells, in kHz; 0: neither does. */
static INIT_TEXT uint64_t told_khz(void)
{
    uint32_t max = cpuid(0, 0).a;
    if (max >= 0x15) {
        struct cpuid c = cpuid(0x15, 0);
        if (c.a != 0 && c.b != 0 && c.c != 0) {
            return (uint64_t)c.c * c.b / c.a / 1000;
        }
    }
    if (x86_features.hypervisor) {
        uint32_t top = cpuid(0x40000000u, 0).a;
        if (top >= 0x40000010u && top < 0x40010000u) {
            return cpuid(0x40000010u, 0).a; /* the timing leaf of VMware's interface */
        }
    }
    return 0;
}

/* KVM's clock page says how it scales the TSC: shift, then multiply by mul / 2^32. */
struct pvclock {
    uint32_t version, pad0;
    uint64_t tsc_timestamp, system_time;
    uint32_t mul;
    int8_t shift;
    uint8_t flags, pad[2];
};
static_assert(sizeof(struct pvclock) == 32, "KVM's ABI");

static INIT_TEXT uint64_t kvm_mult(void)
{
    static struct pvclock page __attribute__((aligned(32)));
    struct cpuid base = cpuid(0x40000000u, 0);
    bool is_kvm = x86_features.hypervisor && base.b == 0x4b4d564bu && base.c == 0x564b4d56u;
    if (!is_kvm || (cpuid(0x40000001u, 0).a >> 3 & 1) == 0) {
        return 0;
    }
    paddr_t paddr;
    unsigned flags;
    if (!arch_kernel_query((vaddr_t)&page, &paddr, &flags)) {
        return 0;
    }
    wrmsr(MSR_KVM_SYSTEM_TIME, paddr | 1);
    wrmsr(MSR_KVM_SYSTEM_TIME, 0); /* its content is constant enough; no need for updates */
    uint64_t mult = page.mul;
    clock_name = "kvm-clock";
    return page.shift >= 0 ? mult << page.shift : mult >> -page.shift;
}

INIT_TEXT void arch_clock_init(const struct arch_clock_firmware *firmware)
{
    uint64_t mult = kvm_mult();
    uint64_t khz = mult == 0 ? told_khz() : 0;
    if (khz != 0) {
        mult = mult_of_khz(khz);
    }
    rate.mult = mult != 0 ? mult : 1ull << 32;
    rate.base_cycles = boot_cycles = arch_cycles();
    timer_mult = (1ull << 32) / 16; /* a bus as fast as the TSC, divided by 16, until it is known */
    const char *tsc = cmdline_get("tsc");
    rate.cycles_differ = tsc != NULL && strcmp(tsc, "unstable") == 0;
    rate_known = mult != 0;
    rate_is_final = mult != 0 || !x86_calibrate_init(firmware);
}

/* Read after everything before it was done (SDM vol. 2, RDTSC). */
static uint64_t ordered_cycles(void)
{
    __asm__ volatile("lfence" : : : "memory");
    return arch_cycles();
}

/* On the boot CPU: somebody asks, and is woken by the same interrupt. Interrupts off. */
void x86_clock_ipi(void)
{
    if (arch_cpu_number() != 0) {
        return;
    }
    for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
        uint64_t bits = __atomic_exchange_n(&asking.word[i], 0, __ATOMIC_SEQ_CST);
        for (; bits != 0; bits &= bits - 1) {
            unsigned cpu = i * CPUMASK_BITS + (unsigned)__builtin_ctzll(bits);
            __atomic_store_n(&percpu_of(cpu, boot_cycles_now), ordered_cycles() | 1,
                             __ATOMIC_RELEASE);
            x86_apic_send(arch_cpu_tcb[cpu]->apic_id, VECTOR_CLOCK);
        }
    }
}

/* From now on this CPU's counter is known to be off by so much, and programs ask the kernel. */
static void correct_cycles(uint64_t offset)
{
    percpu(cycle_offset) += offset;
    if (__atomic_exchange_n(&rate.cycles_differ, 1, __ATOMIC_SEQ_CST) == 0) {
        log_warn("CPU %u: its time stamp counter differs by %ld cycles; reading the clock is slow "
                 "from now on",
                 arch_cpu_number(), (long)offset);
    }
}

/*
 * What the boot CPU counts when it is asked lies between what this CPU counts before it asks and
 * after it was answered. Where it does not, the counters differ, and about by how much is known.
 * False: they may, by less than it took. The boot CPU is only interrupted; who waits is this one,
 * which sleeps: nothing else interrupts it yet.
 */
static bool compare_cycles(void)
{
    uint64_t *answer = &percpu(boot_cycles_now);
    *answer = 0;
    uint64_t now, before = arch_cycles();
    cpumask_set_atomic(&asking, arch_cpu_number());
    x86_apic_send(arch_cpu_tcb[0]->apic_id, VECTOR_CLOCK);
    while ((now = __atomic_load_n(answer, __ATOMIC_ACQUIRE)) == 0) {
        arch_cpu_idle();
        arch_irq_disable();
    }
    uint64_t after = ordered_cycles();
    if ((int64_t)(now - before) >= 0 && (int64_t)(after - (now & ~1ull)) >= 0) {
        return after - before < COMPARE_GOAL_CYCLES;
    }
    correct_cycles(now - before - (after - before) / 2);
    return true;
}

void arch_clock_init_cpu(void)
{
    for (unsigned tries = 0; tries < COMPARE_TRIES && !compare_cycles(); tries++) {
    }
}

/* This CPU's cycles, which may not be fewer than any CPU had when it was here: what bringing up
 * could not see shows in the long run. Interrupts off. */
static uint64_t checked_cycles(void)
{
    static uint64_t latest_cycles; /* atomic; that an older value replaces a newer does no harm */
    if (x86_start_count == 0 || x86_features.invariant_tsc) {
        return arch_cycles();
    }
    uint64_t latest = __atomic_load_n(&latest_cycles, __ATOMIC_ACQUIRE);
    uint64_t cycles = ordered_cycles(), common = cycles + percpu(cycle_offset);
    if (likely((int64_t)(common - latest) >= 0)) {
        __atomic_store_n(&latest_cycles, common, __ATOMIC_RELEASE);
    } else {
        correct_cycles(latest - common);
    }
    return cycles;
}

void arch_timer_set(uint64_t deadline_ns)
{
    uint64_t now_cycles = checked_cycles();
    uint64_t now = arch_cycles_to_ns(now_cycles + percpu(cycle_offset));
    uint64_t delta = deadline_ns > now ? deadline_ns - now : 0;
    delta = MIN(delta, 3600 * NSEC_PER_SEC);
    uint64_t cycles = mul_div(delta, 1ull << 32, __atomic_load_n(&rate.mult, __ATOMIC_RELAXED));
    if (x86_features.tsc_deadline) {
        wrmsr(MSR_TSC_DEADLINE, now_cycles + MAX(cycles, 1ull));
        return;
    }
    uint64_t count = scale(cycles, __atomic_load_n(&timer_mult, __ATOMIC_RELAXED)) + 1;
    count = MIN(count, 0xffffffffull);
    if (arch_cpu_number() == 0) {
        timer_set_count = (uint32_t)count;
        timer_set_cycles = now_cycles;
    }
    x86_apic_timer_set((uint32_t)count);
}
