/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking about mapped memory and advising on it: msync(2), mincore(2), madvise(2), and mlock(2)
 * with its kin, which have little to do because nothing is ever swapped out.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"

/* Walks whole regions of the range, with the space locked: -ENOMEM when there is a hole. */
static int check_mapped(vaddr_t addr, vaddr_t end)
{
    struct space *space = current->space;
    int result = 0;
    rw_read_lock(&space->lock);
    struct region *region = space_find_locked(space, addr);
    while (addr < end) {
        if (region == NULL || region->start > addr) {
            result = -ENOMEM;
            break;
        }
        addr = region->end;
        region = space_next_locked(region);
    }
    rw_read_unlock(&space->lock);
    return result;
}

enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };

/* Shared pages are the file's own pages: there is nothing to write back. */
LINUX_CALL3(msync, vaddr_t, addr, size_t, size, unsigned, flags)
{
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & PAGE_MASK) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC))) {
        return -EINVAL;
    }
    vaddr_t end = addr + ALIGN_UP(size, PAGE_SIZE);
    if (end < addr) {
        return -ENOMEM;
    }
    return end == addr ? 0 : check_mapped(addr, end);
}

/* Whether a page is in memory: mapped by the tables, or held by the object. REQUIRES space->lock.
 */
static bool is_resident(struct space *space, struct region *region, vaddr_t addr)
{
    pte_t *entry;
    struct vmo_page page;
    if (arch_mmu_leaf(&space->mmu, addr, addr + PAGE_SIZE, false, &entry) > 0 && entry != NULL &&
        arch_pte_present(*entry)) {
        return true;
    }
    if (region->vmo == NULL ||
        !vmo_find_page(region->vmo, (region->offset + (addr - region->start)) >> PAGE_SHIFT,
                       &page)) {
        return false;
    }
    if (!page.borrowed) {
        frame_put(paddr_to_frame(page.paddr));
    }
    return true;
}

#define MINCORE_BATCH 256

static int mincore_batch(vaddr_t addr, size_t pages, unsigned char *out)
{
    struct space *space = current->space;
    int result = 0;
    rw_read_lock(&space->lock);
    struct region *region = space_find_locked(space, addr);
    for (size_t i = 0; i < pages && result == 0; i++, addr += PAGE_SIZE) {
        if (region != NULL && addr >= region->end) {
            region = space_next_locked(region);
        }
        if (region == NULL || addr < region->start) {
            result = -ENOMEM;
        } else {
            out[i] = is_resident(space, region, addr);
        }
    }
    rw_read_unlock(&space->lock);
    return result;
}

LINUX_CALL3(mincore, vaddr_t, addr, size_t, size, vaddr_t, vec)
{
    unsigned char bytes[MINCORE_BATCH];
    if (addr & PAGE_MASK) {
        return -EINVAL;
    }
    if (addr >= LAYOUT_USER_END || size > LAYOUT_USER_END - addr) {
        return -ENOMEM;
    }
    size_t pages = PAGES(size);
    while (pages > 0) {
        size_t n = MIN(pages, (size_t)MINCORE_BATCH);
        int result = mincore_batch(addr, n, bytes);
        if (result == 0) {
            result = copy_to_user(vec, bytes, n);
        }
        if (result != 0) {
            return result;
        }
        addr += n * PAGE_SIZE;
        vec += n;
        pages -= n;
    }
    return 0;
}

enum madvise_advice {
    MADV_NORMAL = 0,
    MADV_RANDOM = 1,
    MADV_SEQUENTIAL = 2,
    MADV_WILLNEED = 3,
    MADV_DONTNEED = 4,
    MADV_FREE = 8,
    MADV_REMOVE = 9,
    MADV_DONTFORK = 10,
    MADV_DOFORK = 11,
    MADV_MERGEABLE = 12,
    MADV_UNMERGEABLE = 13,
    MADV_HUGEPAGE = 14,
    MADV_NOHUGEPAGE = 15,
    MADV_DONTDUMP = 16,
    MADV_DODUMP = 17,
    MADV_WIPEONFORK = 18,
    MADV_KEEPONFORK = 19,
    MADV_COLD = 20,
    MADV_PAGEOUT = 21,
    MADV_POPULATE_READ = 22,
    MADV_POPULATE_WRITE = 23,
};

/* Flags are set on whole regions that lie in the range; a range inside one is left alone, which is
 * allowed for advice. */
static int mark_regions(vaddr_t addr, vaddr_t end, unsigned set, unsigned clear)
{
    struct space *space = current->space;
    rw_write_lock(&space->lock);
    for (struct region *region = space_find_locked(space, addr);
         region != NULL && region->start < end; region = space_next_locked(region)) {
        if (region->start >= addr && region->end <= end) {
            region->flags = (region->flags | set) & ~clear;
        }
    }
    rw_write_unlock(&space->lock);
    return 0;
}

static long advise(vaddr_t addr, vaddr_t end, int advice)
{
    int mapped = check_mapped(addr, end);
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
        return mapped;
    case MADV_WILLNEED:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        if (mapped == 0) {
            space_populate(current->space, addr, end - addr);
        }
        return mapped;
    case MADV_DONTNEED:
    case MADV_FREE:
        return space_discard(current->space, addr, end - addr);
    case MADV_DONTFORK:
        return mapped != 0 ? mapped : mark_regions(addr, end, REGION_DONT_FORK, 0);
    case MADV_DOFORK:
        return mapped != 0 ? mapped : mark_regions(addr, end, 0, REGION_DONT_FORK);
    case MADV_WIPEONFORK:
        return mapped != 0 ? mapped : mark_regions(addr, end, REGION_WIPE_ON_FORK, 0);
    case MADV_KEEPONFORK:
        return mapped != 0 ? mapped : mark_regions(addr, end, 0, REGION_WIPE_ON_FORK);
    default:
        return -EINVAL;
    }
}

LINUX_CALL3(madvise, vaddr_t, addr, size_t, size, int, advice)
{
    bool known = advice >= 0 && advice <= MADV_POPULATE_WRITE && advice != MADV_REMOVE &&
                 advice != MADV_MERGEABLE && advice != MADV_UNMERGEABLE &&
                 !(advice > MADV_DONTNEED && advice < MADV_FREE);
    size_t whole = ALIGN_UP(size, PAGE_SIZE);
    if (!known || (addr & PAGE_MASK) || (size != 0 && whole == 0) || addr + whole < addr) {
        return -EINVAL;
    }
    if (whole == 0) {
        return 0;
    }
    if (addr + whole > LAYOUT_USER_END) {
        return -ENOMEM;
    }
    return advise(addr, addr + whole, advice);
}

enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };
#define MLOCK_ONFAULT 1
#define CAP_IPC_LOCK  14

/* A size that wraps when it is rounded up is none, as on Linux. */
static vaddr_t range_end(vaddr_t addr, size_t size)
{
    return ALIGN_DOWN(addr, PAGE_SIZE) + ALIGN_UP(size + (addr & PAGE_MASK), PAGE_SIZE);
}

/* The pages are made now; they stay anyhow. */
static long lock_range(vaddr_t addr, size_t size, bool populate)
{
    uint64_t limit = current_process()->limits[RLIMIT_MEMLOCK].soft;
    vaddr_t start = ALIGN_DOWN(addr, PAGE_SIZE), end = range_end(addr, size);
    if (limit == 0 && !linux_capable(CAP_IPC_LOCK)) {
        return -EPERM;
    }
    if (end < start) {
        return -EINVAL;
    }
    if (end - start > limit && !linux_capable(CAP_IPC_LOCK)) {
        return -ENOMEM;
    }
    if (end == start) {
        return 0;
    }
    if (end > LAYOUT_USER_END || check_mapped(start, end) != 0) {
        return -ENOMEM;
    }
    if (populate) {
        space_populate(current->space, start, end - start);
    }
    return 0;
}

LINUX_CALL2(mlock, vaddr_t, addr, size_t, size)
{
    return lock_range(addr, size, true);
}

LINUX_CALL3(mlock2, vaddr_t, addr, size_t, size, unsigned, flags)
{
    return flags & ~(unsigned)MLOCK_ONFAULT ? -EINVAL : lock_range(addr, size, flags == 0);
}

LINUX_CALL2(munlock, vaddr_t, addr, size_t, size)
{
    vaddr_t start = ALIGN_DOWN(addr, PAGE_SIZE), end = range_end(addr, size);
    if (end < start) {
        return -EINVAL;
    }
    return end == start ? 0 : end > LAYOUT_USER_END ? -ENOMEM : check_mapped(start, end);
}

LINUX_CALL1(mlockall, int, flags)
{
    uint64_t limit = current_process()->limits[RLIMIT_MEMLOCK].soft;
    if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 ||
        flags == MCL_ONFAULT) {
        return -EINVAL;
    }
    if (linux_capable(CAP_IPC_LOCK)) {
        return 0;
    }
    return limit == 0                                                                   ? -EPERM
           : (flags & MCL_CURRENT) && space_pages(current->space) > limit >> PAGE_SHIFT ? -ENOMEM
                                                                                        : 0;
}

LINUX_CALL0(munlockall)
{
    return 0;
}
