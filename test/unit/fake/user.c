/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user half of the machine in port.h: programs' accesses by walking the page tables, through a
 * TLB that keeps what it saw until it is flushed.
 */
#include "kernel/arch/user.h"
#include "abi/errno.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "port.h"
#include <machine/paging.h>
#include <string.h>

#define ROOT_PADDR 0x1000ul /* the loader's page table, outside what is free */
#define TLB_SIZE   64u

unsigned fake_faults;
struct space *fake_user_space;

paddr_t x86_kernel_root(void)
{
    return ROOT_PADDR;
}
bool x86_finish_kernel_half(void)
{
    return true;
}

/* The user half. */

struct tlb_entry {
    vaddr_t va; /* 0: free */
    unsigned pcid;
    pte_t pte;
};
static struct {
    uint64_t cr3;
    struct tlb_entry tlb[TLB_SIZE];
} cpus[FAKE_CPUS_MAX] = {
    {.cr3 = ROOT_PADDR}, {.cr3 = ROOT_PADDR}, {.cr3 = ROOT_PADDR}, {.cr3 = ROOT_PADDR}};
static bool answering; /* inside x86_flush_ipi */

bool fake_pcid;
unsigned fake_ipis;

static unsigned pcid_now(void)
{
    return cpus[fake_cpu].cr3 & 0xfff;
}

paddr_t x86_read_cr3(void)
{
    return cpus[fake_cpu].cr3;
}

/* A flush that somebody has asked for comes before the page is given back. */
static void check_alive(const struct tlb_entry *entry)
{
    pte_t pte = entry->pte;
    if (entry->va != 0 && !(pte & X86_PTE_BORROWED) &&
        frame_refs(paddr_to_frame(pte & X86_PTE_ADDR)) == 0) {
        fake_die("a page was freed before it was flushed");
    }
}

void x86_write_cr3(uint64_t value)
{
    bool same = (value & ~X86_CR3_NOFLUSH) == cpus[fake_cpu].cr3;
    cpus[fake_cpu].cr3 = value & ~X86_CR3_NOFLUSH;
    for (size_t i = 0; i < TLB_SIZE; i++) {
        struct tlb_entry *entry = &cpus[fake_cpu].tlb[i];
        if (same && answering && entry->pcid == pcid_now()) {
            check_alive(entry);
        }
        if (!fake_pcid || (!(value & X86_CR3_NOFLUSH) && entry->pcid == pcid_now())) {
            entry->va = 0;
        }
    }
}

static void drop_page(vaddr_t va, bool check)
{
    for (size_t i = 0; i < TLB_SIZE; i++) {
        struct tlb_entry *entry = &cpus[fake_cpu].tlb[i];
        if (entry->va == va && entry->pcid == pcid_now()) {
            if (check) {
                check_alive(entry);
            }
            entry->va = 0;
        }
    }
}

void x86_invlpg(vaddr_t va)
{
    drop_page(va, true);
}

void x86_flush_global(void)
{
    memset(cpus[fake_cpu].tlb, 0, sizeof(cpus[fake_cpu].tlb));
}

bool x86_has_pcid(void)
{
    return fake_pcid;
}

void arch_ipi_send_mask(const struct cpumask *mask, enum arch_ipi what)
{
    if (what != ARCH_IPI_FLUSH) {
        fake_die("an IPI of an unknown kind");
    }
    unsigned self = fake_cpu;
    unsigned long irq = arch_irq_save();
    answering = true;
    cpumask_for_each (cpu, mask) {
        fake_ipis++;
        fake_on_cpu(cpu);
        x86_flush_ipi();
    }
    answering = false;
    fake_on_cpu(self);
    arch_irq_restore(irq);
}

void fake_leave(void)
{
    unsigned self = fake_cpu;
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        fake_on_cpu(cpu);
        arch_mmu_switch(NULL);
    }
    fake_on_cpu(self);
}

static pte_t walk(vaddr_t va)
{
    const pte_t *table = phys_to_virt(cpus[fake_cpu].cr3 & X86_PTE_ADDR);
    for (int shift = 39;; shift -= 9) {
        pte_t entry = table[va >> shift & 511];
        if (!(entry & X86_PTE_PRESENT) || shift == 12) {
            return entry;
        }
        table = phys_to_virt(entry & X86_PTE_ADDR);
    }
}

static bool grants(pte_t pte, unsigned access)
{
    return (pte & X86_PTE_PRESENT) && (pte & X86_PTE_USER) &&
           (!(access & SPACE_WRITE) || (pte & X86_PTE_WRITE)) &&
           (!(access & SPACE_EXEC) || !(pte & X86_PTE_NX));
}

/* Where va is in memory for this access; NULL: a page fault. */
static char *translate(vaddr_t va, unsigned access)
{
    vaddr_t page = va & ~PAGE_MASK;
    for (size_t i = 0; i < TLB_SIZE; i++) {
        const struct tlb_entry *entry = &cpus[fake_cpu].tlb[i];
        if (entry->va == page && entry->pcid == pcid_now() && grants(entry->pte, access)) {
            return (char *)phys_to_virt(entry->pte & X86_PTE_ADDR) + (va & PAGE_MASK);
        }
    }
    drop_page(page, false); /* a page fault drops what it met */
    pte_t pte = walk(page);
    if (!grants(pte, access)) {
        return NULL;
    }
    cpus[fake_cpu].tlb[fake_random() % TLB_SIZE] = (struct tlb_entry){page, pcid_now(), pte};
    return (char *)phys_to_virt(pte & X86_PTE_ADDR) + (va & PAGE_MASK);
}

static void begin_cpus(void)
{
    static bool done;
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX && !done; cpu++) {
        fake_on_cpu(cpu);
        arch_mmu_cpu_begin();
    }
    done = true;
}

static int user_access(struct space *space, vaddr_t addr, void *buf, size_t size, unsigned access)
{
    begin_cpus();
    fake_on_cpu(fake_random() % fake_cpus);
    arch_mmu_switch(&space->mmu);
    for (size_t done = 0; done < size;) {
        size_t piece = MIN(PAGE_SIZE - ((addr + done) & PAGE_MASK), size - done);
        char *bytes;
        for (unsigned tries = 0; (bytes = translate(addr + done, access)) == NULL; tries++) {
            fake_faults++;
            int error = space_fault(space, addr + done, access);
            if (error != 0) {
                return error;
            }
            if (tries > 3) {
                fake_die("a fault was said to be resolved and was not");
            }
        }
        if (access & SPACE_WRITE) {
            memcpy(bytes, (char *)buf + done, piece);
        } else {
            memcpy((char *)buf + done, bytes, piece);
        }
        done += piece;
    }
    if (fake_random() % 4 == 0) {
        arch_mmu_idle();
    }
    return 0;
}

int fake_user_read(struct space *space, vaddr_t addr, void *buf, size_t size)
{
    return user_access(space, addr, buf, size, SPACE_READ);
}

int fake_user_write(struct space *space, vaddr_t addr, const void *buf, size_t size)
{
    return user_access(space, addr, (void *)buf, size, SPACE_WRITE);
}

int fake_user_exec(struct space *space, vaddr_t addr)
{
    char byte;
    return user_access(space, addr, &byte, 1, SPACE_EXEC);
}

uint8_t fake_user_byte(struct space *space, vaddr_t addr)
{
    uint8_t byte;
    if (fake_user_read(space, addr, &byte, 1) != 0) {
        fake_die("user byte not readable");
    }
    return byte;
}

/* copy routines: partial ones move byte by byte, to find the exact place of a fault. */

size_t copy_from_user_partial(void *dst, vaddr_t src, size_t size)
{
    size_t done = 0;
    while (done < size && fake_user_read(fake_user_space, src + done, (char *)dst + done, 1) == 0) {
        done++;
    }
    return size - done;
}

size_t copy_to_user_partial(vaddr_t dst, const void *src, size_t size)
{
    size_t done = 0;
    while (done < size &&
           fake_user_write(fake_user_space, dst + done, (const char *)src + done, 1) == 0) {
        done++;
    }
    return size - done;
}

int clear_user(vaddr_t dst, size_t size)
{
    static const char zeroes[4096];
    while (size != 0) {
        size_t piece = MIN(size, sizeof(zeroes));
        if (copy_to_user_partial(dst, zeroes, piece) != 0) {
            return -EFAULT;
        }
        dst += piece;
        size -= piece;
    }
    return 0;
}
