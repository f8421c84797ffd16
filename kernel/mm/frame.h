/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Frames: pages of physical memory. A buddy allocator over the free ranges of the memory map, cut
 * into chunks that get their descriptors when they are first needed, so that the boot's cost does
 * not grow with memory. Never sleeps; any context with interrupts on or off.
 * Memory that is not the allocator's (firmware, kernel image, initramfs in place) has no usable
 * descriptor: mappings of it carry ARCH_PTE_BORROWED (kernel/arch/mmu.h) and are not counted.
 */
#include "kernel/base/panic.h"
#include "kernel/mm/physmap.h"

struct bootinfo;

struct frame {
    unsigned refs;        /* references; 0: free or part of a larger block */
    unsigned char order;  /* of the block that starts here */
    unsigned char flags;  /* private to frame.c */
    unsigned short spare; /* the holder's: enum frame_spare; 0 when allocated */
    unsigned long priv;   /* the holder's: heap, page cache; link of the free lists in frame.c */
};
static_assert(sizeof(struct frame) == 16, "a page of descriptors is for 1 MiB");

/* What holders write into `spare`, to know their frames again. Anonymous user memory: 0. */
enum frame_spare {
    FRAME_HEAP_SLAB = 1,  /* heap: priv is the struct slab */
    FRAME_HEAP_LARGE = 2, /* heap: first frame of a large allocation */
    FRAME_OBJECT = 3,     /* page of a vmo */
};

#define FRAME_MAX_ORDER 9u /* 2 MiB */

enum frame_flags {
    FRAME_ZERO = 1,   /* cleared */
    FRAME_KERNEL = 2, /* for the kernel itself: may use the last reserve */
};

/*
 * One frame, or 2^order aligned contiguous ones, with one reference; NULL when memory is out (after
 * the reclaim hook ran). A block is given back whole, by the reference of its first frame.
 */
struct frame *frame_alloc(unsigned flags);
struct frame *frame_alloc_order(unsigned order, unsigned flags);

/* Another reference to an allocated frame; the caller holds one. */
static inline void frame_get(struct frame *frame)
{
    unsigned old = __atomic_fetch_add(&frame->refs, 1, __ATOMIC_RELAXED);
    assert(old != 0);
}
/* Frees a frame, or its block, that nobody refers to any more; for frame_put. */
void frame_free(struct frame *frame);
/* Gives a reference back; the last one frees the frame (or its block). */
static inline void frame_put(struct frame *frame)
{
    unsigned old = __atomic_fetch_sub(&frame->refs, 1, __ATOMIC_ACQ_REL);
    assert(old != 0);
    if (old == 1) {
        frame_free(frame);
    }
}
/* The same for several frames: cheaper. */
void frame_put_many(struct frame *const *frames, size_t count);
/* Number of references; exact only when the caller holds what keeps others from changing it. */
static inline unsigned frame_refs(const struct frame *frame)
{
    return __atomic_load_n(&frame->refs, __ATOMIC_ACQUIRE);
}

/* paddr must be memory of the allocator's: others have no descriptor, touching it is a fault. */
static inline struct frame *paddr_to_frame(paddr_t paddr)
{
    return (struct frame *)LAYOUT_FRAMES + (paddr >> PAGE_SHIFT);
}
static inline paddr_t frame_to_paddr(const struct frame *frame)
{
    return (paddr_t)(frame - (const struct frame *)LAYOUT_FRAMES) << PAGE_SHIFT;
}
/* The frame's bytes in the direct map. */
static inline void *frame_to_virt(const struct frame *frame)
{
    return phys_to_virt(frame_to_paddr(frame));
}

struct frame_stats {
    uint64_t total_pages; /* all that the allocator was ever given */
    uint64_t free_pages;
    uint64_t reclaimed_pages; /* given back after boot (loader, init sections) */
};
void frame_get_stats(struct frame_stats *stats);

/*
 * A cleared page for a page table of the kernel half, or 0. For the port only: it may be asked for
 * while the allocator maps descriptors of its own, so the frame's descriptor must not be touched.
 */
paddr_t frame_alloc_table(void);

/*
 * Adds a hook that is called when memory is out; it gives back what can be spared and says whether
 * that was anything. Hooks run in the context of the allocation, or in an interrupt when another
 * CPU is out of memory, so they must not sleep and may take only locks that nobody allocates under,
 * with interrupts off.
 */
void frame_add_reclaim(bool (*hook)(void));
/* Calls the hooks, and gives back what this CPU keeps; false: nothing was gained. Any context. */
bool frame_reclaim(void);

/* C5: takes BOOT_MEM_FREE ranges. */
void frame_init(const struct bootinfo *info);
/* Adds memory that was in other use until now; whole pages inside [start, start+size). */
void frame_add(paddr_t start, uint64_t size);

/* Pages below 1 MiB, one after the other, for starting CPUs; 0: they are in other use. They have no
 * descriptors and go back by frame_give_low. */
paddr_t frame_take_low(unsigned pages);
void frame_give_low(paddr_t start, unsigned pages);
