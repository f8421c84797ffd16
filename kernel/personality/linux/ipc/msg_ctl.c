/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues of messages: msgget(2), msgctl(2), /proc/sysvipc/msg. */
#include "kernel/arch/user.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/msg.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"

enum msg_command { MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY };

struct ipc_table msg_table = IPC_TABLE_INIT(msg_table);

struct linux_sysctl linux_msg_max = {8192, 0, INT32_MAX};
struct linux_sysctl linux_msg_bytes = {16384, 0, INT32_MAX};
struct linux_sysctl linux_msg_queues = {32000, 0, IPC_SLOTS_MAX};

void msg_queue_put(struct msg_queue *queue)
{
    if (!ref_put(&queue->refs)) {
        return;
    }
    struct msg *msg, *next;
    list_for_each_safe (msg, next, &queue->messages, link) {
        kfree(msg);
    }
    kfree(queue);
}

void msg_queue_changed(struct msg_queue *queue)
{
    __atomic_store_n(&queue->changes, queue->changes + 1, __ATOMIC_RELEASE);
    waitq_wake_all(&queue->wait);
}

static int queue_create(const struct ipc_request *request, struct ipc_object **out)
{
    struct msg_queue *queue = kzalloc(sizeof(*queue));
    (void)request;
    if (queue == NULL) {
        return -ENOMEM;
    }
    ref_init(&queue->refs, 1);
    waitq_init(&queue->wait);
    list_init(&queue->messages);
    queue->bytes_max = (uint64_t)sysctl_read(&linux_msg_bytes);
    *out = &queue->object;
    return 0;
}

static void queue_discard(struct ipc_object *object)
{
    msg_queue_put(msg_queue_of(object));
}

LINUX_CALL2(msgget, int, key, int, flags)
{
    const struct ipc_request request = {
        .key = key,
        .flags = flags,
        .limit = (unsigned)sysctl_read(&linux_msg_queues),
        .create = queue_create,
        .discard = queue_discard,
    };
    return ipc_open(&msg_table, &request);
}

/* linux/msg.h and asm-generic/msgbuf.h. */
struct linux_msqid {
    struct linux_ipc_perm perm;
    int64_t send_time, receive_time, change_time;
    uint64_t bytes, count, bytes_max;
    int32_t sender, receiver;
    uint64_t unused[2];
};
static_assert(sizeof(struct linux_msqid) == 120, "ABI");
struct linux_msginfo {
    int32_t pool, map, max, bytes, queues, segment_size, total;
    uint16_t segments;
};
static_assert(sizeof(struct linux_msginfo) == 32, "ABI");

static long tell_limits(int command, vaddr_t addr)
{
    struct linux_msginfo info = {
        .pool = 32000 * (16384 / 1024),
        .map = 16384,
        .max = (int)sysctl_read(&linux_msg_max),
        .bytes = (int)sysctl_read(&linux_msg_bytes),
        .queues = (int)sysctl_read(&linux_msg_queues),
        .segment_size = 16,
        .total = 16384,
        .segments = 0xffff,
    };
    mutex_lock(&msg_table.lock);
    int last = ipc_last_locked(&msg_table);
    if (command == MSG_INFO) {
        info.pool = (int)msg_table.used;
        info.map = info.total = 0;
        for (int i = 0; i <= last; i++) {
            const struct msg_queue *queue = msg_queue_of(ipc_at_locked(&msg_table, i));
            info.map += queue != NULL ? (int)queue->count : 0;
            info.total += queue != NULL ? (int)queue->bytes : 0;
        }
    }
    mutex_unlock(&msg_table.lock);
    return put_user(info, addr) != 0 ? -EFAULT : last;
}

static void describe(const struct msg_queue *queue, struct linux_msqid *out)
{
    *out = (struct linux_msqid){
        .send_time = queue->send_time,
        .receive_time = queue->receive_time,
        .change_time = queue->object.change_time,
        .bytes = queue->bytes,
        .count = queue->count,
        .bytes_max = queue->bytes_max,
        .sender = queue->sender,
        .receiver = queue->receiver,
    };
    ipc_get_perm(&queue->object, &out->perm);
}

static long tell_queue(int id, int command, vaddr_t addr)
{
    struct linux_msqid status = {.bytes = 0};
    mutex_lock(&msg_table.lock);
    struct ipc_object *object = command == IPC_STAT ? ipc_find_locked(&msg_table, id)
                                                    : ipc_at_locked(&msg_table, id);
    long result = object == NULL            ? -EINVAL
                  : command == MSG_STAT_ANY ? 0
                                            : ipc_may(object, IPC_READ);
    if (result == 0) {
        describe(msg_queue_of(object), &status);
        result = command == IPC_STAT ? 0 : object->id;
    }
    mutex_unlock(&msg_table.lock);
    return result >= 0 && put_user(status, addr) != 0 ? -EFAULT : result;
}

/* REQUIRES the lock. */
static int queue_set(struct msg_queue *queue, const struct linux_msqid *status)
{
    if (status->bytes_max > (uint64_t)sysctl_read(&linux_msg_bytes) &&
        !linux_capable(CAP_SYS_RESOURCE)) {
        return -EPERM;
    }
    int error = ipc_set_perm(&queue->object, &status->perm);
    if (error == 0) {
        queue->bytes_max = status->bytes_max;
        msg_queue_changed(queue);
    }
    return error;
}

static int change_queue(int id, int command, vaddr_t addr)
{
    struct linux_msqid status;
    if (command == IPC_SET && get_user(status, addr) != 0) {
        return -EFAULT;
    }
    mutex_lock(&msg_table.lock);
    struct msg_queue *queue = msg_queue_of(ipc_find_locked(&msg_table, id));
    int error = queue != NULL ? ipc_may_change(&queue->object) : -EINVAL;
    bool remove = error == 0 && command == IPC_RMID;
    if (remove) {
        ipc_remove_locked(&msg_table, &queue->object);
        queue->removed = true;
        msg_queue_changed(queue);
    } else if (error == 0) {
        error = queue_set(queue, &status);
    }
    mutex_unlock(&msg_table.lock);
    if (remove) {
        msg_queue_put(queue);
    }
    return error;
}

LINUX_CALL3(msgctl, int, id, int, command, vaddr_t, addr)
{
    if (id < 0 || command < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return tell_limits(command, addr);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return tell_queue(id, command, addr);
    case IPC_SET:
    case IPC_RMID:
        return change_queue(id, command, addr);
    default:
        return -EINVAL;
    }
}

int proc_show_msg(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
                     "cuid  cgid      stime      rtime      ctime\n");
    mutex_lock(&msg_table.lock);
    for (int i = 0, last = ipc_last_locked(&msg_table); i <= last; i++) {
        struct ipc_object *object = ipc_at_locked(&msg_table, i);
        if (object != NULL) {
            const struct msg_queue *q = msg_queue_of(object);
            text_printf(out,
                        "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10lld %10lld "
                        "%10lld\n",
                        object->key, object->id, object->mode, q->bytes, q->count, q->sender,
                        q->receiver, object->uid, object->gid, object->cuid, object->cgid,
                        (long long)q->send_time, (long long)q->receive_time,
                        (long long)object->change_time);
        }
    }
    mutex_unlock(&msg_table.lock);
    return 0;
}
