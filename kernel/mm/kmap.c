/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel address space between LAYOUT_KMAP and LAYOUT_KMAP_END: in the lower part slots for kernel
 * stacks, each with an unmapped page below; in the upper part device registers, handed out upwards
 * and never taken back. Freed stacks stay mapped in a pool until memory is short.
 */
#include "kernel/mm/kmap.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define STACK_PAGES  (KSTACK_SIZE / PAGE_SIZE)
#define SLOT_SIZE    (KSTACK_SIZE + PAGE_SIZE)
#define STACKS_END   (LAYOUT_KMAP + (LAYOUT_KMAP_END - LAYOUT_KMAP) / 4)
#define SLOTS_MAX    ((STACKS_END - LAYOUT_KMAP) / SLOT_SIZE)
#define WORD_BITS    64u
#define KERNEL_WRITE (ARCH_PTE_READ | ARCH_PTE_WRITE | ARCH_PTE_GLOBAL)

/* The lowest word of a stack in the pool leads to the next one. */
struct free_stack {
    struct free_stack *next;
};

/* A bit for each slot: it cannot be had; because TLBs may still know what was unmapped there; and
 * the last flush that was begun ends that. */
struct slot_word {
    unsigned long used, stale, flushing;
};

static struct spinlock kmap_lock = SPINLOCK_INIT(LOCK_KMAP);
static struct free_stack *stack_pool; /* [kmap_lock] mapped, nobody's */
static struct slot_word first_words[4];
static struct slot_word *slot_words = first_words; /* [kmap_lock] */
static size_t slot_word_count = ARRAY_SIZE(first_words);
static bool slots_stale;                 /* [kmap_lock] */
static vaddr_t device_next = STACKS_END; /* [kmap_lock] */

static vaddr_t slot_stack(size_t slot)
{
    return LAYOUT_KMAP + slot * SLOT_SIZE + PAGE_SIZE;
}

/* Takes the lowest free slot; false: the bit map is full. REQUIRES kmap_lock. */
static bool slot_take(size_t *slot)
{
    for (size_t i = 0; i < slot_word_count; i++) {
        if (slot_words[i].used != ~0ul) {
            unsigned bit = (unsigned)__builtin_ctzl(~slot_words[i].used);
            slot_words[i].used |= 1ul << bit;
            *slot = i * WORD_BITS + bit;
            return true;
        }
    }
    return false;
}

/* The slot's pages are unmapped. */
static void slot_give(size_t slot)
{
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    slot_words[slot / WORD_BITS].stale |= 1ul << slot % WORD_BITS;
    slots_stale = true;
    spin_unlock_irqrestore(&kmap_lock, irq);
}

/* Before a flush stale slots are noted for it; after it these are free. REQUIRES kmap_lock. */
static void slots_advance(bool flushed)
{
    for (size_t i = 0; i < slot_word_count; i++) {
        struct slot_word *word = &slot_words[i];
        if (flushed) {
            word->used &= ~word->flushing;
        }
        word->flushing = flushed ? 0 : word->stale;
        word->stale = flushed ? word->stale : 0;
    }
}

/* Makes slots that were given back usable, after all TLBs have forgotten them. */
static void slots_freshen(void)
{
    static bool running; /* [kmap_lock] */
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    bool mine = slots_stale && !running;
    if (mine) {
        running = true;
        slots_stale = false;
        slots_advance(false);
    }
    spin_unlock_irqrestore(&kmap_lock, irq);
    if (mine) {
        arch_kernel_flush();
        irq = spin_lock_irqsave(&kmap_lock);
        slots_advance(true);
        running = false;
        spin_unlock_irqrestore(&kmap_lock, irq);
    }
}

/* Doubles the bit map; false: out of memory or of slots. Takes kmap_lock. */
static bool slots_grow(void)
{
    size_t count = slot_word_count * 2;
    if (count * WORD_BITS > SLOTS_MAX) {
        return false;
    }
    struct slot_word *words = kcalloc(count, sizeof(*words));
    if (words == NULL) {
        return false;
    }
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    struct slot_word *old = words;
    if (count > slot_word_count) {
        memcpy(words, slot_words, slot_word_count * sizeof(*words));
        old = slot_words;
        slot_words = words;
        slot_word_count = count;
    }
    spin_unlock_irqrestore(&kmap_lock, irq);
    if (old != first_words) {
        kfree(old);
    }
    return true;
}

/* Unmaps the first `pages` pages of a stack and frees them. */
static void stack_unmap(vaddr_t stack, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        paddr_t paddr;
        unsigned flags;
        bool mapped = arch_kernel_query(stack + i * PAGE_SIZE, &paddr, &flags);
        assert(mapped);
        arch_kernel_unmap(stack + i * PAGE_SIZE);
        frame_put(paddr_to_frame(paddr));
    }
}

static bool stack_map(vaddr_t stack)
{
    for (size_t i = 0; i < STACK_PAGES; i++) {
        struct frame *frame = frame_alloc(FRAME_KERNEL);
        if (frame == NULL ||
            arch_kernel_map(stack + i * PAGE_SIZE, frame_to_paddr(frame), KERNEL_WRITE) != 0) {
            if (frame != NULL) {
                frame_put(frame);
            }
            stack_unmap(stack, i);
            return false;
        }
    }
    return true;
}

static void *pool_take(void)
{
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    struct free_stack *stack = stack_pool;
    if (stack != NULL) {
        stack_pool = stack->next;
    }
    spin_unlock_irqrestore(&kmap_lock, irq);
    return stack;
}

void *kstack_alloc(void)
{
    void *pooled = pool_take();
    if (pooled != NULL) {
        return pooled;
    }
    slots_freshen();
    size_t slot;
    for (;;) {
        unsigned long irq = spin_lock_irqsave(&kmap_lock);
        bool taken = slot_take(&slot);
        spin_unlock_irqrestore(&kmap_lock, irq);
        if (taken) {
            break;
        }
        if (!slots_grow()) {
            return NULL;
        }
    }
    if (!stack_map(slot_stack(slot))) {
        slot_give(slot);
        return NULL;
    }
    return (void *)slot_stack(slot);
}

void kstack_free(void *stack)
{
    struct free_stack *free = stack;
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    free->next = stack_pool;
    stack_pool = free;
    spin_unlock_irqrestore(&kmap_lock, irq);
}

/* Memory is short: gives the pool's stacks back. */
static bool kstack_reclaim(void)
{
    bool any = false;
    for (vaddr_t stack; (stack = (vaddr_t)pool_take()) != 0; any = true) {
        stack_unmap(stack, STACK_PAGES);
        slot_give((stack - LAYOUT_KMAP) / SLOT_SIZE);
    }
    return any;
}

bool kstack_is_guard(vaddr_t addr)
{
    if (addr >= LAYOUT_KMAP && addr < STACKS_END) {
        return (addr - LAYOUT_KMAP) % SLOT_SIZE < PAGE_SIZE;
    }
    if (addr >= LAYOUT_BOOT_STACKS && addr < LAYOUT_BOOT_STACKS + LAYOUT_BOOT_STACKS_MAX) {
        return (addr - LAYOUT_BOOT_STACKS) % (LAYOUT_BOOT_STACK_SIZE + PAGE_SIZE) < PAGE_SIZE;
    }
    return false;
}

void *kmap_device(paddr_t paddr, size_t size)
{
    size_t offset = paddr & PAGE_MASK;
    if (size == 0 || size > LAYOUT_KMAP_END - STACKS_END - offset || paddr + size < paddr) {
        return NULL;
    }
    size_t bytes = ALIGN_UP(offset + size, PAGE_SIZE);
    unsigned long irq = spin_lock_irqsave(&kmap_lock);
    vaddr_t va = device_next;
    bool room = bytes <= LAYOUT_KMAP_END - va;
    if (room) {
        device_next += bytes;
    }
    spin_unlock_irqrestore(&kmap_lock, irq);
    if (!room) {
        return NULL;
    }
    for (size_t done = 0; done < bytes; done += PAGE_SIZE) {
        /* On failure the address space is lost: without memory for a page table the boot ends. */
        if (arch_kernel_map(va + done, paddr - offset + done, KERNEL_WRITE | ARCH_PTE_DEVICE) !=
            0) {
            return NULL;
        }
    }
    return (void *)(va + offset);
}

void kmap_init(void)
{
    frame_add_reclaim(kstack_reclaim);
}
