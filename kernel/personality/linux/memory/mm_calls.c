/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a process: brk(2), mmap(2), munmap(2), mprotect(2), mremap(2); and what hangs on a
 * Linux program's space. The work is core's (kernel/core/space.h); here are Linux's rules for
 * arguments and for rights on files.
 */
#include "kernel/arch/user.h"
#include "kernel/fs/seal.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/string.h"

enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, PROT_SEM = 8 };
#define PROT_GROWSDOWN 0x01000000u
#define PROT_GROWSUP   0x02000000u
#define PROT_ALL       7u
enum {
    MAP_SHARED = 0x01,
    MAP_PRIVATE = 0x02,
    MAP_SHARED_VALIDATE = 0x03,
    MAP_TYPE = 0x0f,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_32BIT = 0x40,
    MAP_GROWSDOWN = 0x100,
    MAP_DENYWRITE = 0x800,
    MAP_EXECUTABLE = 0x1000,
    MAP_LOCKED = 0x2000,
    MAP_NORESERVE = 0x4000,
    MAP_POPULATE = 0x8000,
    MAP_NONBLOCK = 0x10000,
    MAP_STACK = 0x20000,
    MAP_HUGETLB = 0x40000,
    MAP_SYNC = 0x80000,
    MAP_FIXED_NOREPLACE = 0x100000,
};
#define MAP_KNOWN                                                                                  \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE |            \
     MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |       \
     MAP_HUGETLB | MAP_FIXED_NOREPLACE)

#define MMAP_MIN_ADDR 0x10000ul
#define CAP_SYS_RAWIO 17
#define LOW_2GIB      0x80000000ul
#define LOW_HINT      0x40000000ul

static void file_owner_get(struct region_owner *owner)
{
    file_get(region_owner_file(owner));
}
static void file_owner_put(struct region_owner *owner)
{
    file_put(region_owner_file(owner));
}
static const struct region_owner_ops file_owner_ops = {file_owner_get, file_owner_put};

struct region_owner *file_region_owner(struct file *file)
{
    file->mapped.ops = &file_owner_ops;
    return &file->mapped;
}

struct file *region_owner_file(struct region_owner *owner)
{
    return owner != NULL && owner->ops == &file_owner_ops ? container_of(owner, struct file, mapped)
                                                          : NULL;
}

static void linux_space_release(void *personal)
{
    struct linux_space *ls = personal;
    if (ls->exe != NULL) {
        file_allow_write(ls->exe);
        file_put(ls->exe);
    }
    kfree(ls);
}

/* The program that runs is not written to while it does. The caller has denied it already. */
static void hold_exe(struct linux_space *ls, struct file *file)
{
    int error = file_deny_write(file);
    assert(error == 0);
    file_get(file);
    ls->exe = file;
}

void linux_space_set_exe(struct space *space, struct file *file)
{
    hold_exe(linux_space_of(space), file);
}

int linux_space_create(struct space *space)
{
    struct linux_space *ls = kzalloc(sizeof(*ls));
    if (ls == NULL) {
        return -ENOMEM;
    }
    mutex_init(&ls->brk_lock, LOCK_BRK);
    space->personal = ls;
    space->personal_release = linux_space_release;
    return 0;
}

int linux_space_copy(struct space *from, struct space *to)
{
    struct linux_space *old = linux_space_of(from), *ls = kmalloc(sizeof(*ls));
    if (ls == NULL) {
        to->personal = NULL;
        to->personal_release = NULL;
        return -ENOMEM;
    }
    mutex_lock(&old->brk_lock);
    memcpy(ls, old, sizeof(*ls));
    mutex_unlock(&old->brk_lock);
    mutex_init(&ls->brk_lock, LOCK_BRK);
    if (ls->exe != NULL) {
        hold_exe(ls, ls->exe);
    }
    to->personal = ls;
    to->personal_release = linux_space_release;
    return 0;
}

static unsigned prot_rights(unsigned prot)
{
    return (prot & PROT_READ ? REGION_READ : 0) | (prot & PROT_WRITE ? REGION_WRITE : 0) |
           (prot & PROT_EXEC ? REGION_EXEC : 0);
}

/* RLIMIT_AS; and RLIMIT_DATA for private writable memory is left to brk. */
bool linux_may_expand(size_t size)
{
    uint64_t limit = current_process()->limits[RLIMIT_AS].soft;
    return limit == RLIM_INFINITY ||
           space_pages(current->space) + PAGES(size) <= limit >> PAGE_SHIFT;
}

static bool brk_allowed(const struct linux_space *ls, vaddr_t brk)
{
    uint64_t limit = current_process()->limits[RLIMIT_DATA].soft;
    return limit == RLIM_INFINITY ||
           (brk - ls->brk_start) + (ls->data_end - ls->data_start) <= limit;
}

static int move_brk(struct linux_space *ls, vaddr_t brk)
{
    vaddr_t old_end = ALIGN_UP(ls->brk, PAGE_SIZE), end = ALIGN_UP(brk, PAGE_SIZE);
    if (end < old_end) {
        return space_unmap(current->space, end, old_end - end);
    }
    if (end == old_end) {
        return 0;
    }
    if (!linux_may_expand(end - old_end)) {
        return -ENOMEM;
    }
    struct space_map map = {
        .addr = old_end,
        .size = end - old_end,
        .flags = REGION_READ | REGION_WRITE | REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC |
                 REGION_HEAP,
        .fixed_noreplace = true,
    };
    vaddr_t at;
    return space_map(current->space, &map, &at);
}

LINUX_CALL1(brk, vaddr_t, brk)
{
    struct linux_space *ls = linux_space_of(current->space);
    mutex_lock(&ls->brk_lock);
    if (brk >= ls->brk_start && brk < LAYOUT_USER_END && brk_allowed(ls, brk) &&
        move_brk(ls, brk) == 0) {
        ls->brk = brk;
    }
    vaddr_t result = ls->brk;
    mutex_unlock(&ls->brk_lock);
    return (long)result;
}

struct mmap_request {
    vaddr_t addr;
    size_t size;
    unsigned prot, flags;
    uint64_t offset;
};

/* fcntl(2): SEAL_WRITE refuses any shared mapping through a descriptor that may write. */
static int sealed_rights(const struct file *file, const struct mmap_request *request,
                         unsigned *rights)
{
    unsigned seals = file_seals(file);
    if (likely(!(seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))) || !(*rights & REGION_SHARED) ||
        !(*rights & REGION_MAY_WRITE)) {
        return 0;
    }
    *rights &= ~(unsigned)REGION_MAY_WRITE;
    return (seals & SEAL_WRITE) || (request->prot & PROT_WRITE) ? -EPERM : 0;
}

/* Linux's order of checks for a mapping of a file (mm/mmap.c documents it by its errors). */
static int file_rights(struct file *file, const struct mmap_request *request, unsigned *rights)
{
    unsigned mode = __atomic_load_n(&file->flags, __ATOMIC_RELAXED) & O_ACCMODE;
    bool can_read = mode != O_WRONLY, can_write = mode != O_RDONLY;
    if (file_flags(file) & O_PATH) {
        return -EBADF;
    }
    switch (request->flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (request->flags & ~(unsigned)MAP_KNOWN) {
            return -EOPNOTSUPP;
        }
        __attribute__((fallthrough));
    case MAP_SHARED:
        if ((request->prot & PROT_WRITE) && !can_write) {
            return -EACCES;
        }
        *rights |= REGION_SHARED;
        if (!can_write) {
            *rights &= ~(unsigned)REGION_MAY_WRITE;
        }
        break;
    case MAP_PRIVATE:
        break;
    default:
        return -EINVAL;
    }
    if (!can_read) {
        return -EACCES;
    }
    if (file->ops->mmap == NULL) {
        return -ENODEV;
    }
    return request->flags & MAP_GROWSDOWN ? -EINVAL : sealed_rights(file, request, rights);
}

static int anonymous_rights(const struct mmap_request *request, struct space_map *map)
{
    switch (request->flags & MAP_TYPE) {
    case MAP_SHARED:
        if (request->flags & MAP_GROWSDOWN) {
            return -EINVAL;
        }
        map->flags |= REGION_SHARED;
        map->offset = 0;
        return vmo_create(&map->vmo);
    case MAP_PRIVATE:
        if (request->flags & MAP_GROWSDOWN) {
            map->flags |= REGION_GROWS_DOWN;
        }
        map->offset = 0;
        return 0;
    default:
        return -EINVAL;
    }
}

static int check_place(struct mmap_request *request)
{
    if (request->size == 0) {
        return -EINVAL;
    }
    if (request->size > LAYOUT_USER_END || request->offset + request->size < request->offset) {
        return request->size > LAYOUT_USER_END ? -ENOMEM : -EOVERFLOW;
    }
    request->size = ALIGN_UP(request->size, PAGE_SIZE);
    if (request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (request->addr > LAYOUT_USER_END - request->size) {
            return -ENOMEM;
        }
        if (request->addr & PAGE_MASK) {
            return -EINVAL;
        }
        if (request->addr < MMAP_MIN_ADDR && !linux_capable(CAP_SYS_RAWIO)) {
            return -EPERM;
        }
    } else {
        request->addr = ALIGN_DOWN(request->addr, PAGE_SIZE);
        if (request->addr != 0 && request->addr < MMAP_MIN_ADDR) {
            request->addr = MMAP_MIN_ADDR;
        }
    }
    return linux_may_expand(request->size) ? 0 : -ENOMEM;
}

static int place(struct space_map *map, unsigned flags, vaddr_t *at)
{
    if ((flags & MAP_32BIT) && !map->fixed && !map->fixed_noreplace) {
        if (map->addr == 0 || map->addr + map->size > LOW_2GIB) {
            map->addr = LOW_HINT;
        }
        int result = space_map(current->space, map, at);
        if (result == 0 && *at + map->size > LOW_2GIB) {
            (void)space_unmap(current->space, *at, map->size);
            result = -ENOMEM;
        }
        return result;
    }
    return space_map(current->space, map, at);
}

static long do_mmap(struct mmap_request *request, struct file *file)
{
    int result = check_place(request);
    if (result != 0) {
        return result;
    }
    struct space_map map = {
        .addr = request->addr,
        .size = request->size,
        .flags = prot_rights(request->prot) | REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC |
                 (request->flags & MAP_NORESERVE ? REGION_NORESERVE : 0),
        .fixed = (request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED,
        .fixed_noreplace = (request->flags & MAP_FIXED_NOREPLACE) != 0,
        .offset = request->offset,
    };
    if (file == NULL) {
        result = anonymous_rights(request, &map);
    } else {
        result = file_rights(file, request, &map.flags);
        if (result == 0) {
            map.owner = file_region_owner(file);
            result = file->ops->mmap(file, map.offset, map.size, map.flags, &map.vmo);
        }
    }
    if (result != 0) {
        return result;
    }
    vaddr_t at = 0;
    result = place(&map, request->flags, &at);
    if (map.vmo != NULL) {
        vmo_put(map.vmo);
    }
    if (result == 0 && (request->flags & (MAP_POPULATE | MAP_LOCKED)) &&
        !(request->flags & MAP_NONBLOCK)) {
        space_populate(current->space, at, request->size);
    }
    return result == 0 ? (long)at : result;
}

LINUX_CALL6(mmap, vaddr_t, addr, size_t, size, unsigned, prot, unsigned, flags, int, fd, uint64_t,
            offset)
{
    struct mmap_request request = {addr, size, prot, flags, offset};
    if (offset & PAGE_MASK) {
        return -EINVAL;
    }
    if (flags & MAP_ANONYMOUS) {
        if (flags & MAP_HUGETLB) {
            return -ENOMEM;
        }
        return do_mmap(&request, NULL);
    }
    struct file *file = fd_get(fd);
    if (file == NULL) {
        return -EBADF;
    }
    long result = flags & MAP_HUGETLB ? -EINVAL : do_mmap(&request, file);
    file_put(file);
    return result;
}

LINUX_CALL2(munmap, vaddr_t, addr, size_t, size)
{
    if ((addr & PAGE_MASK) || size > LAYOUT_USER_END || addr > LAYOUT_USER_END - size ||
        size == 0) {
        return -EINVAL;
    }
    return space_unmap(current->space, addr, ALIGN_UP(size, PAGE_SIZE));
}

LINUX_CALL3(mprotect, vaddr_t, addr, size_t, size, unsigned, prot)
{
    if ((prot & (PROT_GROWSDOWN | PROT_GROWSUP)) == (PROT_GROWSDOWN | PROT_GROWSUP) ||
        (addr & PAGE_MASK)) {
        return -EINVAL;
    }
    if (size == 0) {
        return 0;
    }
    size_t whole = ALIGN_UP(size, PAGE_SIZE);
    if (whole == 0 || addr + whole <= addr) {
        return -ENOMEM;
    }
    if (prot & ~(PROT_ALL | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)) {
        return -EINVAL;
    }
    if (addr > LAYOUT_USER_END - MIN(whole, LAYOUT_USER_END)) {
        return -ENOMEM;
    }
    return space_protect(current->space, addr, whole, prot_rights(prot));
}

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };

LINUX_CALL5(mremap, vaddr_t, addr, size_t, old_size, size_t, new_size, unsigned, flags, vaddr_t,
            new_addr)
{
    vaddr_t at = 0;
    if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) ||
        ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) || (addr & PAGE_MASK)) {
        return -EINVAL;
    }
    new_size = ALIGN_UP(new_size, PAGE_SIZE);
    old_size = ALIGN_UP(old_size, PAGE_SIZE);
    if (new_size == 0 || new_size > LAYOUT_USER_END) {
        return -EINVAL;
    }
    if (old_size > LAYOUT_USER_END || addr > LAYOUT_USER_END - old_size) {
        return -EFAULT;
    }
    if (flags & MREMAP_FIXED) {
        if ((new_addr & PAGE_MASK) || new_addr > LAYOUT_USER_END - new_size ||
            (new_addr < addr + old_size && addr < new_addr + new_size)) {
            return -EINVAL;
        }
    } else if (new_size > old_size && !linux_may_expand(new_size - old_size)) {
        return -ENOMEM;
    }
    struct space_remap remap = {.old = addr,
                                .old_size = old_size,
                                .new_size = new_size,
                                .may_move = (flags & MREMAP_MAYMOVE) != 0,
                                .fixed = flags & MREMAP_FIXED ? new_addr : 0};
    int result = space_remap(current->space, &remap, &at);
    return result == 0 ? (long)at : result;
}
