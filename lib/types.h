/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The few types and macros that everything uses. Freestanding. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not by <assert.h>: that would take the name `assert` from kernel/base/panic.h. */
#ifndef static_assert
#define static_assert _Static_assert
#endif

typedef uint64_t paddr_t;   /* physical address */
typedef uintptr_t vaddr_t;  /* virtual address */
typedef int64_t ssize_type; /* a size, or a negative errno */

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)

/* Not from <limits.h>: gcc's brings the host's PATH_MAX and friends along. */
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#define INT_MIN (-INT_MAX - 1)
#endif

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, align)              (((x) + ((__typeof__(x))(align)-1)) & ~((__typeof__(x))(align)-1))
#define ALIGN_DOWN(x, align)            ((x) & ~((__typeof__(x))(align)-1))
#define IS_ALIGNED(x, align)            (((x) & ((__typeof__(x))(align)-1)) == 0)
#define PAGES(bytes)                    (((bytes) + PAGE_MASK) >> PAGE_SHIFT)
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
