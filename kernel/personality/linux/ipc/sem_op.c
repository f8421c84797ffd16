/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on semaphores: semop(2), semtimedop(2), and undoing them at the end of threads. */
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/sem.h"
#include "kernel/personality/linux/ipc/sem_set.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/time/timespec.h"

#define OPERATIONS_ON_STACK 8

/* 0, SEM_WAITS, or an error; with an undo the change is noted there. */
static int do_operation(struct sem_set *set, struct sem_wait *wait, unsigned i)
{
    const struct sem_operation *op = &wait->operations[i];
    struct semaphore *semaphore = &set->semaphores[op->number];
    int value = semaphore->value + op->change;
    if (value < 0 || (op->change == 0 && value != 0)) {
        wait->blocking = i;
        return op->flags & IPC_NOWAIT ? -EAGAIN : SEM_WAITS;
    }
    if (value > SEM_VALUE_MAX) {
        return -ERANGE;
    }
    if (op->flags & SEM_UNDO_FLAG) {
        int adjust = wait->undo->adjust[op->number] - op->change;
        if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX) {
            return -ERANGE;
        }
        wait->undo->adjust[op->number] = (int16_t)adjust;
    }
    semaphore->value = value;
    return 0;
}

static void take_back(struct sem_set *set, const struct sem_wait *wait, unsigned i)
{
    const struct sem_operation *op = &wait->operations[i];
    set->semaphores[op->number].value -= op->change;
    if (op->flags & SEM_UNDO_FLAG) {
        wait->undo->adjust[op->number] = (int16_t)(wait->undo->adjust[op->number] + op->change);
    }
}

/* All of them or none. */
static int do_operations(struct sem_set *set, struct sem_wait *wait)
{
    int result = 0;
    unsigned done = 0;
    while (done < wait->count && (result = do_operation(set, wait, done)) == 0) {
        done++;
    }
    if (result != 0) {
        while (done > 0) {
            take_back(set, wait, --done);
        }
        return result;
    }
    for (unsigned i = 0; i < wait->count; i++) {
        set->semaphores[wait->operations[i].number].pid = wait->pid;
    }
    set->operation_time = ipc_now();
    return 0;
}

/* Its thread may go on as soon as it gets the lock; the struct is its own then. */
static void finish(struct sem_wait *wait, int result)
{
    list_del(&wait->link);
    __atomic_store_n(&wait->result, result, __ATOMIC_RELEASE);
    waitq_wake_all(&wait->wq);
}

/* One pass over those that only wait for zeroes, or over the others: did a value change? */
static bool update_once(struct sem_set *set, bool changes)
{
    struct sem_wait *wait, *next;
    list_for_each_safe (wait, next, &set->waiters, link) {
        if (wait->changes != changes) {
            continue;
        }
        int result = do_operations(set, wait);
        if (result != SEM_WAITS) {
            finish(wait, result);
            if (result == 0 && changes) {
                return true;
            }
        }
    }
    return false;
}

void sem_update(struct sem_set *set)
{
    do {
        (void)update_once(set, false);
    } while (update_once(set, true));
}

void sem_clear_undos(struct sem_set *set, unsigned first, unsigned count)
{
    struct sem_undo *undo;
    list_for_each (undo, &set->undos, set_link) {
        for (unsigned i = first; i < first + count; i++) {
            undo->adjust[i] = 0;
        }
    }
}

static void undo_free(struct sem_undo *undo)
{
    list_del(&undo->set_link);
    list_del(&undo->list_link);
    kfree(undo);
}

void sem_forget(struct sem_set *set)
{
    while (!list_empty(&set->undos)) {
        undo_free(list_first(&set->undos, struct sem_undo, set_link));
    }
    while (!list_empty(&set->waiters)) {
        finish(list_first(&set->waiters, struct sem_wait, link), -EIDRM);
    }
}

/* The caller's list, made if there is none: NULL: no memory. */
static struct sem_undo_list *own_list(struct linux_thread *self)
{
    if (self->sem_undos == NULL) {
        struct sem_undo_list *list = kmalloc(sizeof(*list));
        if (list != NULL) {
            ref_init(&list->refs, 1);
            list_init(&list->undos);
        }
        self->sem_undos = list;
    }
    return self->sem_undos;
}

/* What the caller's list has for this set, made if there is nothing: NULL: no memory. */
static struct sem_undo *find_undo(struct sem_set *set)
{
    struct sem_undo_list *list = own_list(linux_current());
    struct sem_undo *undo;
    if (list == NULL) {
        return NULL;
    }
    list_for_each (undo, &list->undos, list_link) {
        if (undo->set == set) {
            return undo;
        }
    }
    undo = kzalloc(sizeof(*undo) + set->count * sizeof(undo->adjust[0]));
    if (undo != NULL) {
        undo->set = set;
        list_add_tail(&set->undos, &undo->set_link);
        list_add_tail(&list->undos, &undo->list_link);
    }
    return undo;
}

int linux_sem_clone(struct linux_thread *child, bool share)
{
    struct sem_undo_list *list = share ? own_list(linux_current()) : NULL;
    if (list != NULL) {
        ref_get(&list->refs);
        child->sem_undos = list;
    }
    return share && list == NULL ? -ENOMEM : 0;
}

/* exit(2) cannot wait: what would make a value negative makes it 0. */
static void apply(struct sem_undo *undo)
{
    struct sem_set *set = undo->set;
    for (unsigned i = 0; i < set->count; i++) {
        struct semaphore *semaphore = &set->semaphores[i];
        if (undo->adjust[i] != 0) {
            int value = semaphore->value + undo->adjust[i];
            semaphore->value = MAX(0, MIN(value, SEM_VALUE_MAX));
            semaphore->pid = ipc_caller();
        }
    }
    undo_free(undo);
    set->operation_time = ipc_now();
    sem_update(set);
}

void linux_sem_exit(struct linux_thread *self)
{
    struct sem_undo_list *list = self->sem_undos;
    self->sem_undos = NULL;
    if (list == NULL || !ref_put(&list->refs)) {
        return;
    }
    mutex_lock(&sem_table.lock);
    while (!list_empty(&list->undos)) {
        apply(list_first(&list->undos, struct sem_undo, list_link));
    }
    mutex_unlock(&sem_table.lock);
    kfree(list);
}

/* The set, if the caller may do that to it. */
static int check_set(int id, const struct sem_wait *wait, struct sem_set **out)
{
    struct sem_set *set = sem_set_of(ipc_find_locked(&sem_table, id));
    if (set == NULL) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < wait->count; i++) {
        if (wait->operations[i].number >= set->count) {
            return -EFBIG;
        }
    }
    *out = set;
    return ipc_may(&set->object, wait->changes ? IPC_WRITE : IPC_READ);
}

/* 0: done; SEM_WAITS: it is among the waiters. */
static int begin_locked(int id, struct sem_wait *wait, bool undo)
{
    struct sem_set *set;
    int result = check_set(id, wait, &set);
    if (result != 0) {
        return result;
    }
    if (undo) {
        wait->undo = find_undo(set);
        if (wait->undo == NULL) {
            return -ENOMEM;
        }
    }
    result = do_operations(set, wait);
    if (result == SEM_WAITS) {
        list_add_tail(&set->waiters, &wait->link);
    } else if (result == 0 && wait->changes) {
        sem_update(set);
    }
    return result;
}

static long wait_for_others(struct sem_wait *wait, uint64_t deadline_ns)
{
    int ended = wait_event_mode(&wait->wq,
                                __atomic_load_n(&wait->result, __ATOMIC_ACQUIRE) != SEM_WAITS,
                                WAIT_INTERRUPTIBLE, deadline_ns);
    /* Who has done it has it in hands until he releases the lock. */
    mutex_lock(&sem_table.lock);
    int result = wait->result;
    if (result == SEM_WAITS) {
        list_del(&wait->link);
        result = ended == -ETIMEDOUT ? -EAGAIN : -EINTR;
    }
    mutex_unlock(&sem_table.lock);
    return result;
}

static long operate(int id, struct sem_wait *wait, uint64_t deadline_ns)
{
    bool undo = false;
    for (unsigned i = 0; i < wait->count; i++) {
        wait->changes = wait->changes || wait->operations[i].change != 0;
        undo = undo || (wait->operations[i].flags & SEM_UNDO_FLAG);
    }
    wait->result = SEM_WAITS;
    wait->pid = ipc_caller();
    waitq_init(&wait->wq);
    mutex_lock(&sem_table.lock);
    int result = begin_locked(id, wait, undo);
    mutex_unlock(&sem_table.lock);
    return result == SEM_WAITS ? wait_for_others(wait, deadline_ns) : result;
}

static long do_semop(int id, vaddr_t addr, unsigned count, const uint64_t *timeout_ns)
{
    struct sem_operation few[OPERATIONS_ON_STACK], *operations = few;
    int most = __atomic_load_n(&linux_sem_limits[SEM_LIMIT_OPS], __ATOMIC_RELAXED);
    if (count > (unsigned)MAX(most, 0)) {
        return -E2BIG;
    }
    if (count == 0) {
        return -EINVAL;
    }
    if (count > OPERATIONS_ON_STACK) {
        operations = kcalloc(count, sizeof(*operations));
        if (operations == NULL) {
            return -ENOMEM;
        }
    }
    long result = copy_from_user(operations, addr, count * sizeof(*operations));
    if (result == 0) {
        struct sem_wait wait = {.operations = operations, .count = count};
        uint64_t deadline = timeout_ns != NULL ? clock_monotonic_ns() + *timeout_ns : WAIT_FOREVER;
        result = operate(id, &wait, deadline);
    }
    if (operations != few) {
        kfree(operations);
    }
    return result;
}

LINUX_CALL3(semop, int, id, vaddr_t, operations, unsigned, count)
{
    return do_semop(id, operations, count, NULL);
}

LINUX_CALL4(semtimedop, int, id, vaddr_t, operations, unsigned, count, vaddr_t, timeout)
{
    uint64_t timeout_ns;
    if (timeout == 0) {
        return do_semop(id, operations, count, NULL);
    }
    int error = timespec_from_user(timeout, &timeout_ns);
    return error != 0 ? error : do_semop(id, operations, count, &timeout_ns);
}
