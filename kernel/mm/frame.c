/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy allocator. Memory comes in as ranges of which only the bounds are kept; when the free
 * lists run dry, the next 2 MiB chunk of a range gets its descriptors, on pages of its own, and
 * goes into the lists. A block of 2^n frames is aligned to its size; its buddy is in the same
 * chunk, so that its descriptor is there as well. Single frames go through a small stack per CPU.
 */
#include "kernel/mm/frame.h"
#include "abi/bootinfo.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/init.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "lib/string.h"

#define CHUNK_SIZE       (PAGE_SIZE << FRAME_MAX_ORDER)
#define CHUNK_DESC_PAGES (sizeof(struct frame) << FRAME_MAX_ORDER >> PAGE_SHIFT)
/* What describing a chunk takes at most: its descriptors and three page tables. */
#define CARVE_NEED (CHUNK_DESC_PAGES + 3)
/* Such pages come from one block for several chunks, so that the other chunks stay whole. */
#define CARVE_ORDER  5u
#define CARVE_SMALL  3u
#define SMALL_MEMORY 0x2000u /* pages */
#define MAX_RANGES   256u
#define MAX_HOOKS    8u
/* The links of the free lists are 32-bit frame numbers. */
#define MAX_PADDR   MIN(LAYOUT_DIRECT_MAP_MAX, 1ul << (32 + PAGE_SHIFT))
#define LOW_MEMORY  0x100000ul

#define CACHE_MAX   32u /* frames in a CPU's stack */
#define CACHE_BATCH 16u
#define CACHE_ORDER 4u

enum { FRAME_IS_FREE = 1 }; /* flags: first frame of a block in the lists */

struct range {
    paddr_t start, end;
};

static struct {
    struct spinlock lock;
    unsigned nonempty;                   /* [lock] bit n: list n has blocks */
    uint32_t first[FRAME_MAX_ORDER + 1]; /* [lock] frame number of a list's first block; 0: none */
    uint64_t free_pages;                 /* [lock] in the lists */
    uint64_t lazy_pages;                 /* [lock] in ranges without descriptors */
    uint64_t total_pages, added_pages;   /* [lock] */
    uint64_t reserve_pages;              /* [lock] left to FRAME_KERNEL */
    unsigned range_next, range_count;    /* [lock] ranges not used up: [next, count) */
    struct range ranges[MAX_RANGES];     /* [lock] */
    bool started;                        /* constant after frame_init */
    struct range carve;                  /* [lock] set aside for descriptors and their tables */
    struct frame_cache *caches;          /* [lock] of the CPUs that have used theirs */
    unsigned hook_count;                 /* hooks are added at init only */
    bool (*hooks[MAX_HOOKS])(void);
} zone = {.lock = SPINLOCK_INIT(LOCK_FRAME)};

/* Free single frames of one CPU; touched by that CPU alone with interrupts off. */
struct frame_cache {
    unsigned count;
    bool known; /* in zone.caches */
    struct frame_cache *next;
    struct frame *stack[CACHE_MAX];
};
PERCPU(struct frame_cache, frame_cache);

/* This CPU maps descriptors and holds zone.lock: frame_alloc_table takes pages of zone.carve. */
PERCPU(bool, frame_describing);

static struct frame *frame_of(uint32_t number)
{
    return (struct frame *)LAYOUT_FRAMES + number;
}

static uint32_t number_of(const struct frame *frame)
{
    return (uint32_t)(frame - (const struct frame *)LAYOUT_FRAMES);
}

/* The lists. A free block's priv holds the numbers of the next (low half) and previous block. */

static void list_push(struct frame *frame, unsigned order)
{
    uint32_t number = number_of(frame), next = zone.first[order];
    frame->order = (unsigned char)order;
    frame->flags = FRAME_IS_FREE;
    frame->priv = next;
    if (next != 0) {
        frame_of(next)->priv |= (unsigned long)number << 32;
    }
    zone.first[order] = number;
    zone.nonempty |= 1u << order;
}

static void list_remove(struct frame *frame, unsigned order)
{
    uint32_t next = (uint32_t)frame->priv, prev = (uint32_t)(frame->priv >> 32);
    if (next != 0) {
        frame_of(next)->priv = (uint32_t)frame_of(next)->priv | (unsigned long)prev << 32;
    }
    if (prev != 0) {
        frame_of(prev)->priv = (frame_of(prev)->priv & ~0xfffffffful) | next;
    } else {
        zone.first[order] = next;
        if (next == 0) {
            zone.nonempty &= ~(1u << order);
        }
    }
    frame->flags = 0;
}

/* Puts a block into the lists, joined with its buddies as far as they are free. */
static void block_free(struct frame *frame, unsigned order)
{
    uint32_t number = number_of(frame);
    zone.free_pages += 1u << order;
    while (order < FRAME_MAX_ORDER) {
        struct frame *buddy = frame_of(number ^ (1u << order));
        if (!(buddy->flags & FRAME_IS_FREE) || buddy->order != order) {
            break;
        }
        list_remove(buddy, order);
        number &= ~(1u << order);
        order++;
    }
    list_push(frame_of(number), order);
}

static void blocks_add(paddr_t start, paddr_t end)
{
    while (start < end) {
        uint64_t number = start >> PAGE_SHIFT, left = (end - start) >> PAGE_SHIFT;
        unsigned order = MIN((unsigned)__builtin_ctzl(number), FRAME_MAX_ORDER);
        while (1ul << order > left) {
            order--;
        }
        block_free(paddr_to_frame(start), order);
        start += PAGE_SIZE << order;
    }
}

static struct frame *block_take(unsigned order);

static bool chunk_has_descriptors(paddr_t paddr)
{
    paddr_t where;
    unsigned flags;
    return arch_kernel_query((vaddr_t)paddr_to_frame(paddr), &where, &flags);
}

static paddr_t carve_page(void)
{
    assert(zone.carve.start < zone.carve.end);
    paddr_t page = zone.carve.start;
    zone.carve.start += PAGE_SIZE;
    memset(phys_to_virt(page), 0, PAGE_SIZE);
    return page;
}

/* Sees to it that zone.carve has enough for a chunk, out of the free lists or else of the piece,
 * the start of which moves then; false: there is not enough. What was left before is added to the
 * piece's memory by the caller. */
static bool carve_refill(struct range *piece)
{
    unsigned order = zone.total_pages < SMALL_MEMORY ? CARVE_SMALL : CARVE_ORDER;
    paddr_t start;
    if (zone.nonempty >> order != 0) {
        start = frame_to_paddr(block_take(order));
    } else if (piece->end - piece->start >= PAGE_SIZE << order) {
        start = piece->start;
        piece->start += PAGE_SIZE << order;
    } else {
        return false;
    }
    zone.carve = (struct range){start, start + (PAGE_SIZE << order)};
    return true;
}

/* Gives the chunk of a piece its descriptors; the piece may get smaller. False: not worth it. */
static bool chunk_describe(struct range *piece)
{
    vaddr_t desc = (vaddr_t)paddr_to_frame(ALIGN_DOWN(piece->start, CHUNK_SIZE));
    struct range left = zone.carve;
    bool enough = left.end - left.start >= CARVE_NEED * PAGE_SIZE;
    if (piece->end - piece->start < CARVE_NEED * PAGE_SIZE || (!enough && !carve_refill(piece))) {
        return false;
    }
    percpu(frame_describing) = true;
    for (unsigned i = 0; i < CHUNK_DESC_PAGES; i++) {
        int error = arch_kernel_map(desc + i * PAGE_SIZE, carve_page(),
                                    ARCH_PTE_READ | ARCH_PTE_WRITE | ARCH_PTE_GLOBAL);
        assert(error == 0);
    }
    percpu(frame_describing) = false;
    if (!enough) {
        blocks_add(left.start, left.end);
    }
    return true;
}

/* A piece of memory that does not cross a chunk's border goes into the lists. */
static void piece_add(paddr_t start, paddr_t end)
{
    struct range piece = {start, end};
    if (!chunk_has_descriptors(start) && !chunk_describe(&piece)) {
        zone.total_pages -= (end - start) >> PAGE_SHIFT;
        return;
    }
    blocks_add(piece.start, piece.end);
}

/* Moves the next piece of a range into the lists; false: there is none. */
static bool chunk_next(void)
{
    if (zone.range_next == zone.range_count) {
        return false;
    }
    struct range *range = &zone.ranges[zone.range_next];
    paddr_t start = range->start;
    paddr_t end = MIN(range->end, ALIGN_DOWN(start, CHUNK_SIZE) + CHUNK_SIZE);
    range->start = end;
    if (end == range->end) {
        zone.range_next++;
    }
    zone.lazy_pages -= (end - start) >> PAGE_SHIFT;
    piece_add(start, end);
    return true;
}

/* Takes a block out of the lists, or NULL. */
static struct frame *block_take(unsigned order)
{
    while (zone.nonempty >> order == 0) {
        if (!chunk_next()) {
            return NULL;
        }
    }
    unsigned from = order + (unsigned)__builtin_ctz(zone.nonempty >> order);
    struct frame *frame = frame_of(zone.first[from]);
    list_remove(frame, from);
    while (from > order) {
        from--;
        list_push(frame + (1u << from), from);
    }
    zone.free_pages -= 1u << order;
    return frame;
}

static bool may_take(uint64_t pages, unsigned flags)
{
    uint64_t reserve = flags & FRAME_KERNEL ? 0 : zone.reserve_pages;
    return zone.free_pages + zone.lazy_pages >= reserve + pages;
}

/* Fills this CPU's empty stack by a batch, from the smallest blocks there are; false: no memory.
 * Interrupts are off. */
static bool cache_refill(struct frame_cache *cache, unsigned flags)
{
    spin_lock(&zone.lock);
    if (!cache->known) {
        cache->known = true;
        cache->next = zone.caches;
        zone.caches = cache;
    }
    while (cache->count < CACHE_BATCH && may_take(1u << CACHE_ORDER, flags)) {
        if (zone.nonempty == 0 && !chunk_next()) {
            break;
        }
        unsigned order = (unsigned)__builtin_ctz(zone.nonempty | 1u << CACHE_ORDER);
        struct frame *frame = block_take(order);
        if (frame == NULL) {
            break;
        }
        for (unsigned i = 1u << order; i-- > 0;) {
            cache->stack[cache->count++] = frame + i;
        }
    }
    if (cache->count == 0 && may_take(1, flags)) {
        struct frame *frame = block_take(0);
        if (frame != NULL) {
            cache->stack[cache->count++] = frame;
        }
    }
    spin_unlock(&zone.lock);
    return cache->count != 0;
}

/* Gives the `count` frames that lie longest in this CPU's stack back. Interrupts are off. */
static void cache_drain(struct frame_cache *cache, unsigned count)
{
    spin_lock(&zone.lock);
    for (unsigned i = 0; i < count; i++) {
        block_free(cache->stack[i], 0);
    }
    spin_unlock(&zone.lock);
    cache->count -= count;
    memmove(cache->stack, cache->stack + count, cache->count * sizeof(cache->stack[0]));
}

bool frame_reclaim(void)
{
    bool gained = false;
    for (unsigned i = 0; i < zone.hook_count; i++) {
        gained |= zone.hooks[i]();
    }
    unsigned long irq = arch_irq_save();
    struct frame_cache *cache = &percpu(frame_cache);
    if (cache->count != 0) {
        cache_drain(cache, cache->count);
        gained = true;
    }
    arch_irq_restore(irq);
    return gained;
}

static struct frame *block_alloc(unsigned order, unsigned flags)
{
    unsigned long irq = spin_lock_irqsave(&zone.lock);
    struct frame *frame = may_take(1ul << order, flags) ? block_take(order) : NULL;
    spin_unlock_irqrestore(&zone.lock, irq);
    return frame;
}

static struct frame *frame_prepare(struct frame *frame, unsigned order, unsigned flags)
{
    frame->refs = 1;
    frame->order = (unsigned char)order;
    frame->flags = 0;
    frame->spare = 0;
    if (flags & FRAME_ZERO) {
        memset(frame_to_virt(frame), 0, PAGE_SIZE << order);
    }
    return frame;
}

/* From the lists, with all that can be done for it. */
static struct frame *alloc_slow(unsigned order, unsigned flags)
{
    struct frame *frame = block_alloc(order, flags);
    if (unlikely(frame == NULL) && frame_reclaim()) {
        frame = block_alloc(order, flags);
    }
    return frame != NULL ? frame_prepare(frame, order, flags) : NULL;
}

struct frame *frame_alloc_order(unsigned order, unsigned flags)
{
    assert(order <= FRAME_MAX_ORDER);
    return order == 0 ? frame_alloc(flags) : alloc_slow(order, flags);
}

struct frame *frame_alloc(unsigned flags)
{
    unsigned long irq = arch_irq_save();
    struct frame_cache *cache = &percpu(frame_cache);
    if (unlikely(cache->count == 0) && !cache_refill(cache, flags)) {
        arch_irq_restore(irq);
        return alloc_slow(0, flags);
    }
    struct frame *frame = cache->stack[--cache->count];
    arch_irq_restore(irq);
    return frame_prepare(frame, 0, flags);
}

paddr_t frame_alloc_table(void)
{
    if (percpu(frame_describing)) {
        return carve_page();
    }
    struct frame *frame = frame_alloc(FRAME_ZERO | FRAME_KERNEL);
    return frame != NULL ? frame_to_paddr(frame) : 0;
}

/* True when the reference given back was the last one. */
static bool drop_reference(struct frame *frame)
{
    /* The only holder needs no atomic operation: nobody else can take a reference now. */
    if (__atomic_load_n(&frame->refs, __ATOMIC_ACQUIRE) == 1) {
        frame->refs = 0;
        return true;
    }
    unsigned old = __atomic_fetch_sub(&frame->refs, 1, __ATOMIC_ACQ_REL);
    assert(old != 0);
    return old == 1;
}

/* Interrupts are off. */
static void frame_give(struct frame *frame)
{
    if (unlikely(frame->order != 0)) {
        spin_lock(&zone.lock);
        block_free(frame, frame->order);
        spin_unlock(&zone.lock);
        return;
    }
    struct frame_cache *cache = &percpu(frame_cache);
    if (unlikely(cache->count == CACHE_MAX)) {
        cache_drain(cache, CACHE_BATCH);
    }
    cache->stack[cache->count++] = frame;
}

void frame_free(struct frame *frame)
{
    unsigned long irq = arch_irq_save();
    frame_give(frame);
    arch_irq_restore(irq);
}

void frame_put_many(struct frame *const *frames, size_t count)
{
    unsigned long irq = arch_irq_save();
    for (size_t i = 0; i < count; i++) {
        if (drop_reference(frames[i])) {
            frame_give(frames[i]);
        }
    }
    arch_irq_restore(irq);
}

void frame_get_stats(struct frame_stats *stats)
{
    unsigned long irq = spin_lock_irqsave(&zone.lock);
    stats->total_pages = zone.total_pages;
    stats->reclaimed_pages = zone.added_pages;
    stats->free_pages = zone.free_pages + zone.lazy_pages;
    for (struct frame_cache *cache = zone.caches; cache != NULL; cache = cache->next) {
        stats->free_pages += __atomic_load_n(&cache->count, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&zone.lock, irq);
}

void frame_add_reclaim(bool (*hook)(void))
{
    assert(zone.hook_count < MAX_HOOKS);
    zone.hooks[zone.hook_count++] = hook;
}

static void reserve_update(void)
{
    zone.reserve_pages = MAX(16u, MIN(zone.total_pages / 128, 256u));
}

/* Whole pages of a range that the allocator can manage, without page 0: a frame number 0 ends the
 * lists. */
static struct range range_clip(paddr_t start, uint64_t size, paddr_t limit)
{
    paddr_t end = size > limit || start > limit - size ? limit : start + size;
    start = MAX(start, PAGE_SIZE);
    if (start >= end) {
        return (struct range){0, 0};
    }
    return (struct range){ALIGN_UP(start, PAGE_SIZE), ALIGN_DOWN(end, PAGE_SIZE)};
}

/* Keeps a range for later; what does not fit into the table goes into the lists at once. */
static void range_add(struct range range)
{
    uint64_t pages = range.start < range.end ? (range.end - range.start) >> PAGE_SHIFT : 0;
    if (pages == 0) {
        return;
    }
    zone.total_pages += pages;
    struct range *last = zone.range_next < zone.range_count ? &zone.ranges[zone.range_count - 1]
                                                            : NULL;
    if (last != NULL && last->end == range.start) {
        last->end = range.end; /* pages often come back one by one */
        zone.lazy_pages += pages;
        return;
    }
    if (zone.range_count < MAX_RANGES) {
        zone.ranges[zone.range_count++] = range;
        zone.lazy_pages += pages;
        return;
    }
    while (range.start < range.end) {
        paddr_t end = MIN(range.end, ALIGN_DOWN(range.start, CHUNK_SIZE) + CHUNK_SIZE);
        piece_add(range.start, end);
        range.start = end;
    }
}

/* What lies beside memory in use joins it now; the rest is used when it is needed. REQUIRES
 * zone.lock. */
static void add_locked(struct range range)
{
    while (range.start < range.end && chunk_has_descriptors(range.start)) {
        paddr_t end = MIN(range.end, ALIGN_DOWN(range.start, CHUNK_SIZE) + CHUNK_SIZE);
        zone.total_pages += (end - range.start) >> PAGE_SHIFT;
        blocks_add(range.start, end);
        range.start = end;
    }
    range_add(range);
    reserve_update();
}

void frame_add(paddr_t start, uint64_t size)
{
    struct range range = range_clip(start, size, MAX_PADDR);
    if (range.start >= range.end) {
        return;
    }
    unsigned long irq = spin_lock_irqsave(&zone.lock);
    zone.added_pages += (range.end - range.start) >> PAGE_SHIFT;
    add_locked(range);
    spin_unlock_irqrestore(&zone.lock, irq);
}

paddr_t frame_take_low(unsigned pages)
{
    paddr_t start = 0;
    unsigned long irq = spin_lock_irqsave(&zone.lock);
    for (unsigned i = zone.range_next; start == 0 && i < zone.range_count; i++) {
        struct range *range = &zone.ranges[i];
        if (range->end <= LOW_MEMORY && range->end - range->start >= pages * PAGE_SIZE) {
            start = range->start;
            range->start += pages * PAGE_SIZE;
            zone.lazy_pages -= pages;
        }
    }
    spin_unlock_irqrestore(&zone.lock, irq);
    return start;
}

void frame_give_low(paddr_t start, unsigned pages)
{
    unsigned long irq = spin_lock_irqsave(&zone.lock);
    zone.total_pages -= pages;
    add_locked((struct range){start, start + pages * PAGE_SIZE});
    spin_unlock_irqrestore(&zone.lock, irq);
}

/* Memory below 1 MiB is used last: starting other CPUs needs a page of it. */
INIT_TEXT void frame_init(const struct bootinfo *info)
{
    assert(!zone.started);
    zone.started = true;
    const struct boot_range *ranges = phys_to_virt(info->ranges);
    paddr_t limit = MIN(info->direct_map_size, MAX_PADDR);
    for (int low = 0; low < 2; low++) {
        for (uint32_t i = 0; i < info->range_count; i++) {
            if (ranges[i].type != BOOT_MEM_FREE) {
                continue;
            }
            struct range range = range_clip(ranges[i].start, ranges[i].size, limit);
            if (low) {
                range.end = MIN(range.end, LOW_MEMORY);
            } else {
                range.start = MAX(range.start, LOW_MEMORY);
            }
            range_add(range);
        }
    }
    reserve_update();
}
