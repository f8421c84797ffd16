/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C8: interrupt controllers of a PC: the local APIC (by registers in memory, or as x2APIC by MSRs),
 * I/O APICs, and the old PICs, which are only masked. Sources: Intel SDM vol. 3, ch. 11; 82093AA
 * I/O APIC data sheet.
 */
#include "abi/errno.h"
#include "kernel/arch/irq.h"
#include "kernel/arch/port_io.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/kmap.h"

#define APIC_BASE_DEFAULT   0xfee00000ul
#define IOAPIC_BASE_DEFAULT 0xfec00000ul
#define APIC_BASE_ENABLE    (1ul << 11)
#define APIC_BASE_X2APIC    (1ul << 10)

enum apic_register {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};
#define APIC_ENABLE           0x100u
#define APIC_MASKED           0x10000u
#define APIC_NMI              0x400u
#define APIC_EXTINT           0x700u
#define APIC_TIMER_DEADLINE   0x40000u
#define APIC_TIMER_DIVIDE_16  0x3u
#define APIC_SPURIOUS_ENABLED (APIC_ENABLE | VECTOR_SPURIOUS)
#define APIC_ICR_PENDING      0x1000u
#define APIC_ICR_OTHERS       0xc0000u /* all but the sender */

#define IOAPIC_VERSION        1u
#define IOAPIC_REDIRECT       0x10u
#define IOAPIC_LOW            (1u << 13)
#define IOAPIC_LEVEL          (1u << 15)
#define IOAPIC_MASKED         (1u << 16)

struct ioapic {
    volatile uint32_t *registers; /* constant; NULL: not there */
    unsigned gsi_base;            /* constant */
    unsigned lines;               /* [ioapic_lock] 0: not asked yet */
};

/* Index and data register belong together. */
static struct spinlock ioapic_lock = SPINLOCK_INIT(LOCK_IOAPIC);
static struct ioapic ioapics[ARCH_IOAPICS_MAX]; /* see the struct */
static unsigned ioapic_count RO_AFTER_INIT;
static struct arch_irq_firmware firmware_info RO_AFTER_INIT;
static volatile char *apic_registers RO_AFTER_INIT; /* NULL: x2APIC */
static uint32_t boot_apic_id RO_AFTER_INIT;

static uint32_t apic_read(enum apic_register reg)
{
    if (apic_registers == NULL) {
        return (uint32_t)rdmsr(MSR_X2APIC_FIRST + reg / 16);
    }
    return *(volatile uint32_t *)(apic_registers + reg);
}

static void apic_write(enum apic_register reg, uint32_t value)
{
    if (apic_registers == NULL) {
        wrmsr(MSR_X2APIC_FIRST + reg / 16, value);
    } else {
        *(volatile uint32_t *)(apic_registers + reg) = value;
    }
}

void x86_apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void x86_apic_timer_set(uint32_t count)
{
    apic_write(APIC_TIMER_INITIAL, count);
}

uint32_t x86_apic_timer_left(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

/* The PICs keep quiet: all lines masked. Their spurious interrupts cannot come without a line. */
static INIT_TEXT void mask_pics(void)
{
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

/* The destination is a word of its own in memory, and the upper half of one MSR. */
static void send(uint32_t destination, uint32_t command)
{
    if (apic_registers == NULL) {
        /* Unlike a store to the registers, this WRMSR may overtake earlier stores (SDM 10.12.3). */
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        wrmsr(MSR_X2APIC_FIRST + APIC_ICR / 16, (uint64_t)destination << 32 | command);
        return;
    }
    while ((apic_read(APIC_ICR) & APIC_ICR_PENDING) != 0) {
        arch_cpu_relax(); /* the last one is still on its way: microseconds at most */
    }
    apic_write(APIC_ICR_HIGH, destination << 24);
    apic_write(APIC_ICR, command);
}

void x86_apic_send(uint32_t apic_id, uint32_t command)
{
    send(apic_id, command);
}

void x86_apic_send_others(uint32_t command)
{
    send(0, command | APIC_ICR_OTHERS);
}

/* Turns this CPU's APIC on, in the mode of the boot CPU's. */
void x86_apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    uint64_t wanted = base | APIC_BASE_ENABLE | (apic_registers == NULL ? APIC_BASE_X2APIC : 0);
    if (base != wanted) {
        wrmsr(MSR_APIC_BASE, wanted);
    }
    apic_write(APIC_SPURIOUS, APIC_SPURIOUS_ENABLED);
    apic_write(APIC_LVT_LINT0, APIC_MASKED);
    if (x86_features.tsc_deadline) {
        apic_write(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | VECTOR_TIMER);
    } else {
        apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_16);
        apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    }
}

static INIT_TEXT int local_apic_init(paddr_t address)
{
    if ((cpuid(1, 0).d >> 9 & 1) == 0) {
        return -ENODEV;
    }
    if (!x86_features.x2apic) {
        address = address != 0 ? address : APIC_BASE_DEFAULT;
        apic_registers = kmap_device(address, PAGE_SIZE);
        if (apic_registers == NULL) {
            return -ENOMEM;
        }
    }
    x86_apic_init_cpu();
    boot_apic_id = apic_read(APIC_ID);
    if (!x86_features.x2apic) {
        boot_apic_id >>= 24;
    }
    return 0;
}

void arch_irq_init_cpu(void)
{
    x86_apic_init_cpu();
}

INIT_TEXT int arch_irq_init(const struct arch_irq_firmware *firmware)
{
    firmware_info = *firmware;
    ioapic_count = MIN(firmware->ioapic_count, (unsigned)ARCH_IOAPICS_MAX);
    for (unsigned i = 0; i < ioapic_count; i++) {
        ioapics[i].gsi_base = firmware->ioapics[i].gsi_base;
    }
    if (ioapic_count == 0) { /* a PC of whose firmware we know nothing */
        firmware_info.ioapics[0].address = IOAPIC_BASE_DEFAULT;
        ioapic_count = 1;
    }
    mask_pics();
    return local_apic_init(firmware->local_apic);
}

static uint32_t ioapic_read(struct ioapic *ioapic, uint32_t reg)
{
    ioapic->registers[0] = reg;
    return ioapic->registers[4];
}

static void ioapic_write(struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
    ioapic->registers[0] = reg;
    ioapic->registers[4] = value;
}

/* The I/O APIC of a line, mapped and asked for its size when it is first needed. */
static struct ioapic *ioapic_of(unsigned gsi)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        struct ioapic *ioapic = &ioapics[i];
        if (gsi < ioapic->gsi_base || gsi - ioapic->gsi_base >= 240) {
            continue;
        }
        if (ioapic->registers == NULL) {
            ioapic->registers = kmap_device(firmware_info.ioapics[i].address, PAGE_SIZE);
            if (ioapic->registers == NULL) {
                continue;
            }
        }
        if (ioapic->lines == 0) {
            ioapic->lines = (ioapic_read(ioapic, IOAPIC_VERSION) >> 16 & 0xff) + 1;
        }
        if (gsi - ioapic->gsi_base < ioapic->lines) {
            return ioapic;
        }
    }
    return NULL;
}

int arch_irq_route(unsigned gsi, unsigned trigger, unsigned vector)
{
    unsigned long flags = spin_lock_irqsave(&ioapic_lock);
    struct ioapic *ioapic = ioapic_of(gsi);
    if (ioapic != NULL) {
        uint32_t reg = IOAPIC_REDIRECT + 2 * (gsi - ioapic->gsi_base);
        ioapic_write(ioapic, reg + 1, boot_apic_id << 24);
        ioapic_write(ioapic, reg,
                     vector | ((trigger & ARCH_IRQ_LEVEL) != 0 ? IOAPIC_LEVEL : 0) |
                         ((trigger & ARCH_IRQ_LOW) != 0 ? IOAPIC_LOW : 0));
    }
    spin_unlock_irqrestore(&ioapic_lock, flags);
    return ioapic != NULL ? 0 : -ENODEV;
}

void arch_irq_mask(unsigned gsi, bool masked)
{
    unsigned long flags = spin_lock_irqsave(&ioapic_lock);
    struct ioapic *ioapic = ioapic_of(gsi);
    if (ioapic != NULL) {
        uint32_t reg = IOAPIC_REDIRECT + 2 * (gsi - ioapic->gsi_base);
        uint32_t value = ioapic_read(ioapic, reg) & ~IOAPIC_MASKED;
        ioapic_write(ioapic, reg, value | (masked ? IOAPIC_MASKED : 0));
    }
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

void arch_irq_isa(unsigned line, unsigned *gsi, unsigned *trigger)
{
    *gsi = line;
    *trigger = 0;
    for (unsigned i = 0; i < firmware_info.override_count && i < ARCH_OVERRIDES_MAX; i++) {
        if (firmware_info.overrides[i].line == line) {
            *gsi = firmware_info.overrides[i].gsi;
            *trigger = firmware_info.overrides[i].trigger;
        }
    }
}

void x86_apic_leave(void)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        for (unsigned line = 0; ioapics[i].registers != NULL && line < ioapics[i].lines; line++) {
            ioapic_write(&ioapics[i], IOAPIC_REDIRECT + 2 * line, IOAPIC_MASKED);
        }
    }
    x86_apic_send_others(APIC_ICR_INIT);
    if (x86_features.tsc_deadline) {
        wrmsr(MSR_TSC_DEADLINE, 0);
    }
    apic_write(APIC_LVT_TIMER, APIC_MASKED);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_LINT0, APIC_EXTINT);
}

/* SDM vol. 3, 11.11: message address and data formats. */
int arch_irq_message(unsigned vector, uint64_t *address, uint32_t *data)
{
    if (boot_apic_id > 255) {
        return -ENODEV;
    }
    *address = 0xfee00000ul | boot_apic_id << 12;
    *data = vector;
    return 0;
}
