/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C9: the clock of a PC: the TSC, converted at a rate that CPUID or the hypervisor tells, or that
 * is measured in passing against the HPET, the ACPI PM timer or the PIT while the machine does
 * other things; and the local APIC's timer. Nothing waits. Until the rate is known one cycle counts
 * as one nanosecond. Sources: Intel SDM vol. 2 CPUID 15H, 16H, vol. 3, 11.5.4, 18.17; KVM's
 * paravirtual clock: Linux, Documentation/virt/kvm/x86/msr.rst; HPET specification 1.0a;
 * ACPI 6.4, 4.8.3.3; Intel 8254 data sheet.
 */
#include "kernel/arch/clock.h"
#include "kernel/arch/mmu.h"
#include "kernel/arch/port_io.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/physmap.h"

#define NSEC_PER_SEC       1000000000ull

#define PIT_HZ             1193182u
#define PIT_DATA0          0x40
#define PIT_COMMAND        0x43
#define PM_TIMER_HZ        3579545u

#define HPET_PERIOD        0x04 /* high half of the capabilities: femtoseconds */
#define HPET_CONFIG        0x10
#define HPET_COUNTER       0xf0

#define CALIBRATE_FIRST_NS 5000000ull   /* the first look after that long */
#define CALIBRATE_STEP_NS  20000000ull  /* then: shorter than any counter's wrap */
#define CALIBRATE_GOAL_NS  400000000ull /* long enough a base: a few parts per million */
#define WRAP_SAFE_NS       45000000ull  /* the PIT wraps after 54.9 ms */

enum reference { REFERENCE_NONE, REFERENCE_HPET, REFERENCE_PM_TIMER, REFERENCE_PIT };

/* The rate and the wall clock's offset; programs read them too. Written with the lock held and the
 * sequence odd meanwhile; readers retry. */
static union {
    struct clock_page page;
    char bytes[PAGE_SIZE];
} shared __attribute__((aligned(PAGE_SIZE)));
#define rate (shared.page)
static struct spinlock rate_lock;

static uint64_t boot_cycles RO_AFTER_INIT; /* the clock's zero */

/* Calibration; owner: the boot CPU's timer interrupt. */
static struct {
    enum reference reference;
    uint64_t reference_hz;
    uint64_t reference_mask;
    volatile uint32_t *hpet;
    uint16_t pm_port;
    uint64_t start_cycles, last_cycles;
    uint64_t start_count, last_count, total_count;
    bool known;    /* told or measured at least once */
    bool finished; /* no more calls wanted */
} calibration;

/* The local timer's rate, in counts per 2^32 ns; learnt from how long an interrupt took to come. */
static uint64_t timer_mult;
static uint64_t timer_set_cycles;
static uint32_t timer_set_count;
static bool timer_learnt;

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

uint64_t arch_clock_ns(void)
{
    return arch_cycles_to_ns(arch_cycles());
}

uint64_t arch_clock_khz(void)
{
    return (1000000ull << 32) / rate.mult;
}

bool arch_clock_calibrated(void)
{
    return calibration.known;
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

static uint64_t read_reference(void)
{
    switch (calibration.reference) {
    case REFERENCE_HPET:
        return calibration.hpet[HPET_COUNTER / 4];
    case REFERENCE_PM_TIMER:
        return in32(calibration.pm_port);
    case REFERENCE_PIT: {
        out8(PIT_COMMAND, 0); /* latch counter 0 */
        uint32_t low = in8(PIT_DATA0);
        return 0xffff - (low | (uint32_t)in8(PIT_DATA0) << 8); /* it counts down */
    }
    default:
        return 0;
    }
}

/* One reading of both clocks. The host may have stopped us between the two: of three readings the
 * one that took least counts. */
static uint64_t read_both(uint64_t *count)
{
    uint64_t best = UINT64_MAX, cycles = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t before = arch_cycles();
        uint64_t value = read_reference();
        uint64_t after = arch_cycles();
        if (after - before < best) {
            best = after - before;
            cycles = before + (after - before) / 2;
            *count = value & calibration.reference_mask;
        }
    }
    return cycles;
}

static void restart_calibration(void)
{
    calibration.start_cycles = read_both(&calibration.start_count);
    calibration.last_cycles = calibration.start_cycles;
    calibration.last_count = calibration.start_count;
    calibration.total_count = 0;
}

static void calibrate(void)
{
    uint64_t count;
    uint64_t cycles = read_both(&count);
    uint64_t gap_ns = scale(cycles - calibration.last_cycles, rate.mult);
    if (calibration.known && gap_ns > WRAP_SAFE_NS && calibration.reference == REFERENCE_PIT) {
        restart_calibration(); /* it may have wrapped unseen */
        return;
    }
    calibration.total_count += (count - calibration.last_count) & calibration.reference_mask;
    calibration.last_count = count;
    calibration.last_cycles = cycles;
    if (calibration.total_count == 0) {
        return;
    }
    uint64_t elapsed = cycles - calibration.start_cycles;
    uint64_t ns = mul_div(calibration.total_count, NSEC_PER_SEC, calibration.reference_hz);
    /* No TSC has less than 10 MHz or more than 20 GHz: a reading went wrong. */
    if (ns == 0 || elapsed / 20 > ns || elapsed * 100 < ns || ns > NSEC_PER_SEC * 1000) {
        restart_calibration();
        return;
    }
    set_mult(mul_div(ns, 1ull << 32, elapsed));
    calibration.known = true;
    calibration.finished = ns >= CALIBRATE_GOAL_NS;
}

/*
 * How many counts of the local timer make a nanosecond is learnt from the interrupt that just came:
 * the whole count ran down in at most the time since it was set. Interrupts may come late, which
 * makes the rate look lower than it is, so the highest one seen is right.
 */
static void learn_timer_rate(void)
{
    uint64_t ns = scale(arch_cycles() - timer_set_cycles, rate.mult);
    if (x86_features.tsc_deadline || !calibration.known || ns < 100000 || timer_set_count < 1000) {
        return;
    }
    uint64_t seen = ((uint64_t)timer_set_count << 32) / ns;
    timer_mult = timer_learnt ? MAX(timer_mult, seen) : seen;
    timer_learnt = true;
}

uint64_t arch_clock_calibrate(void)
{
    if (calibration.finished) {
        return 0;
    }
    learn_timer_rate();
    calibrate();
    return calibration.finished ? 0 : CALIBRATE_STEP_NS;
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

static INIT_TEXT void choose_reference(const struct arch_clock_firmware *firmware)
{
    calibration.reference_mask = 0xffffffffu;
    if (firmware->hpet != 0) {
        calibration.hpet = kmap_device(firmware->hpet, 1024);
        uint32_t period = calibration.hpet != NULL ? calibration.hpet[HPET_PERIOD / 4] : 0;
        if (period >= 100000 && period <= 100000000) { /* femtoseconds, by the specification */
            calibration.reference = REFERENCE_HPET;
            calibration.reference_hz = 1000000000000000ull / period;
            calibration.hpet[HPET_CONFIG / 4] = calibration.hpet[HPET_CONFIG / 4] | 1;
            return;
        }
    }
    if (firmware->pm_timer != 0) {
        calibration.reference = REFERENCE_PM_TIMER;
        calibration.reference_hz = PM_TIMER_HZ;
        calibration.reference_mask = firmware->pm_timer_32 ? 0xffffffffu : 0xffffffu;
        calibration.pm_port = firmware->pm_timer;
        return;
    }
    if (!firmware->no_pit) {
        calibration.reference = REFERENCE_PIT;
        calibration.reference_hz = PIT_HZ;
        calibration.reference_mask = 0xffff;
        out8(PIT_COMMAND, 0x34); /* counter 0, low and high byte, rate generator */
        out8(PIT_DATA0, 0);
        out8(PIT_DATA0, 0); /* 65536 */
    }
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
    timer_mult = (1ull << 32) / 16; /* a 1 GHz bus, divided by 16, until it is known */
    calibration.known = mult != 0;
    calibration.finished = mult != 0 && x86_features.tsc_deadline;
    if (mult == 0) {
        choose_reference(firmware);
        calibration.start_cycles = calibration.last_cycles = arch_cycles();
        calibration.start_count = calibration.last_count = calibration.reference == REFERENCE_PIT
                                                               ? 0
                                                               : read_reference();
        calibration.finished = calibration.reference == REFERENCE_NONE;
    }
}

void arch_timer_set(uint64_t deadline_ns)
{
    uint64_t now_cycles = arch_cycles();
    uint64_t now = arch_cycles_to_ns(now_cycles);
    uint64_t delta = deadline_ns > now ? deadline_ns - now : 0;
    delta = MIN(delta, 3600 * NSEC_PER_SEC);
    if (x86_features.tsc_deadline) {
        uint64_t cycles = mul_div(delta, 1ull << 32, rate.mult);
        wrmsr(MSR_TSC_DEADLINE, now_cycles + MAX(cycles, 1ull));
        return;
    }
    uint64_t count = scale(delta, timer_mult) + 1;
    timer_set_count = (uint32_t)MIN(count, 0xffffffffull);
    timer_set_cycles = now_cycles;
    x86_apic_timer_set(timer_set_count);
}
