/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: the machine's clock and one-shot timer. No function here waits: the clock runs
 * from the first moment on an assumed rate, which is corrected in passing from a source of known
 * rate.
 */
#include "abi/clock_page.h"
#include "lib/types.h"

/* What firmware said about time sources; zeroes where it said nothing. */
struct arch_clock_firmware {
    paddr_t hpet;      /* registers */
    uint16_t pm_timer; /* port of the ACPI PM timer */
    bool pm_timer_32;  /* it counts 32 bits, not 24 */
    bool no_pit;       /* FADT says that there are no legacy devices */
};

/* C9, boot CPU. Chooses sources and starts what must run; a few port accesses. */
void arch_clock_init(const struct arch_clock_firmware *firmware);
/* The same for a further CPU, on that CPU. */
void arch_clock_init_cpu(void);

/* Nanoseconds since boot, never going back. Any context. */
uint64_t arch_clock_ns(void);
/* The page that programs read the clock from (abi/clock_page.h); page aligned, of the kernel image.
 */
const struct clock_page *arch_clock_page(void);
/* Tells it the wall clock: realtime minus monotonic time. Any context. */
void arch_clock_set_wall(int64_t offset_ns);

/* The time of an earlier cycle count in nanoseconds since boot, at the rate known now. */
uint64_t arch_cycles_to_ns(uint64_t cycles);
/* The cycle counter's rate as known now, and whether it is measured or told (not assumed to be one
 * cycle a nanosecond). */
uint64_t arch_clock_khz(void);
bool arch_clock_calibrated(void);
const char *arch_clock_name(void); /* "tsc", "kvm-clock" */

/* Arms this CPU's timer to interrupt (core_timer_interrupt) at about the given time; an earlier
 * setting is replaced. Interrupts off. */
void arch_timer_set(uint64_t deadline_ns);

/*
 * Called from timer interrupts: improves the rate. Returns how soon (ns from now) it wants to be
 * called again, 0: never.
 */
uint64_t arch_clock_calibrate(void);
