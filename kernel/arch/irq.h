/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: interrupt controllers. core/irq.c owns the vectors from first to last and hands
 * them out; the port routes lines to them.
 */
#include "lib/types.h"

#define ARCH_IRQ_FIRST 32u
#define ARCH_IRQ_LAST  0xeeu /* above: timer, other CPUs, spurious */

/* How a line asks; 0: by a rising edge. */
#define ARCH_IRQ_LEVEL 1u
#define ARCH_IRQ_LOW   2u /* low is active */

/* What firmware said about interrupt controllers; the defaults of a PC where it said nothing. */
#define ARCH_IOAPICS_MAX   8
#define ARCH_OVERRIDES_MAX 16
struct arch_irq_firmware {
    paddr_t local_apic; /* 0: default */
    unsigned ioapic_count;
    struct {
        paddr_t address;
        unsigned gsi_base;
    } ioapics[ARCH_IOAPICS_MAX];
    unsigned override_count; /* ISA lines that are not what they are called */
    struct {
        uint8_t line;
        unsigned trigger; /* ARCH_IRQ_* */
        unsigned gsi;
    } overrides[ARCH_OVERRIDES_MAX];
};

/* C8: boot CPU. Masks the old PICs, turns the local APIC on; -ENODEV when there is none. */
int arch_irq_init(const struct arch_irq_firmware *firmware);
/* The same for a further CPU, on that CPU: its own controller. */
void arch_irq_init_cpu(void);

/* Routes a global system interrupt to a vector on the boot CPU and unmasks it: -ENODEV, -EINVAL. */
int arch_irq_route(unsigned gsi, unsigned trigger, unsigned vector);
void arch_irq_mask(unsigned gsi, bool masked);
/* What an ISA line is as a global system interrupt. */
void arch_irq_isa(unsigned line, unsigned *gsi, unsigned *trigger);
/* The message that raises vector on the boot CPU: -ENODEV when messages do not work. */
int arch_irq_message(unsigned vector, uint64_t *address, uint32_t *data);
