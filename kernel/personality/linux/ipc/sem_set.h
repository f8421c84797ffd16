/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Sets of semaphores. An operation that cannot be done waits in its set's list, and whoever changes
 * a value does what has become possible, in the waiters' place and in their order. All is guarded
 * by sem_table.lock.
 */
#include "kernel/base/refcount.h"
#include "kernel/personality/linux/ipc/ipc.h"

#define SEM_VALUE_MAX 32767
#define SEM_UNDO_FLAG 0x1000

struct sem_operation { /* struct sembuf */
    uint16_t number;
    int16_t change;
    int16_t flags;
};
static_assert(sizeof(struct sem_operation) == 6, "ABI");

struct semaphore {
    int value, pid; /* pid: of who changed it last */
};

struct sem_set {
    struct ipc_object object; /* first */
    int64_t operation_time;
    struct list waiters; /* struct sem_wait */
    struct list undos;   /* struct sem_undo, by set_link */
    unsigned count;      /* constant */
    struct semaphore semaphores[];
};

/* What one list of threads has to undo in one set. */
struct sem_undo {
    struct list set_link, list_link;
    struct sem_set *set;
    int16_t adjust[];
};
struct sem_undo_list {
    struct refcount refs;
    struct list undos; /* by list_link */
};

/* A call of semop, on the stack of who makes it. */
struct sem_wait {
    struct list link;
    struct sem_operation *operations;
    unsigned count, blocking; /* blocking: the operation that could not be done */
    struct sem_undo *undo;    /* or NULL: none of them asks for it */
    bool changes;             /* not only waits for zero */
    int pid;
    int result; /* atomic: SEM_WAITS until somebody has done it or given up */
    struct waitq wq;
};
#define SEM_WAITS 1

extern struct ipc_table sem_table;

static inline struct sem_set *sem_set_of(struct ipc_object *object)
{
    return (struct sem_set *)object;
}

/* sem_op.c; all REQUIRE the lock. Does what has become possible. */
void sem_update(struct sem_set *set);
/* The set goes: who waits gets -EIDRM, nobody undoes anything. */
void sem_forget(struct sem_set *set);
/* A value was set: nothing is to be undone that came before. */
void sem_clear_undos(struct sem_set *set, unsigned first, unsigned count);
