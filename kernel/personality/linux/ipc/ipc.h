/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the three kinds of System V IPC have in common (sysvipc(7), svipc(7)): tables of objects by
 * key and by identifier, and rights. An identifier is a slot of its kind's table and a sequence
 * number, so that one of a removed object does not soon name another.
 *
 * A table's lock guards its objects, too. User memory is not touched under it.
 */
#include "kernel/core/wait.h"

enum ipc_flag { IPC_CREAT = 01000, IPC_EXCL = 02000, IPC_NOWAIT = 04000 };
enum ipc_command { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO };
#define IPC_PRIVATE 0
enum ipc_right { IPC_READ = 0444, IPC_WRITE = 0222, IPC_RUN = 0111 };

#define IPC_SLOTS_MAX 32768 /* Linux's IPCMNI */

struct ipc_object {
    int32_t key; /* [table's lock], as those below */
    int id;      /* constant */
    uint32_t uid, gid;
    uint32_t cuid, cgid; /* constant: who made it */
    uint32_t mode;
    int64_t change_time; /* seconds */
};

struct ipc_table {
    struct mutex lock;
    struct ipc_object **slots; /* [lock] */
    unsigned capacity, used;   /* [lock] slots, objects */
    unsigned next, sequence;   /* [lock] after the slot taken last; of identifiers made now */
};
#define IPC_TABLE_INIT(name)                                                                       \
    {                                                                                              \
        .lock = MUTEX_INIT((name).lock, LOCK_IPC)                                                  \
    }

/* What shmget, semget and msgget ask for. */
struct ipc_request {
    int32_t key;
    int flags;
    size_t size;    /* the kind's business */
    unsigned limit; /* how many objects there may be */
    /* Makes one, with the part that is the kind's own: 0, -EINVAL, -ENOSPC, -ENOMEM. */
    int (*create)(const struct ipc_request *request, struct ipc_object **out);
    /* Frees one that has not got an identifier. */
    void (*discard)(struct ipc_object *object);
    /* Is one that exists as big as asked for? 0, -EINVAL; or NULL. */
    int (*check)(const struct ipc_request *request, const struct ipc_object *object);
};
/* The object's identifier, or an error as in shmget(2). The functions are called under the lock. */
long ipc_open(struct ipc_table *table, const struct ipc_request *request);

/* All REQUIRE the table's lock. */
/* By identifier, or by slot (SHM_STAT and the like): NULL: there is none (EINVAL). */
struct ipc_object *ipc_find_locked(const struct ipc_table *table, int id);
struct ipc_object *ipc_at_locked(const struct ipc_table *table, int slot);
/* The identifier and the key mean it no more. */
void ipc_remove_locked(struct ipc_table *table, struct ipc_object *object);
/* The highest slot in use, or 0. */
int ipc_last_locked(const struct ipc_table *table);
/* May the caller use it so (enum ipc_right, or'ed)? 0, -EACCES. */
int ipc_may(const struct ipc_object *object, unsigned rights);
/* May it change or remove it? 0, -EPERM. */
int ipc_may_change(const struct ipc_object *object);

/* struct ipc64_perm of asm-generic/ipcbuf.h. */
struct linux_ipc_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t sequence, pad;
    uint32_t pad2;
    uint64_t unused[2];
};
static_assert(sizeof(struct linux_ipc_perm) == 48, "ABI");
void ipc_get_perm(const struct ipc_object *object, struct linux_ipc_perm *out);
/* IPC_SET: 0, -EINVAL. */
int ipc_set_perm(struct ipc_object *object, const struct linux_ipc_perm *perm);

/* Now, in seconds of the wall clock; and the process that calls, or 0 for the kernel. */
int64_t ipc_now(void);
int ipc_caller(void);

/* /proc/sys/kernel: shmmax, shmall. atomic */
extern uint64_t linux_shm_max, linux_shm_all;
/* And sem: per set, of all sets, operations of one call, sets. */
enum { SEM_LIMIT_SET, SEM_LIMIT_ALL, SEM_LIMIT_OPS, SEM_LIMIT_SETS, SEM_LIMITS };
extern int linux_sem_limits[SEM_LIMITS];
extern struct linux_sysctl linux_shm_sets, linux_msg_max, linux_msg_bytes, linux_msg_queues;

/* /proc/sys/fs/mqueue */
extern struct linux_sysctl linux_mq_queues_max, linux_mq_msg_max, linux_mq_msg_default;
extern struct linux_sysctl linux_mq_size_max, linux_mq_size_default;

/* /proc/sysvipc */
struct pseudo_ctx;
struct text;
int proc_show_shm(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_sem(const struct pseudo_ctx *ctx, struct text *out);
int proc_show_msg(const struct pseudo_ctx *ctx, struct text *out);
