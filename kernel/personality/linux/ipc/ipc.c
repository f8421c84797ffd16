/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of System V IPC objects, see ipc.h. */
#include "kernel/personality/linux/ipc/ipc.h"
#include "abi/errno.h"
#include "kernel/core/timer.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"
#include "lib/string.h"

#define SLOT_BITS     15
#define SLOT_MASK     (IPC_SLOTS_MAX - 1)
#define SEQUENCE_MASK 0xffffu
#define SLOTS_FIRST   16u
#define CAP_IPC_OWNER 15

static_assert(IPC_SLOTS_MAX == 1 << SLOT_BITS, "a slot's number fits");

int64_t ipc_now(void)
{
    return (int64_t)(clock_realtime_ns() / NSEC_PER_SEC);
}

int ipc_caller(void)
{
    const struct linux_thread *self = linux_current();
    return self != NULL ? self->process->pid : 0;
}

int ipc_may(const struct ipc_object *object, unsigned rights)
{
    const struct cred *cred = linux_current()->cred;
    unsigned wanted = (rights >> 6 | rights >> 3 | rights) & 7, granted = object->mode;
    if (cred->euid == object->cuid || cred->euid == object->uid) {
        granted >>= 6;
    } else if (cred_in_group(cred, object->cgid) || cred_in_group(cred, object->gid)) {
        granted >>= 3;
    }
    return (wanted & ~granted) != 0 && !linux_capable(CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_may_change(const struct ipc_object *object)
{
    const struct cred *cred = linux_current()->cred;
    bool owner = cred->euid == object->cuid || cred->euid == object->uid;
    return owner || linux_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

struct ipc_object *ipc_at_locked(const struct ipc_table *table, int slot)
{
    unsigned index = (unsigned)slot & SLOT_MASK;
    return index < table->capacity ? table->slots[index] : NULL;
}

struct ipc_object *ipc_find_locked(const struct ipc_table *table, int id)
{
    struct ipc_object *object = ipc_at_locked(table, id);
    return id >= 0 && object != NULL && object->id == id ? object : NULL;
}

int ipc_last_locked(const struct ipc_table *table)
{
    int last = (int)table->capacity - 1;
    while (last > 0 && table->slots[last] == NULL) {
        last--;
    }
    return MAX(last, 0);
}

static struct ipc_object *find_key(const struct ipc_table *table, int32_t key)
{
    for (unsigned i = 0; i < table->capacity; i++) {
        if (table->slots[i] != NULL && table->slots[i]->key == key) {
            return table->slots[i];
        }
    }
    return NULL;
}

/* The lowest free slot; -ENOMEM. */
static int find_slot(struct ipc_table *table)
{
    unsigned slot = 0;
    while (slot < table->capacity && table->slots[slot] != NULL) {
        slot++;
    }
    if (slot == table->capacity) {
        unsigned capacity = MAX(2 * table->capacity, SLOTS_FIRST);
        struct ipc_object **slots = krealloc(table->slots, capacity * sizeof(struct ipc_object *));
        if (slots == NULL) {
            return -ENOMEM;
        }
        memset(slots + slot, 0, (capacity - slot) * sizeof(struct ipc_object *));
        table->slots = slots;
        table->capacity = capacity;
    }
    return (int)slot;
}

static long create(struct ipc_table *table, const struct ipc_request *request)
{
    const struct cred *cred = linux_current()->cred;
    struct ipc_object *object;
    int error = request->create(request, &object);
    if (error != 0) {
        return error;
    }
    int slot = table->used < MIN(request->limit, (unsigned)IPC_SLOTS_MAX) ? find_slot(table)
                                                                          : -ENOSPC;
    if (slot < 0) {
        request->discard(object);
        return slot;
    }
    /* As on Linux since 5.2: a new sequence begins when slots are used again. */
    if ((unsigned)slot < table->next) {
        table->sequence = (table->sequence + 1) & SEQUENCE_MASK;
    }
    table->next = (unsigned)slot + 1;
    object->key = request->key;
    object->id = (int)(table->sequence << SLOT_BITS) | slot;
    object->uid = object->cuid = cred->euid;
    object->gid = object->cgid = cred->egid;
    object->mode = (unsigned)request->flags & 0777;
    object->change_time = ipc_now();
    table->slots[slot] = object;
    table->used++;
    return object->id;
}

static long open_locked(struct ipc_table *table, const struct ipc_request *request)
{
    struct ipc_object *object = request->key != IPC_PRIVATE ? find_key(table, request->key) : NULL;
    if (object == NULL) {
        bool make = request->key == IPC_PRIVATE || (request->flags & IPC_CREAT);
        return make ? create(table, request) : -ENOENT;
    }
    if ((request->flags & IPC_CREAT) && (request->flags & IPC_EXCL)) {
        return -EEXIST;
    }
    int error = request->check != NULL ? request->check(request, object) : 0;
    if (error == 0) {
        error = ipc_may(object, (unsigned)request->flags & 0777);
    }
    return error != 0 ? error : object->id;
}

long ipc_open(struct ipc_table *table, const struct ipc_request *request)
{
    mutex_lock(&table->lock);
    long result = open_locked(table, request);
    mutex_unlock(&table->lock);
    return result;
}

void ipc_remove_locked(struct ipc_table *table, struct ipc_object *object)
{
    table->slots[object->id & SLOT_MASK] = NULL;
    table->used--;
}

void ipc_get_perm(const struct ipc_object *object, struct linux_ipc_perm *out)
{
    *out = (struct linux_ipc_perm){
        .key = object->key,
        .uid = object->uid,
        .gid = object->gid,
        .cuid = object->cuid,
        .cgid = object->cgid,
        .mode = object->mode,
        .sequence = (uint16_t)(object->id >> SLOT_BITS),
    };
}

int ipc_set_perm(struct ipc_object *object, const struct linux_ipc_perm *perm)
{
    if (perm->uid == UINT32_MAX || perm->gid == UINT32_MAX) {
        return -EINVAL;
    }
    object->uid = perm->uid;
    object->gid = perm->gid;
    object->mode = (object->mode & ~0777u) | (perm->mode & 0777);
    object->change_time = ipc_now();
    return 0;
}
