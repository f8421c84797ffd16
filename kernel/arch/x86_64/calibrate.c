/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC's rate, measured in passing against a counter of known rate: the HPET, the ACPI PM timer
 * or the PIT. Time is cut into stretches by timer interrupts that come anyway; each stretch is
 * measured for itself, and one in which the counter may have wrapped, or the host stopped us at
 * either end, does not count. Sources: HPET specification 1.0a, 2.3; ACPI 6.4, 4.8.3.3; Intel 8254
 * data sheet (mode 0, read-back command).
 */
#include "kernel/arch/clock.h"
#include "kernel/arch/port_io.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/mm/kmap.h"

#define PIT_HZ          1193182u
#define PIT_DATA0       0x40
#define PIT_COMMAND     0x43
#define PIT_ONE_SHOT    0x30 /* counter 0, low and high byte, mode 0: OUT rises at zero and stays */
#define PIT_READ_BACK   0xc2 /* latch status and count of counter 0 */
#define PIT_STATUS_OUT  0x80
#define PIT_STATUS_NULL 0x40 /* the count written is not in the counter yet */
#define PIT_COUNT       0xffffu
#define PM_TIMER_HZ     3579545u

#define HPET_PERIOD     0x04 /* high half of the capabilities: femtoseconds */
#define HPET_CONFIG     0x10
#define HPET_COUNTER    0xf0

/* With the slowest TSC there is (500 MHz) a stretch of this many cycles is shorter than the PM
 * timer's wrap of 4.6 s. */
#define STRETCH_MAX_CYCLES 2000000000ull
/* The two readings of both clocks may take this part of a stretch: half of it is the error. */
#define WINDOW_PART 256

enum reference { REFERENCE_NONE, REFERENCE_HPET, REFERENCE_PM_TIMER, REFERENCE_PIT };

/* Owner: the boot CPU's timer interrupt. */
static enum reference reference;
static uint64_t reference_hz, reference_mask;
static volatile uint32_t *hpet;
static uint16_t pm_port;

/* A moment on both clocks. */
struct moment {
    uint64_t cycles, window; /* the middle of the reading, and how long it took */
    uint64_t count;
    bool good; /* the counter has not come to its end */
};
static struct moment start;
static uint64_t sum_cycles, sum_count;

static void set_cycles(struct moment *moment, uint64_t before, uint64_t after)
{
    moment->window = after - before;
    moment->cycles = before + moment->window / 2;
}

static void read_counter(struct moment *moment)
{
    uint64_t before = arch_cycles();
    moment->count = reference == REFERENCE_HPET ? hpet[HPET_COUNTER / 4] : in32(pm_port);
    set_cycles(moment, before, arch_cycles());
    moment->good = true;
}

/* The PIT starts a new count with each stretch; its OUT pin then tells whether it has run down. */
static void start_pit(struct moment *moment)
{
    out8(PIT_COMMAND, PIT_ONE_SHOT);
    out8(PIT_DATA0, PIT_COUNT & 0xff);
    uint64_t before = arch_cycles();
    out8(PIT_DATA0, PIT_COUNT >> 8);
    set_cycles(moment, before, arch_cycles());
    moment->count = 0;
    moment->good = true;
}

static void read_pit(struct moment *moment)
{
    uint64_t before = arch_cycles();
    out8(PIT_COMMAND, PIT_READ_BACK);
    set_cycles(moment, before, arch_cycles());
    uint8_t status = in8(PIT_DATA0);
    uint32_t low = in8(PIT_DATA0);
    moment->count = PIT_COUNT - (low | (uint32_t)in8(PIT_DATA0) << 8);
    moment->good = (status & (PIT_STATUS_OUT | PIT_STATUS_NULL)) == 0;
}

static void begin_stretch(void)
{
    if (reference == REFERENCE_PIT) {
        start_pit(&start);
    } else if (reference != REFERENCE_NONE) {
        read_counter(&start);
    }
}

bool x86_calibrate_step(uint64_t *cycles, uint64_t *count, uint64_t *hz)
{
    struct moment end;
    if (reference == REFERENCE_PIT) {
        read_pit(&end);
    } else {
        read_counter(&end);
    }
    uint64_t elapsed = end.cycles - start.cycles;
    bool good = end.good && elapsed < STRETCH_MAX_CYCLES &&
                start.window + end.window < elapsed / WINDOW_PART;
    if (good) {
        sum_cycles += elapsed;
        sum_count += (end.count - start.count) & reference_mask;
    }
    start = end;
    if (reference == REFERENCE_PIT) {
        start_pit(&start);
    }
    *cycles = sum_cycles;
    *count = sum_count;
    *hz = reference_hz;
    return good && sum_count != 0;
}

static INIT_TEXT bool use_hpet(paddr_t address)
{
    hpet = address != 0 ? kmap_device(address, 1024) : NULL;
    uint32_t period = hpet != NULL ? hpet[HPET_PERIOD / 4] : 0;
    if (period < 100000 || period > 100000000) { /* femtoseconds; the specification's limit */
        return false;
    }
    reference = REFERENCE_HPET;
    reference_hz = 1000000000000000ull / period;
    reference_mask = 0xffffffffu;
    hpet[HPET_CONFIG / 4] = hpet[HPET_CONFIG / 4] | 1; /* it counts */
    return true;
}

INIT_TEXT bool x86_calibrate_init(const struct arch_clock_firmware *firmware)
{
    if (!use_hpet(firmware->hpet)) {
        if (firmware->pm_timer != 0) {
            reference = REFERENCE_PM_TIMER;
            reference_hz = PM_TIMER_HZ;
            reference_mask = firmware->pm_timer_32 ? 0xffffffffu : 0xffffffu;
            pm_port = firmware->pm_timer;
        } else if (!firmware->no_pit) {
            reference = REFERENCE_PIT;
            reference_hz = PIT_HZ;
            reference_mask = PIT_COUNT;
        }
    }
    begin_stretch();
    return reference != REFERENCE_NONE;
}
