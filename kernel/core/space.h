/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Address spaces: regions (ranges with one set of rights over one memory object, or anonymous) in a
 * tree, and page tables filled by faults. Private pages are shared copy-on-write by fork: a frame
 * with more than one reference is copied before it is written.
 * All calls may sleep and take the space's lock themselves, unless they say otherwise.
 */
#include "kernel/arch/mmu.h"
#include "kernel/base/refcount.h"
#include "kernel/core/rwlock.h"
#include "kernel/core/vmo.h"
#include "lib/list.h"
#include "lib/tree.h"

/* The lowest address that is ever mapped, so that NULL with an offset faults; as vm.mmap_min_addr.
 */
#define SPACE_MIN_ADDR 0x10000ul
/* What is left free below a stack that may grow; as Linux's stack_guard_gap. */
#define SPACE_STACK_GUARD 0x100000ul

enum region_flags {
    REGION_READ = 1,
    REGION_WRITE = 2,
    REGION_EXEC = 4,
    REGION_SHARED = 8,      /* writes go to the object */
    REGION_GROWS_DOWN = 16, /* stack: a fault below extends it, up to space->stack_limit */
    REGION_MAY_WRITE = 32,  /* space_protect may add REGION_WRITE */
    REGION_MAY_EXEC = 64,
    REGION_MAY_READ = 128,
    REGION_STACK = 256, /* for /proc: [stack] */
    REGION_HEAP = 512,  /* [heap] */
    REGION_VDSO = 1024,
    REGION_DONT_FORK = 2048,
    REGION_WIPE_ON_FORK = 4096,
    REGION_NORESERVE = 8192,
};
#define REGION_RIGHTS (REGION_READ | REGION_WRITE | REGION_EXEC)

/* The holder of what is mapped, so that a region can name it (the file); counted by get and put. */
struct region_owner {
    const struct region_owner_ops *ops;
};
struct region_owner_ops {
    void (*get)(struct region_owner *owner);
    void (*put)(struct region_owner *owner);
};

struct gather;

struct region {
    RB_ENTRY(region) link; /* [space->lock], by start */
    vaddr_t start, end;    /* [space->lock] page aligned */
    unsigned flags;        /* [space->lock] enum region_flags */
    struct vmo *vmo;       /* NULL: anonymous private */
    uint64_t offset;       /* of start in vmo, page aligned */
    struct region_owner *owner;
    struct list vmo_link; /* [vmo's lock] */
    unsigned vmo_pass;    /* [vmo's lock] last pass over the vmo's regions that has seen this one */
    struct space *space;
};

struct space {
    struct refcount refs;
    /* For reading: to look at regions, and to fill in pages (space_fault.c), of which several may
     * try to fill in the same. For writing: all else. What readers write, too, comes first. */
    struct rwmutex lock;
    uint64_t resident_pages;             /* atomic: counted pages in the tables */
    uint64_t minor_faults, major_faults; /* atomic */
    struct region *last_found;           /* atomic: by the last look-up, or NULL */
    struct arch_mmu mmu;
    RB_HEAD(region_tree, region) tree; /* [lock] */
    unsigned region_count;             /* [lock] */
    struct gather *later;              /* [lock] by who writes: flushes that he does at his end */
    vaddr_t mmap_top;                  /* where unhinted mappings are placed downwards from */
    /* [lock] Every gap between gap_hint and gap_top is smaller than gap_size; gap_top is the
     * mmap_top that this was found out with. */
    vaddr_t gap_hint, gap_top;
    size_t gap_size;
    uint64_t virtual_pages;                   /* [lock], read without */
    uint64_t peak_resident_pages;             /* atomic: before the last decrease */
    uint64_t stack_limit;                     /* atomic: bytes a GROWS_DOWN region may reach */
    void *personal;                           /* the personality's */
    void (*personal_release)(void *personal); /* or NULL: called by the last space_put, may sleep */
};

/* The largest number of resident pages so far. */
static inline uint64_t space_peak_pages(const struct space *space)
{
    uint64_t now = __atomic_load_n(&space->resident_pages, __ATOMIC_RELAXED);
    return MAX(now, __atomic_load_n(&space->peak_resident_pages, __ATOMIC_RELAXED));
}

/* What it has mapped, as it is or was a moment ago. */
static inline uint64_t space_pages(const struct space *space)
{
    return __atomic_load_n(&space->virtual_pages, __ATOMIC_RELAXED);
}

/* An empty space: -ENOMEM. The caller gets a reference. */
int space_create(struct space **out);
void space_get(struct space *space);
/* The last reference unmaps everything. */
void space_put(struct space *space);
/* A copy with private memory shared copy-on-write: -ENOMEM. */
int space_fork(struct space *parent, struct space **out);

struct space_map {
    vaddr_t addr;         /* hint, or with `fixed` the place; page aligned */
    size_t size;          /* > 0; rounded up */
    unsigned flags;       /* REGION_* */
    bool fixed;           /* exactly there: what is mapped there is replaced */
    bool fixed_noreplace; /* exactly there, or -EEXIST */
    struct vmo *vmo;      /* NULL: anonymous; a reference is taken */
    uint64_t offset;
    struct region_owner *owner; /* or NULL; a reference is taken */
};
/* Maps; the place goes to *addr. -ENOMEM (no room, or too many regions), -EINVAL, -EEXIST. */
int space_map(struct space *space, const struct space_map *map, vaddr_t *addr);
/* Unmaps whatever lies in the range: -EINVAL, -ENOMEM (a split needs a region). */
int space_unmap(struct space *space, vaddr_t addr, size_t size);
/* Unmaps all that is left of one object's mapping that began with its first byte at addr, if its
 * owner has these ops: as shmdt(2). -EINVAL: there is none. */
int space_unmap_owned(struct space *space, vaddr_t addr, const struct region_owner_ops *ops);
/* Changes rights (REGION_READ/WRITE/EXEC bits of rights): -ENOMEM for holes, -EACCES by MAY bits.
 */
int space_protect(struct space *space, vaddr_t addr, size_t size, unsigned rights);
/* Moves or resizes a mapping as mremap(2); the place goes to *out. */
struct space_remap {
    vaddr_t old;
    size_t old_size, new_size;
    bool may_move;
    vaddr_t fixed; /* where to, replacing what is there; or 0 */
};
int space_remap(struct space *space, const struct space_remap *remap, vaddr_t *out);
/* madvise(MADV_DONTNEED): drops private pages; -ENOMEM for holes. */
int space_discard(struct space *space, vaddr_t addr, size_t size);
/* Fills in pages ahead of use (MAP_POPULATE); best effort. */
void space_populate(struct space *space, vaddr_t addr, size_t size);

enum space_access {
    SPACE_READ = 1,
    SPACE_WRITE = 2,
    SPACE_EXEC = 4,
    SPACE_FORCE = 8, /* space_access: whatever the rights are now, as ptrace */
};
/*
 * Resolves a page fault. 0: try the access again. -EFAULT: nothing mapped there (SEGV_MAPERR),
 * -EACCES: not with these rights (SEGV_ACCERR), -ENXIO: beyond the object's end (SIGBUS),
 * -ENOMEM: out of memory.
 */
int space_fault(struct space *space, vaddr_t addr, unsigned access);

/* Copies from (SPACE_READ) or to (SPACE_WRITE; buf, in the kernel, NULL: zeroes) another space's
 * memory as it is mapped there, for exec, ptrace, /proc/PID/mem, cmdline: bytes copied. */
size_t space_access(struct space *space, vaddr_t addr, void *buf, size_t size, unsigned access);

/* Drops the mappings of the vmo's pages [first, last]; with `copies` also private copies of them.
 * For the vmo, when pages are taken away. */
void space_unmap_object(struct space *space, struct vmo *vmo, uint64_t first, uint64_t last,
                        bool copies);

/* The region that holds addr or the next above it, or NULL. REQUIRES space->lock. */
struct region *space_find_locked(struct space *space, vaddr_t addr);
struct region *space_next_locked(struct region *region);
