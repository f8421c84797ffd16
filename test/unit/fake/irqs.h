/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The interrupt flag of the machines of the unit tests: fake_irqs_off, which the test defines; of
 * each thread where several CPUs are modelled. Nothing interrupts by itself. */
static inline unsigned long arch_irq_save(void)
{
    unsigned long was_off = fake_irqs_off;
    fake_irqs_off = true;
    return was_off;
}
static inline void arch_irq_restore(unsigned long was_off)
{
    fake_irqs_off = was_off != 0;
}
static inline void arch_irq_enable(void)
{
    fake_irqs_off = false;
}
static inline void arch_irq_disable(void)
{
    fake_irqs_off = true;
}
static inline bool arch_irqs_enabled(void)
{
    return !fake_irqs_off;
}
