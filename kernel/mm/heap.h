/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel heap: caches of objects of one size over frames (a slab allocator), and kmalloc over a
 * row of such caches; above 2 KiB whole frames. Never sleeps. All results are 16-byte
 * aligned; those of caches whose object size is a multiple of 64 are 64-byte aligned.
 * Every allocation can fail: NULL.
 */
#include <stdbool.h>
#include <stddef.h>

void *kmalloc(size_t size);
void *kzalloc(size_t size);               /* cleared */
void *kcalloc(size_t count, size_t size); /* cleared; NULL on overflow of count * size */
void *krealloc(void *old, size_t size);   /* old may be NULL; on failure old stays */
void kfree(const void *ptr);              /* NULL is allowed */
char *kstrdup(const char *s);
size_t kmalloc_size(const void *ptr); /* usable bytes */

struct heap_stats {
    size_t bytes_used;   /* handed out */
    size_t bytes_frames; /* frames held */
};
void heap_get_stats(struct heap_stats *stats);

/* One of the caches, for /proc/slabinfo: false: there are not so many. */
struct heap_cache_stats {
    const char *name;
    size_t object_size, objects_per_slab, pages_per_slab;
    size_t objects_used, slabs;
};
bool heap_get_cache_stats(unsigned index, struct heap_cache_stats *stats);

/* A cache for objects of one type of up to 8 KiB, created at init (takes no memory: never fails).
 */
struct cache;
struct cache *cache_create(const char *name, size_t size);
void *cache_alloc(struct cache *cache); /* contents undefined */
void cache_free(struct cache *cache, void *object);

/* C5, after frame_init. */
void heap_init(void);
