/* SPDX-License-Identifier: BSD-2-Clause */
/* See port.h. */
#include "port.h"
#include "abi/bootinfo.h"
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/core/rwlock.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_MAX 0x100000000ul
#define INFO_PADDR 0x2000ul

unsigned fake_cpu;
unsigned fake_cpus = FAKE_CPUS_MAX;
bool fake_irqs_off;
int fake_preempt_count;
struct thread *fake_current = (struct thread *)0x1000;
unsigned fake_kernel_maps, fake_kernel_tables;

static int memory_fd;
static uint64_t kernel_table_seen[64]; /* 2 MiB regions that have a table */

/* The end of everything. */

_Noreturn void fake_die(const char *what)
{
    fprintf(stderr, "fake machine: %s\n", what);
    abort();
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

_Noreturn void panic(const char *fmt, ...)
{
    fake_die(fmt);
}

_Noreturn void boot_fail(const char *fmt, ...)
{
    fake_die(fmt);
}

void log_printf(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

/* One CPU: a spinlock that is waited for is never released. */
void spin_wait(struct spinlock *lock)
{
    spin_wait_irq(lock, 0);
}
void spin_wait_irq(struct spinlock *lock, unsigned long flags)
{
    (void)lock, (void)flags;
    fake_die("deadlock: a spinlock that this CPU holds is taken again");
}

/* CPUs. */

static struct {
    void *variable, *copies[FAKE_CPUS_MAX];
} percpu_copies[64];

void *fake_percpu(unsigned cpu, void *variable, size_t size)
{
    size_t i = 0;
    while (percpu_copies[i].variable != variable) {
        if (percpu_copies[i].variable == NULL) {
            percpu_copies[i].variable = variable;
            for (unsigned c = 0; c < FAKE_CPUS_MAX; c++) {
                percpu_copies[i].copies[c] = aligned_alloc(64, ALIGN_UP(size, 64));
                memset(percpu_copies[i].copies[c], 0, size);
            }
        } else if (++i == ARRAY_SIZE(percpu_copies)) {
            fake_die("too many per-CPU variables");
        }
    }
    return percpu_copies[i].copies[cpu];
}

void fake_on_cpu(unsigned cpu)
{
    fake_cpu = cpu;
}

/* Locks. */

void mutex_setup(struct mutex *mutex)
{
    mutex->word = 0;
}

void mutex_lock(struct mutex *mutex)
{
    if (fake_preempt_count != 0 || fake_irqs_off) {
        fake_die("mutex_lock where sleeping is not allowed");
    }
    if (mutex->word != 0) {
        fake_die("deadlock: a mutex is taken again");
    }
    mutex->word = (uintptr_t)fake_current;
}

void mutex_lock_nested(struct mutex *mutex)
{
    mutex_lock(mutex);
}

void mutex_unlock(struct mutex *mutex)
{
    if (mutex->word != (uintptr_t)fake_current) {
        fake_die("mutex_unlock by somebody else");
    }
    mutex->word = 0;
}

void rw_setup(struct rwmutex *rw)
{
    rw->state = 0;
    list_init(&rw->readers.entries);
}

/* The quick way fails only when the lock is held: by the test itself. */
void rw_read_slow(struct rwmutex *rw)
{
    (void)rw;
    fake_die("deadlock: a mutex for readers and writers is taken again");
}

void rw_write_slow(struct rwmutex *rw)
{
    (void)rw;
    fake_die("deadlock: a mutex for readers and writers is taken again");
}

void rw_wake(struct rwmutex *rw, bool written)
{
    (void)rw;
    (void)written;
    fake_die("nobody can be waiting");
}

bool fake_is_calm(void)
{
    return fake_preempt_count == 0 && !fake_irqs_off;
}

/* The kernel half: pages of the memory file at their addresses. A table is taken for every 2 MiB,
 * as the real code does. */

static void *kernel_pages(vaddr_t va, size_t size, paddr_t paddr, int prot)
{
    void *at = mmap((void *)va, size, prot, MAP_SHARED | MAP_FIXED, memory_fd, (off_t)paddr);
    if (at == MAP_FAILED) {
        fake_die("mmap");
    }
    return at;
}

static struct {
    vaddr_t va;
    paddr_t paddr;
} kernel_map[16384];

int arch_kernel_map(vaddr_t va, paddr_t paddr, unsigned flags)
{
    size_t region = 0;
    while (region < ARRAY_SIZE(kernel_table_seen) && kernel_table_seen[region] != 0 &&
           kernel_table_seen[region] != va >> 21) {
        region++;
    }
    if (region < ARRAY_SIZE(kernel_table_seen) && kernel_table_seen[region] == 0) {
        if (frame_alloc_table() == 0) {
            return -ENOMEM;
        }
        fake_kernel_tables++;
        kernel_table_seen[region] = va >> 21;
    }
    if (!(flags & ARCH_PTE_DEVICE)) {
        kernel_pages(va, PAGE_SIZE, paddr, PROT_READ | PROT_WRITE);
    }
    size_t slot = 0;
    while (kernel_map[slot].va != 0) {
        if (kernel_map[slot].va == va) {
            fake_die("mapped twice");
        }
        if (++slot == ARRAY_SIZE(kernel_map)) {
            fake_die("too many kernel mappings");
        }
    }
    kernel_map[slot].va = va;
    kernel_map[slot].paddr = paddr;
    fake_kernel_maps++;
    return 0;
}

void arch_kernel_unmap(vaddr_t va)
{
    for (size_t i = 0; i < ARRAY_SIZE(kernel_map); i++) {
        if (kernel_map[i].va == va) {
            kernel_map[i].va = 1;
            mmap((void *)va, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            return;
        }
    }
    fake_die("unmapped what was not mapped");
}

/* For tests without tlb.c. */
__attribute__((weak)) void arch_kernel_flush(void)
{
}

bool arch_kernel_query(vaddr_t va, paddr_t *paddr, unsigned *flags)
{
    for (size_t i = 0; i < ARRAY_SIZE(kernel_map) && kernel_map[i].va != 0; i++) {
        if (kernel_map[i].va == (va & ~PAGE_MASK)) {
            *paddr = kernel_map[i].paddr;
            *flags = ARCH_PTE_READ | ARCH_PTE_WRITE;
            return true;
        }
    }
    return false;
}

/* Memory. */

static struct frame **hoard;
static size_t hoard_count;

void fake_hoard(size_t leave_pages)
{
    hoard = malloc(sizeof(*hoard) * (MEMORY_MAX / PAGE_SIZE));
    hoard_count = 0;
    unsigned self = fake_cpu;
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        struct frame *frame;
        fake_on_cpu(cpu);
        while ((frame = frame_alloc(FRAME_KERNEL)) != NULL) {
            hoard[hoard_count++] = frame;
        }
    }
    fake_on_cpu(self);
    for (size_t i = 0; i < leave_pages && hoard_count != 0; i++) {
        frame_put(hoard[--hoard_count]);
    }
}

void fake_release(void)
{
    frame_put_many(hoard, hoard_count);
    free(hoard);
    hoard = NULL;
}

void fake_start(const struct fake_range *ranges)
{
    memory_fd = memfd_create("memory", 0);
    if (memory_fd < 0 || ftruncate(memory_fd, MEMORY_MAX) != 0) {
        fake_die("memfd");
    }
    kernel_pages(LAYOUT_DIRECT_MAP, MEMORY_MAX, 0, PROT_READ | PROT_WRITE);
    struct bootinfo *info = phys_to_virt(INFO_PADDR);
    struct boot_range *out = (struct boot_range *)(info + 1);
    *info = (struct bootinfo){.magic = BOOTINFO_MAGIC, .direct_map_size = MEMORY_MAX};
    info->ranges = virt_to_phys(out);
    for (; ranges->size != 0; ranges++, out++) {
        *out = (struct boot_range){ranges->start, ranges->size, BOOT_MEM_FREE, 0};
        info->range_count++;
        /* Memory is not clear; only its first part is dirtied, to spare the host. */
        paddr_t end = MIN(ranges->start + ranges->size, MIN(0x4000000ul, MEMORY_MAX));
        if (ranges->start < end && ranges->start >= 0x10000) {
            memset(phys_to_virt(ranges->start), 0xa5, end - ranges->start);
        }
    }
    frame_init(info);
}

void fake_start_small(void)
{
    static const struct fake_range ranges[] = {
        {0x10000, 0x8f000}, {0x100000, 0x100000}, {0x2a3000, 0x3d5d000}, {0, 0}};
    fake_start(ranges);
    heap_init();
    kmap_init();
}

static uint32_t random_state = 12345;

void fake_seed(uint32_t seed)
{
    random_state = seed * 2654435761u + 1;
}

uint32_t fake_random(void)
{
    /* xorshift (Marsaglia, "Xorshift RNGs", 2003). */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}
