/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of IDs. A number is in use as long as it names a thread, a process, a process group or
 * a session, so that none is given out twice. Chunks of the table are made when first needed and
 * stay. The caller holds the tree lock throughout.
 */
#include "abi/errno.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/process/process.h"

#define CHUNK  64
#define GROUP  512 /* chunks in a page of pointers */
#define GROUPS (LINUX_PID_LIMIT / CHUNK / GROUP)
/* After the first round the small numbers are left to those who were there first, as on Linux. */
#define RESERVED 300

struct pid_slot {
    unsigned uses; /* [tree] 0: free */
    struct linux_thread *thread;
    struct linux_process *process;
    struct list group; /* [tree] members of the process group */
};

static struct pid_slot **groups[GROUPS]; /* [tree] */
static int last_pid;                     /* [tree] */

/* The chunk that has the ID, or NULL. */
static struct pid_slot *chunk_find(int id)
{
    struct pid_slot **group = groups[id / CHUNK / GROUP];
    return group != NULL ? group[id / CHUNK % GROUP] : NULL;
}

static struct pid_slot *chunk_make(int id)
{
    struct pid_slot ***group = &groups[id / CHUNK / GROUP];
    if (*group == NULL) {
        *group = kcalloc(GROUP, sizeof(**group));
        if (*group == NULL) {
            return NULL;
        }
    }
    struct pid_slot *chunk = kcalloc(CHUNK, sizeof(*chunk));
    if (chunk != NULL) {
        for (unsigned i = 0; i < CHUNK; i++) {
            list_init(&chunk[i].group);
        }
        (*group)[id / CHUNK % GROUP] = chunk;
    }
    return chunk;
}

static struct pid_slot *slot_find(int id)
{
    struct pid_slot *chunk = id > 0 && id < LINUX_PID_LIMIT ? chunk_find(id) : NULL;
    return chunk != NULL && chunk[id % CHUNK].uses > 0 ? &chunk[id % CHUNK] : NULL;
}

static struct pid_slot *slot_used(int id)
{
    struct pid_slot *slot = slot_find(id);
    assert(slot != NULL);
    return slot;
}

int pid_alloc_fixed(int id)
{
    if (id <= 0 || id >= LINUX_PID_LIMIT) {
        return -EINVAL;
    }
    struct pid_slot *chunk = chunk_find(id);
    if (chunk == NULL) {
        chunk = chunk_make(id);
        if (chunk == NULL) {
            return -ENOMEM;
        }
    }
    struct pid_slot *slot = &chunk[id % CHUNK];
    if (slot->uses > 0) {
        return -EEXIST;
    }
    slot->uses = 1;
    return id;
}

int pid_alloc(void)
{
    int id = last_pid, end = (int)sysctl_read(&linux_pid_max);
    for (int tries = 0; tries < end; tries++) {
        id++;
        if (id >= end) {
            id = RESERVED;
        }
        int result = pid_alloc_fixed(id);
        if (result > 0) {
            last_pid = id;
            return id;
        }
        if (result == -ENOMEM) {
            return result;
        }
    }
    return -EAGAIN;
}

void pid_use(int id)
{
    slot_used(id)->uses++;
}

void pid_drop(int id)
{
    struct pid_slot *slot = slot_used(id);
    slot->uses--;
    if (slot->uses == 0) {
        assert(list_empty(&slot->group) && slot->thread == NULL && slot->process == NULL);
    }
}

struct linux_thread *pid_thread(int id)
{
    struct pid_slot *slot = slot_find(id);
    return slot != NULL ? slot->thread : NULL;
}

struct linux_process *pid_process(int id)
{
    struct pid_slot *slot = slot_find(id);
    return slot != NULL ? slot->process : NULL;
}

struct list *pid_group(int id)
{
    struct pid_slot *slot = slot_find(id);
    return slot != NULL ? &slot->group : NULL;
}

void pid_set_thread(int id, struct linux_thread *thread)
{
    slot_used(id)->thread = thread;
}

void pid_set_process(int id, struct linux_process *process)
{
    slot_used(id)->process = process;
}

int pid_last(void)
{
    return last_pid;
}

/* Skips chunks that were never used. */
struct linux_process *process_next_locked(int pid)
{
    for (int id = MAX(pid, 1); id < LINUX_PID_LIMIT; id++) {
        if (groups[id / CHUNK / GROUP] == NULL) {
            id |= CHUNK * GROUP - 1;
            continue;
        }
        if (chunk_find(id) == NULL) {
            id |= CHUNK - 1;
            continue;
        }
        struct linux_process *process = pid_process(id);
        if (process != NULL) {
            return process;
        }
    }
    return NULL;
}

struct linux_process *process_next(int pid)
{
    unsigned long flags = process_tree_acquire();
    struct linux_process *process = process_next_locked(pid);
    if (process != NULL) {
        process_get(process);
    }
    process_tree_release(flags);
    return process;
}
