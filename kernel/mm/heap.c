/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slab allocator. A slab is a block of frames cut into objects of one size; the descriptor of
 * each of its frames leads to it, so that kfree needs nothing but the pointer. Every CPU has a list
 * of free objects for each cache, filled from and drained to the slabs in batches. kmalloc picks
 * one of a row of caches by size; above the largest, blocks of frames are handed out.
 */
#include "kernel/mm/heap.h"
#include "kernel/base/init.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/frame.h"
#include "lib/list.h"
#include "lib/string.h"

#define MAX_CACHES 48u
#define ALIGNMENT  16u
#define MAX_SMALL  2048u
#define MAX_OBJECT 8192u /* of a cache */
#define MAX_LARGE  (PAGE_SIZE << FRAME_MAX_ORDER)
/* Objects above this size have their slab's header elsewhere, so as not to spoil the division. */
#define MAX_INSIDE  512u
#define HEADER_SIZE 64u /* keeps sizes that are multiples of 64 aligned to 64 */
#define EMPTY_KEPT  1u

struct object {
    struct object *next;
};

struct slab {
    struct list link; /* [cache lock] in partial or empty, unlinked when full */
    struct cache *cache;
    char *base;
    struct object *free; /* [cache lock] given back */
    unsigned fresh;      /* [cache lock] objects from this one on were never handed out */
    unsigned used;       /* [cache lock] handed out, or in a CPU's list */
};
static_assert(sizeof(struct slab) <= HEADER_SIZE, "the header is followed by objects");

/* Aligned, so that the locks of two are not in one cache line. */
struct cache {
    const char *name;
    unsigned size, count; /* of an object; objects in a slab */
    unsigned char index;  /* in percpu(lists) */
    unsigned char order;  /* of a slab */
    unsigned char batch;
    bool inside; /* the header is in the slab */
    struct spinlock lock;
    struct list partial, empty; /* [lock] */
    unsigned empty_count;       /* [lock] */
    size_t used, slabs;         /* [lock] objects out of the slabs; slabs */
} __attribute__((aligned(64)));

/* Free objects of one cache on one CPU; touched by that CPU alone with interrupts off. */
struct cpu_list {
    struct object *head;
    size_t count;
};
PERCPU(struct cpu_list, cpu_lists[MAX_CACHES]);

static struct cache caches[MAX_CACHES]; /* made at init */
static unsigned cache_count;
PERCPU(size_t, large_bytes); /* atomic: handed out less given back here; only the sum is a number */

/* kmalloc's caches, and which one serves a size, in units of 16 bytes. */
static const unsigned short class_sizes[] = {16,  32,  48,  64,  96,   128,  192,
                                             256, 384, 512, 768, 1024, 1536, 2048};
static const unsigned char class_of[MAX_SMALL / ALIGNMENT + 1] = {
    [0 ... 1] = 0,    [2] = 1,          [3] = 2,          [4] = 3,          [5 ... 6] = 4,
    [7 ... 8] = 5,    [9 ... 12] = 6,   [13 ... 16] = 7,  [17 ... 24] = 8,  [25 ... 32] = 9,
    [33 ... 48] = 10, [49 ... 64] = 11, [65 ... 96] = 12, [97 ... 128] = 13};
static struct cache *const class_caches = caches; /* the first ones */

static unsigned order_for(size_t size)
{
    return size <= PAGE_SIZE ? 0 : 64u - (unsigned)__builtin_clzl((size - 1) >> PAGE_SHIFT);
}

/* Slabs. All REQUIRE the cache's lock unless they say otherwise. */

/* Makes a slab; does not need the lock. */
static struct slab *slab_create(struct cache *cache)
{
    struct frame *frame = frame_alloc_order(cache->order, FRAME_KERNEL);
    if (frame == NULL) {
        return NULL;
    }
    char *base = frame_to_virt(frame);
    struct slab *slab = cache->inside ? (struct slab *)(void *)base : kmalloc(sizeof(*slab));
    if (slab == NULL) {
        frame_put(frame);
        return NULL;
    }
    *slab = (struct slab){.cache = cache, .base = cache->inside ? base + HEADER_SIZE : base};
    for (unsigned i = 0; i < 1u << cache->order; i++) {
        frame[i].spare = FRAME_HEAP_SLAB;
        frame[i].priv = (unsigned long)slab;
    }
    return slab;
}

/* Does not need the lock. */
static void slab_destroy(struct slab *slab)
{
    struct cache *cache = slab->cache;
    struct frame *frame = paddr_to_frame(virt_to_phys(slab->base) & ~PAGE_MASK);
    if (!cache->inside) {
        kfree(slab);
    }
    frame_put(frame);
}

static struct object *slab_take(struct slab *slab)
{
    struct object *object = slab->free;
    if (object != NULL) {
        slab->free = object->next;
    } else {
        object = (void *)(slab->base + (size_t)slab->fresh++ * slab->cache->size);
    }
    slab->used++;
    return object;
}

static bool slab_is_full(const struct slab *slab)
{
    return slab->used == slab->cache->count;
}

/* Moves up to a batch from the slabs at hand to the CPU's list. */
static void take_batch(struct cache *cache, struct cpu_list *list)
{
    while (list->count < cache->batch) {
        if (list_empty(&cache->partial)) {
            if (list_empty(&cache->empty)) {
                return;
            }
            struct slab *slab = list_first(&cache->empty, struct slab, link);
            list_del(&slab->link);
            list_add(&cache->partial, &slab->link);
            cache->empty_count--;
        }
        struct slab *slab = list_first(&cache->partial, struct slab, link);
        while (list->count < cache->batch && !slab_is_full(slab)) {
            struct object *object = slab_take(slab);
            object->next = list->head;
            list->head = object;
            list->count++;
            cache->used++;
        }
        if (slab_is_full(slab)) {
            list_del_init(&slab->link);
        }
    }
}

/* Fills this CPU's empty list; false: no memory. Interrupts are off. */
static bool list_refill(struct cache *cache, struct cpu_list *list)
{
    spin_lock(&cache->lock);
    take_batch(cache, list);
    spin_unlock(&cache->lock);
    if (list->count != 0) {
        return true;
    }
    struct slab *slab = slab_create(cache);
    if (slab == NULL) {
        return false;
    }
    spin_lock(&cache->lock);
    list_add(&cache->partial, &slab->link);
    cache->slabs++;
    take_batch(cache, list);
    spin_unlock(&cache->lock);
    return true;
}

static struct slab *slab_of(const void *ptr)
{
    struct frame *frame = paddr_to_frame(virt_to_phys(ptr));
    assert(frame->spare == FRAME_HEAP_SLAB);
    return (struct slab *)frame->priv;
}

/* Puts an object back into its slab; returns the slab if it is to be destroyed. */
static struct slab *object_return(struct cache *cache, struct object *object)
{
    struct slab *slab = slab_of(object);
    if (slab_is_full(slab)) {
        list_add(&cache->partial, &slab->link);
    }
    object->next = slab->free;
    slab->free = object;
    slab->used--;
    cache->used--;
    if (slab->used != 0) {
        return NULL;
    }
    list_del(&slab->link);
    if (cache->empty_count < EMPTY_KEPT) {
        list_add(&cache->empty, &slab->link);
        cache->empty_count++;
        return NULL;
    }
    cache->slabs--;
    return slab;
}

/* Gives objects of this CPU's list back until `keep` are left. Interrupts are off. */
static void list_drain(struct cache *cache, struct cpu_list *list, size_t keep)
{
    struct list unused = LIST_INIT(unused);
    struct slab *slab, *next;
    spin_lock(&cache->lock);
    while (list->count > keep) {
        struct object *object = list->head;
        list->head = object->next;
        list->count--;
        slab = object_return(cache, object);
        if (slab != NULL) {
            list_add(&unused, &slab->link);
        }
    }
    spin_unlock(&cache->lock);
    list_for_each_safe (slab, next, &unused, link) {
        slab_destroy(slab);
    }
}

void *cache_alloc(struct cache *cache)
{
    unsigned long irq = arch_irq_save();
    struct cpu_list *list = &percpu(cpu_lists)[cache->index];
    if (unlikely(list->head == NULL) && !list_refill(cache, list)) {
        arch_irq_restore(irq);
        return NULL;
    }
    struct object *object = list->head;
    list->head = object->next;
    list->count--;
    arch_irq_restore(irq);
    return object;
}

void cache_free(struct cache *cache, void *ptr)
{
    struct object *object = ptr;
    unsigned long irq = arch_irq_save();
    struct cpu_list *list = &percpu(cpu_lists)[cache->index];
    object->next = list->head;
    list->head = object;
    if (unlikely(++list->count > 2u * cache->batch)) {
        list_drain(cache, list, cache->batch);
    }
    arch_irq_restore(irq);
}

static void cache_setup(struct cache *cache, const char *name, size_t size)
{
    cache->name = name;
    cache->size = (unsigned)ALIGN_UP(MAX(size, ALIGNMENT), ALIGNMENT);
    cache->index = (unsigned char)(cache - caches);
    cache->inside = cache->size <= MAX_INSIDE;
    cache->order = cache->inside ? 0 : cache->size <= 1024 ? 2 : 3;
    size_t room = (PAGE_SIZE << cache->order) - (cache->inside ? HEADER_SIZE : 0);
    cache->count = (unsigned)(room / cache->size);
    cache->batch = (unsigned char)(cache->inside ? 8 : 4);
    spin_init(&cache->lock, LOCK_HEAP_CACHE);
    list_init(&cache->partial);
    list_init(&cache->empty);
}

struct cache *cache_create(const char *name, size_t size)
{
    assert(cache_count < MAX_CACHES && size <= MAX_OBJECT);
    struct cache *cache = &caches[cache_count++];
    cache_setup(cache, name, size);
    return cache;
}

/* Above MAX_SMALL: whole frames. */

static void *large_alloc(size_t size)
{
    if (size > MAX_LARGE) {
        return NULL;
    }
    unsigned order = order_for(size);
    struct frame *frame = frame_alloc_order(order, FRAME_KERNEL);
    if (frame == NULL) {
        return NULL;
    }
    frame->spare = FRAME_HEAP_LARGE;
    __atomic_fetch_add(&percpu(large_bytes), PAGE_SIZE << order, __ATOMIC_RELAXED);
    return frame_to_virt(frame);
}

static void large_free(struct frame *frame)
{
    assert(frame->spare == FRAME_HEAP_LARGE);
    __atomic_fetch_sub(&percpu(large_bytes), PAGE_SIZE << frame->order, __ATOMIC_RELAXED);
    frame_put(frame);
}

void *kmalloc(size_t size)
{
    if (unlikely(size > MAX_SMALL)) {
        return large_alloc(size);
    }
    return cache_alloc(&class_caches[class_of[(size + ALIGNMENT - 1) / ALIGNMENT]]);
}

void *kzalloc(size_t size)
{
    void *ptr = kmalloc(size);
    if (ptr != NULL) {
        memset(ptr, 0, size);
    }
    return ptr;
}

void *kcalloc(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : kzalloc(bytes);
}

void kfree(const void *ptr)
{
    if (ptr == NULL) {
        return;
    }
    struct frame *frame = paddr_to_frame(virt_to_phys(ptr));
    if (unlikely(frame->spare != FRAME_HEAP_SLAB)) {
        large_free(frame);
        return;
    }
    cache_free(((struct slab *)frame->priv)->cache, (void *)ptr);
}

size_t kmalloc_size(const void *ptr)
{
    const struct frame *frame = paddr_to_frame(virt_to_phys(ptr));
    if (frame->spare == FRAME_HEAP_SLAB) {
        return ((const struct slab *)frame->priv)->cache->size;
    }
    assert(frame->spare == FRAME_HEAP_LARGE);
    return PAGE_SIZE << frame->order;
}

void *krealloc(void *old, size_t size)
{
    if (old == NULL) {
        return kmalloc(size);
    }
    size_t have = kmalloc_size(old);
    if (size <= have) {
        return old;
    }
    void *ptr = kmalloc(size);
    if (ptr != NULL) {
        memcpy(ptr, old, have);
        kfree(old);
    }
    return ptr;
}

char *kstrdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = kmalloc(size);
    if (copy != NULL) {
        memcpy(copy, s, size);
    }
    return copy;
}

/* Objects that are neither in a slab nor in a CPU's list. REQUIRES the cache's lock; other CPUs may
 * be giving and taking meanwhile. */
static size_t used_locked(const struct cache *cache)
{
    size_t used = cache->used;
    percpu_for_each(cpu)
    {
        used -= __atomic_load_n(&percpu_of(cpu, cpu_lists)[cache->index].count, __ATOMIC_RELAXED);
    }
    return used;
}

bool heap_get_cache_stats(unsigned index, struct heap_cache_stats *stats)
{
    if (index >= cache_count) {
        return false;
    }
    struct cache *cache = &caches[index];
    unsigned long irq = spin_lock_irqsave(&cache->lock);
    *stats = (struct heap_cache_stats){.name = cache->name,
                                       .object_size = cache->size,
                                       .objects_per_slab = cache->count,
                                       .pages_per_slab = 1ul << cache->order,
                                       .objects_used = used_locked(cache),
                                       .slabs = cache->slabs};
    spin_unlock_irqrestore(&cache->lock, irq);
    return true;
}

void heap_get_stats(struct heap_stats *stats)
{
    size_t large = 0;
    percpu_for_each(cpu)
    {
        large += __atomic_load_n(&percpu_of(cpu, large_bytes), __ATOMIC_RELAXED);
    }
    *stats = (struct heap_stats){.bytes_used = large, .bytes_frames = large};
    for (unsigned i = 0; i < cache_count; i++) {
        struct cache *cache = &caches[i];
        unsigned long irq = spin_lock_irqsave(&cache->lock);
        stats->bytes_used += used_locked(cache) * cache->size;
        stats->bytes_frames += cache->slabs * (PAGE_SIZE << cache->order);
        spin_unlock_irqrestore(&cache->lock, irq);
    }
}

/* Memory is short: gives back what this CPU and the slabs do not need. */
static bool heap_reclaim(void)
{
    bool any = false;
    for (unsigned i = cache_count; i-- > 0;) {
        struct cache *cache = &caches[i];
        unsigned long irq = arch_irq_save();
        list_drain(cache, &percpu(cpu_lists)[i], 0);
        spin_lock(&cache->lock);
        struct slab *slab = NULL;
        if (!list_empty(&cache->empty)) {
            slab = list_first(&cache->empty, struct slab, link);
            list_del(&slab->link);
            cache->empty_count--;
            cache->slabs--;
        }
        spin_unlock(&cache->lock);
        if (slab != NULL) {
            slab_destroy(slab);
            any = true;
        }
        arch_irq_restore(irq);
    }
    return any;
}

INIT_TEXT void heap_init(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(class_sizes); i++) {
        cache_create("kmalloc", class_sizes[i]);
    }
    frame_add_reclaim(heap_reclaim);
}
