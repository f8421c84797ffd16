/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of semaphores: semget(2), semctl(2), /proc/sysvipc/sem. */
#include "kernel/arch/user.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/sem_set.h"

enum sem_command {
    GETPID = 11,
    GETVAL,
    GETALL,
    GETNCNT,
    GETZCNT,
    SETVAL,
    SETALL,
    SEM_STAT,
    SEM_INFO,
    SEM_STAT_ANY,
};

struct ipc_table sem_table = IPC_TABLE_INIT(sem_table);
static uint64_t sem_total; /* [sem_table.lock] of all sets */

int linux_sem_limits[SEM_LIMITS] = {32000, 1024000000, 500, 32000};

static int limit(unsigned which)
{
    return MAX(__atomic_load_n(&linux_sem_limits[which], __ATOMIC_RELAXED), 0);
}

static int set_create(const struct ipc_request *request, struct ipc_object **out)
{
    if (request->size == 0) {
        return -EINVAL;
    }
    if (sem_total + request->size > (unsigned)limit(SEM_LIMIT_ALL)) {
        return -ENOSPC;
    }
    struct sem_set *set = kzalloc(sizeof(*set) + request->size * sizeof(set->semaphores[0]));
    if (set == NULL) {
        return -ENOMEM;
    }
    list_init(&set->waiters);
    list_init(&set->undos);
    set->count = (unsigned)request->size;
    sem_total += set->count;
    *out = &set->object;
    return 0;
}

static void set_free(struct ipc_object *object)
{
    sem_total -= sem_set_of(object)->count;
    kfree(object);
}

static int set_check(const struct ipc_request *request, const struct ipc_object *object)
{
    return ((const struct sem_set *)object)->count < request->size ? -EINVAL : 0;
}

LINUX_CALL3(semget, int, key, int, count, int, flags)
{
    const struct ipc_request request = {
        .key = key,
        .flags = flags,
        .size = (size_t)count,
        .limit = (unsigned)limit(SEM_LIMIT_SETS),
        .create = set_create,
        .discard = set_free,
        .check = set_check,
    };
    if (count < 0 || count > limit(SEM_LIMIT_SET)) {
        return -EINVAL;
    }
    return ipc_open(&sem_table, &request);
}

/* linux/sem.h and asm/sembuf.h. */
struct linux_semid {
    struct linux_ipc_perm perm;
    int64_t operation_time;
    uint64_t unused;
    int64_t change_time;
    uint64_t unused2, count, unused3[2];
};
static_assert(sizeof(struct linux_semid) == 104, "ABI");
struct linux_seminfo {
    int32_t map, sets, all, undos, per_set, per_call, per_undo, size, value_max, adjust_max;
};

static long tell_limits(int command, vaddr_t addr)
{
    struct linux_seminfo info = {
        .map = 1024000000,
        .sets = limit(SEM_LIMIT_SETS),
        .all = limit(SEM_LIMIT_ALL),
        .undos = 1024000000,
        .per_set = limit(SEM_LIMIT_SET),
        .per_call = limit(SEM_LIMIT_OPS),
        .per_undo = 500,
        .size = 20,
        .value_max = SEM_VALUE_MAX,
        .adjust_max = SEM_VALUE_MAX,
    };
    mutex_lock(&sem_table.lock);
    int last = ipc_last_locked(&sem_table);
    if (command == SEM_INFO) {
        info.size = (int)sem_table.used;
        info.adjust_max = (int)sem_total;
    }
    mutex_unlock(&sem_table.lock);
    return put_user(info, addr) != 0 ? -EFAULT : last;
}

static long tell_set(int id, int command, vaddr_t addr)
{
    struct linux_semid status = {.count = 0};
    mutex_lock(&sem_table.lock);
    struct ipc_object *object = command == IPC_STAT ? ipc_find_locked(&sem_table, id)
                                                    : ipc_at_locked(&sem_table, id);
    long result = object == NULL            ? -EINVAL
                  : command == SEM_STAT_ANY ? 0
                                            : ipc_may(object, IPC_READ);
    if (result == 0) {
        ipc_get_perm(object, &status.perm);
        status.operation_time = sem_set_of(object)->operation_time;
        status.change_time = object->change_time;
        status.count = sem_set_of(object)->count;
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&sem_table.lock);
    return result >= 0 && put_user(status, addr) != 0 ? -EFAULT : result;
}

static int change_set(int id, int command, vaddr_t addr)
{
    struct linux_semid status;
    if (command == IPC_SET && get_user(status, addr) != 0) {
        return -EFAULT;
    }
    mutex_lock(&sem_table.lock);
    struct sem_set *set = sem_set_of(ipc_find_locked(&sem_table, id));
    int error = set != NULL ? ipc_may_change(&set->object) : -EINVAL;
    if (error == 0 && command == IPC_SET) {
        error = ipc_set_perm(&set->object, &status.perm);
    } else if (error == 0) {
        sem_forget(set);
        ipc_remove_locked(&sem_table, &set->object);
        set_free(&set->object);
    }
    mutex_unlock(&sem_table.lock);
    return error;
}

/* The set, if the caller may. REQUIRES the lock. */
static int find_set(int id, unsigned rights, struct sem_set **out)
{
    *out = sem_set_of(ipc_find_locked(&sem_table, id));
    return *out != NULL ? ipc_may(&(*out)->object, rights) : -EINVAL;
}

/* Values pass through a buffer: user memory is not touched under the lock. The size of a set never
 * changes, so one that is still there afterwards is the one that was asked about. */
static int begin_all(int id, unsigned rights, uint16_t **values, unsigned *count)
{
    struct sem_set *set;
    mutex_lock(&sem_table.lock);
    int error = find_set(id, rights, &set);
    *count = error == 0 ? set->count : 0;
    *values = error == 0 ? kcalloc(*count, sizeof(**values)) : NULL;
    for (unsigned i = 0; *values != NULL && i < *count; i++) {
        (*values)[i] = (uint16_t)set->semaphores[i].value;
    }
    mutex_unlock(&sem_table.lock);
    return error == 0 && *values == NULL ? -ENOMEM : error;
}

static int get_all(int id, vaddr_t addr)
{
    uint16_t *values;
    unsigned count;
    int error = begin_all(id, IPC_READ, &values, &count);
    if (error == 0) {
        error = copy_to_user(addr, values, count * sizeof(*values));
    }
    kfree(values);
    return error;
}

static int set_values(int id, const uint16_t *values)
{
    mutex_lock(&sem_table.lock);
    struct sem_set *set = sem_set_of(ipc_find_locked(&sem_table, id));
    for (unsigned i = 0; set != NULL && i < set->count; i++) {
        set->semaphores[i] = (struct semaphore){values[i], ipc_caller()};
    }
    if (set != NULL) {
        sem_clear_undos(set, 0, set->count);
        set->object.change_time = ipc_now();
        sem_update(set);
    }
    mutex_unlock(&sem_table.lock);
    return set != NULL ? 0 : -EIDRM;
}

static int set_all(int id, vaddr_t addr)
{
    uint16_t *values;
    unsigned count;
    int error = begin_all(id, IPC_WRITE, &values, &count);
    if (error == 0) {
        error = copy_from_user(values, addr, count * sizeof(*values));
    }
    for (unsigned i = 0; error == 0 && i < count; i++) {
        error = values[i] > SEM_VALUE_MAX ? -ERANGE : 0;
    }
    if (error == 0) {
        error = set_values(id, values);
    }
    kfree(values);
    return error;
}

static int set_value(int id, unsigned number, int value)
{
    struct sem_set *set;
    if (value < 0 || value > SEM_VALUE_MAX) {
        return -ERANGE;
    }
    mutex_lock(&sem_table.lock);
    int error = find_set(id, IPC_WRITE, &set);
    if (set != NULL && number >= set->count) {
        error = -EINVAL;
    }
    if (error == 0) {
        set->semaphores[number] = (struct semaphore){value, ipc_caller()};
        sem_clear_undos(set, number, 1);
        set->object.change_time = ipc_now();
        sem_update(set);
    }
    mutex_unlock(&sem_table.lock);
    return error;
}

/* Those that wait until the semaphore is zero, or has grown. */
static int count_waiters(const struct sem_set *set, unsigned number, bool zero)
{
    int count = 0;
    const struct sem_wait *wait;
    list_for_each (wait, &set->waiters, link) {
        const struct sem_operation *op = &wait->operations[wait->blocking];
        count += op->number == number && (op->change == 0) == zero;
    }
    return count;
}

static int get_one(int id, unsigned number, int command)
{
    struct sem_set *set;
    mutex_lock(&sem_table.lock);
    int result = find_set(id, IPC_READ, &set);
    if (result == 0 && number >= set->count) {
        result = -EINVAL;
    }
    if (result == 0) {
        result = command == GETVAL   ? set->semaphores[number].value
                 : command == GETPID ? set->semaphores[number].pid
                                     : count_waiters(set, number, command == GETZCNT);
    }
    mutex_unlock(&sem_table.lock);
    return result;
}

LINUX_CALL4(semctl, int, id, unsigned, number, int, command, vaddr_t, arg)
{
    if (id < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return tell_limits(command, arg);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return tell_set(id, command, arg);
    case IPC_SET:
    case IPC_RMID:
        return change_set(id, command, arg);
    case GETALL:
        return get_all(id, arg);
    case SETALL:
        return set_all(id, arg);
    case SETVAL:
        return set_value(id, number, (int)arg);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return get_one(id, number, command);
    default:
        return -EINVAL;
    }
}

int proc_show_sem(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
                     "      ctime\n");
    mutex_lock(&sem_table.lock);
    for (int i = 0, last = ipc_last_locked(&sem_table); i <= last; i++) {
        struct ipc_object *object = ipc_at_locked(&sem_table, i);
        if (object != NULL) {
            const struct sem_set *set = sem_set_of(object);
            text_printf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lld %10lld\n", object->key,
                        object->id, object->mode, set->count, object->uid, object->gid,
                        object->cuid, object->cgid, (long long)set->operation_time,
                        (long long)object->change_time);
        }
    }
    mutex_unlock(&sem_table.lock);
    return 0;
}
