/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Device interrupts. Handlers run with interrupts off and must not sleep. Unexpected and spurious
 * interrupts are counted, never fatal.
 */
#include "kernel/arch/irq.h"
#include "lib/types.h"

typedef void (*irq_handler)(void *arg);

/* What a device's interrupt is called outside: an ISA IRQ line, a global system interrupt of ACPI,
 * with ARCH_IRQ_LEVEL and ARCH_IRQ_LOW as trigger, or a message (MSI/MSI-X) of which address and
 * data are returned for the device to be told. */
int irq_request_isa(unsigned line, irq_handler handler, void *arg, const char *name);
int irq_request_gsi(unsigned gsi, unsigned trigger, irq_handler handler, void *arg,
                    const char *name);
struct irq_message {
    uint64_t address;
    uint32_t data;
};
int irq_request_message(irq_handler handler, void *arg, const char *name, struct irq_message *out);

/* Calls visit for every interrupt in use, for /proc/interrupts. All come to the boot CPU. */
void irq_for_each(void (*visit)(void *arg, unsigned number, uint64_t count, const char *name),
                  void *arg);
uint64_t irq_total(void);
