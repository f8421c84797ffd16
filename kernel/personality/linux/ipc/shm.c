/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared memory segments: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is a memory object; a
 * region that maps it has the segment as its owner, and regions are what shm_nattch counts. So
 * fork, exec and exit need nothing of their own.
 */
#include "kernel/personality/linux/ipc/shm.h"
#include "kernel/arch/user.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/ipc.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"

enum shm_flag {
    SHM_HUGETLB = 04000,
    SHM_RDONLY = 010000,
    SHM_RND = 020000,
    SHM_REMAP = 040000,
    SHM_EXEC = 0100000,
};
/* In a segment's mode. */
enum { SHM_DEST = 01000, SHM_LOCKED = 02000 };
enum shm_command { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
#define CAP_IPC_LOCK 14

struct shm_segment {
    struct ipc_object object; /* first */
    struct region_owner mapped;
    struct vmo *vmo;        /* counted */
    size_t size;            /* constant */
    int32_t name_key;       /* constant: that it was made with */
    unsigned long attached; /* [shm_table.lock], as those below: regions and calls of shmat */
    int64_t attach_time, detach_time;
    int creator, last;
};

static struct ipc_table shm_table = IPC_TABLE_INIT(shm_table);
static uint64_t shm_pages; /* [shm_table.lock] of all segments */

uint64_t linux_shm_max = UINT64_MAX - (1ul << 24), linux_shm_all = UINT64_MAX - (1ul << 24);
struct linux_sysctl linux_shm_sets = {4096, 0, IPC_SLOTS_MAX};

static struct shm_segment *segment_of(struct ipc_object *object)
{
    return (struct shm_segment *)object;
}

static uint64_t segment_pages(const struct shm_segment *segment)
{
    return PAGES(segment->size);
}

/* One that nobody can find any more. */
static void segment_free(struct shm_segment *segment)
{
    shm_pages -= segment_pages(segment);
    vmo_put(segment->vmo);
    kfree(segment);
}

static void segment_discard(struct ipc_object *object)
{
    segment_free(segment_of(object));
}

/* The segment may be gone afterwards. REQUIRES the lock. */
static void segment_leave(struct shm_segment *segment)
{
    segment->attached--;
    if (segment->attached == 0 && (segment->object.mode & SHM_DEST)) {
        ipc_remove_locked(&shm_table, &segment->object);
        segment_free(segment);
    }
}

static void owner_get(struct region_owner *owner)
{
    struct shm_segment *segment = container_of(owner, struct shm_segment, mapped);
    mutex_lock(&shm_table.lock);
    segment->attached++;
    segment->attach_time = ipc_now();
    segment->last = ipc_caller();
    mutex_unlock(&shm_table.lock);
}

static void owner_put(struct region_owner *owner)
{
    struct shm_segment *segment = container_of(owner, struct shm_segment, mapped);
    mutex_lock(&shm_table.lock);
    segment->detach_time = ipc_now();
    segment->last = ipc_caller();
    segment_leave(segment);
    mutex_unlock(&shm_table.lock);
}

static const struct region_owner_ops segment_owner_ops = {owner_get, owner_put};

bool shm_describe(const struct region_owner *owner, int32_t *key, int *id)
{
    if (owner == NULL || owner->ops != &segment_owner_ops) {
        return false;
    }
    const struct shm_segment *segment = container_of(owner, const struct shm_segment, mapped);
    *key = segment->name_key;
    *id = segment->object.id;
    return true;
}

static int segment_create(const struct ipc_request *request, struct ipc_object **out)
{
    uint64_t pages = PAGES(request->size);
    uint64_t all = __atomic_load_n(&linux_shm_all, __ATOMIC_RELAXED);
    if (request->size == 0 || request->size > __atomic_load_n(&linux_shm_max, __ATOMIC_RELAXED)) {
        return -EINVAL;
    }
    if (shm_pages + pages < shm_pages || shm_pages + pages > all) {
        return -ENOSPC;
    }
    if (request->flags & SHM_HUGETLB) {
        return linux_capable(CAP_IPC_LOCK) ? -ENOMEM : -EPERM; /* there are no large pages */
    }
    struct shm_segment *segment = kzalloc(sizeof(*segment));
    if (segment == NULL || vmo_create(&segment->vmo) != 0) {
        kfree(segment);
        return -ENOMEM;
    }
    vmo_set_size(segment->vmo, request->size);
    segment->mapped.ops = &segment_owner_ops;
    segment->size = request->size;
    segment->name_key = request->key;
    segment->creator = ipc_caller();
    shm_pages += pages;
    *out = &segment->object;
    return 0;
}

static int segment_check(const struct ipc_request *request, const struct ipc_object *object)
{
    return ((const struct shm_segment *)object)->size < request->size ? -EINVAL : 0;
}

LINUX_CALL3(shmget, int, key, size_t, size, int, flags)
{
    const struct ipc_request request = {
        .key = key,
        .flags = flags,
        .size = size,
        .limit = (unsigned)sysctl_read(&linux_shm_sets),
        .create = segment_create,
        .discard = segment_discard,
        .check = segment_check,
    };
    return ipc_open(&shm_table, &request);
}

/* Where shmat is to map, by its address and flags. */
static int choose_address(vaddr_t addr, int flags, struct space_map *map)
{
    if (addr == 0) {
        return flags & SHM_REMAP ? -EINVAL : 0;
    }
    map->addr = flags & SHM_RND ? ALIGN_DOWN(addr, PAGE_SIZE) : addr;
    if ((map->addr & PAGE_MASK) || (map->addr == 0 && (flags & SHM_REMAP))) {
        return -EINVAL;
    }
    map->fixed = (flags & SHM_REMAP) != 0;
    map->fixed_noreplace = !map->fixed;
    return 0;
}

/* The segment, which stays until segment_leave. */
static int attach(int id, int flags, struct space_map *map, struct shm_segment **out)
{
    unsigned rights = IPC_READ | (flags & SHM_RDONLY ? 0 : IPC_WRITE) |
                      (flags & SHM_EXEC ? IPC_RUN : 0);
    mutex_lock(&shm_table.lock);
    struct shm_segment *segment = segment_of(ipc_find_locked(&shm_table, id));
    int error = segment != NULL ? ipc_may(&segment->object, rights) : -EINVAL;
    if (error == 0) {
        segment->attached++;
        map->size = segment->size;
        map->vmo = segment->vmo;
        map->owner = &segment->mapped;
        *out = segment;
    }
    mutex_unlock(&shm_table.lock);
    return error;
}

static int map_segment(struct space_map *map, vaddr_t *at)
{
    bool placed = map->fixed || map->fixed_noreplace;
    if (placed && map->addr + map->size < map->addr) {
        return map->fixed ? -ENOMEM : -EINVAL;
    }
    if (!linux_may_expand(map->size)) {
        return -ENOMEM;
    }
    int error = space_map(current->space, map, at);
    return error == -EEXIST ? -EINVAL : error;
}

LINUX_CALL3(shmat, int, id, vaddr_t, addr, int, flags)
{
    struct shm_segment *segment;
    struct space_map map = {
        .flags = REGION_SHARED | REGION_READ | REGION_MAY_READ | REGION_MAY_EXEC |
                 (flags & SHM_RDONLY ? 0 : REGION_WRITE | REGION_MAY_WRITE) |
                 (flags & SHM_EXEC ? REGION_EXEC : 0),
    };
    int error = id < 0 ? -EINVAL : choose_address(addr, flags, &map);
    if (error == 0) {
        error = attach(id, flags, &map, &segment);
    }
    if (error != 0) {
        return error;
    }
    vaddr_t at = 0;
    error = map_segment(&map, &at);
    mutex_lock(&shm_table.lock);
    segment_leave(segment);
    mutex_unlock(&shm_table.lock);
    return error != 0 ? error : (long)at;
}

LINUX_CALL1(shmdt, vaddr_t, addr)
{
    return addr & PAGE_MASK ? -EINVAL : space_unmap_owned(current->space, addr, &segment_owner_ops);
}

/* linux/shm.h and asm-generic/shmbuf.h. */
struct linux_shmid {
    struct linux_ipc_perm perm;
    uint64_t size;
    int64_t attach_time, detach_time, change_time;
    int32_t creator, last;
    uint64_t attached, unused[2];
};
static_assert(sizeof(struct linux_shmid) == 112, "ABI");
struct linux_shminfo {
    uint64_t max, min, sets, per_process, all, unused[4];
};
struct linux_shm_info {
    int32_t used;
    uint64_t pages, resident, swapped, swap_attempts, swap_successes;
};
static_assert(sizeof(struct linux_shm_info) == 48, "ABI");

static long tell_limits(vaddr_t addr)
{
    struct linux_shminfo info = {
        .max = __atomic_load_n(&linux_shm_max, __ATOMIC_RELAXED),
        .min = 1,
        .sets = (uint64_t)sysctl_read(&linux_shm_sets),
        .per_process = (uint64_t)sysctl_read(&linux_shm_sets),
        .all = __atomic_load_n(&linux_shm_all, __ATOMIC_RELAXED),
    };
    mutex_lock(&shm_table.lock);
    int last = ipc_last_locked(&shm_table);
    mutex_unlock(&shm_table.lock);
    return put_user(info, addr) != 0 ? -EFAULT : last;
}

static long tell_use(vaddr_t addr)
{
    struct linux_shm_info info = {.used = 0};
    mutex_lock(&shm_table.lock);
    int last = ipc_last_locked(&shm_table);
    info.used = (int)shm_table.used;
    info.pages = shm_pages;
    for (int i = 0; i <= last; i++) {
        struct shm_segment *segment = segment_of(ipc_at_locked(&shm_table, i));
        info.resident += segment != NULL ? vmo_pages(segment->vmo) : 0;
    }
    mutex_unlock(&shm_table.lock);
    return put_user(info, addr) != 0 ? -EFAULT : last;
}

static void describe(const struct shm_segment *segment, struct linux_shmid *out)
{
    *out = (struct linux_shmid){
        .size = segment->size,
        .attach_time = segment->attach_time,
        .detach_time = segment->detach_time,
        .change_time = segment->object.change_time,
        .creator = segment->creator,
        .last = segment->last,
        .attached = segment->attached,
    };
    ipc_get_perm(&segment->object, &out->perm);
}

static long tell_segment(int id, int command, vaddr_t addr)
{
    struct linux_shmid status = {.size = 0};
    mutex_lock(&shm_table.lock);
    struct ipc_object *object = command == IPC_STAT ? ipc_find_locked(&shm_table, id)
                                                    : ipc_at_locked(&shm_table, id);
    long result = object == NULL            ? -EINVAL
                  : command == SHM_STAT_ANY ? 0
                                            : ipc_may(object, IPC_READ);
    if (result == 0) {
        describe(segment_of(object), &status);
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&shm_table.lock);
    return result >= 0 && put_user(status, addr) != 0 ? -EFAULT : result;
}

/* It goes when nobody has it attached; until then its identifier is good, but no key leads there.
 * REQUIRES the lock. */
static void segment_remove(struct shm_segment *segment)
{
    segment->object.mode |= SHM_DEST;
    segment->object.key = IPC_PRIVATE;
    segment->attached++;
    segment_leave(segment);
}

/* Nothing is ever swapped, so that it only shows in the mode. REQUIRES the lock. */
static int segment_lock(struct shm_segment *segment, bool lock)
{
    const struct ipc_object *object = &segment->object;
    uint32_t euid = linux_current()->cred->euid;
    uint64_t limit = current_process()->limits[RLIMIT_MEMLOCK].soft;
    if (!linux_capable(CAP_IPC_LOCK)) {
        if ((euid != object->uid && euid != object->cuid) || (lock && limit == 0)) {
            return -EPERM;
        }
        if (lock && segment->size > limit) {
            return -ENOMEM;
        }
    }
    segment->object.mode &= ~(uint32_t)SHM_LOCKED;
    segment->object.mode |= lock ? SHM_LOCKED : 0u;
    return 0;
}

static int change_segment(int id, int command, const struct linux_shmid *status)
{
    mutex_lock(&shm_table.lock);
    struct shm_segment *segment = segment_of(ipc_find_locked(&shm_table, id));
    int error = segment == NULL ? -EINVAL : 0;
    if (error == 0 && (command == IPC_SET || command == IPC_RMID)) {
        error = ipc_may_change(&segment->object);
    }
    if (error == 0) {
        switch (command) {
        case IPC_SET:
            error = ipc_set_perm(&segment->object, &status->perm);
            break;
        case IPC_RMID:
            segment_remove(segment);
            break;
        default:
            error = segment_lock(segment, command == SHM_LOCK);
            break;
        }
    }
    mutex_unlock(&shm_table.lock);
    return error;
}

LINUX_CALL3(shmctl, int, id, int, command, vaddr_t, addr)
{
    struct linux_shmid status = {.size = 0};
    if (id < 0 || command < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_INFO:
        return tell_limits(addr);
    case SHM_INFO:
        return tell_use(addr);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return tell_segment(id, command, addr);
    case IPC_SET:
        if (get_user(status, addr) != 0) {
            return -EFAULT;
        }
        return change_segment(id, command, &status);
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK:
        return change_segment(id, command, NULL);
    default:
        return -EINVAL;
    }
}

int proc_show_shm(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "       key      shmid perms                  size  cpid  lpid nattch   uid   "
                     "gid  cuid  cgid      atime      dtime      ctime                   rss"
                     "                  swap\n");
    mutex_lock(&shm_table.lock);
    for (int i = 0, last = ipc_last_locked(&shm_table); i <= last; i++) {
        struct ipc_object *object = ipc_at_locked(&shm_table, i);
        if (object == NULL) {
            continue;
        }
        const struct shm_segment *s = segment_of(object);
        text_printf(out,
                    "%10d %10d  %4o %21lu %5d %5d  %5lu %5u %5u %5u %5u %10lld %10lld %10lld "
                    "%21lu %21u\n",
                    object->key, object->id, object->mode, s->size, s->creator, s->last,
                    s->attached, object->uid, object->gid, object->cuid, object->cgid,
                    (long long)s->attach_time, (long long)s->detach_time,
                    (long long)object->change_time, vmo_pages(s->vmo) << PAGE_SHIFT, 0u);
    }
    mutex_unlock(&shm_table.lock);
    return 0;
}
