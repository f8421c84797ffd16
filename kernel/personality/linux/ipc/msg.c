/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of System V queues: msgsnd(2), msgrcv(2). */
#include "kernel/personality/linux/ipc/msg.h"
#include "kernel/arch/user.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/limits.h"

enum { MSG_NOERROR = 010000, MSG_EXCEPT = 020000, MSG_COPY = 040000 };

/* What the caller of msgsnd or msgrcv wants. */
struct msg_request {
    int id, flags;
    int64_t type;
    size_t size;
    struct msg *msg; /* to be sent, or received */
};

/* One try: 0, -EAGAIN: not now, or an error. REQUIRES the lock. */
typedef int (*msg_attempt)(struct msg_queue *queue, struct msg_request *request);

static int try_send(struct msg_queue *queue, struct msg_request *request)
{
    int error = ipc_may(&queue->object, IPC_WRITE);
    if (error != 0) {
        return error;
    }
    if (queue->bytes + request->size > queue->bytes_max || queue->count + 1 > queue->bytes_max) {
        return -EAGAIN;
    }
    list_add_tail(&queue->messages, &request->msg->link);
    queue->bytes += request->size;
    queue->count++;
    queue->send_time = ipc_now();
    queue->sender = ipc_caller();
    msg_queue_changed(queue);
    request->msg = NULL;
    return 0;
}

/* The message that msgrcv's type and flags ask for: the first, the first of a type or of all
 * others, or the first of the lowest type up to a bound. */
static struct msg *choose(struct msg_queue *queue, const struct msg_request *request)
{
    struct msg *msg, *best = NULL;
    int64_t type = request->type, bound = type == INT64_MIN ? INT64_MAX : -type;
    list_for_each (msg, &queue->messages, link) {
        if (type < 0) {
            if (msg->type <= bound && (best == NULL || msg->type < best->type)) {
                best = msg;
            }
        } else if (type == 0 || (msg->type == type) == !(request->flags & MSG_EXCEPT)) {
            return msg;
        }
    }
    return best;
}

static int try_receive(struct msg_queue *queue, struct msg_request *request)
{
    int error = ipc_may(&queue->object, IPC_READ);
    if (error != 0) {
        return error;
    }
    struct msg *msg = choose(queue, request);
    if (msg == NULL) {
        return -EAGAIN;
    }
    if (msg->size > request->size && !(request->flags & MSG_NOERROR)) {
        return -E2BIG;
    }
    list_del(&msg->link);
    queue->bytes -= msg->size;
    queue->count--;
    queue->receive_time = ipc_now();
    queue->receiver = ipc_caller();
    msg_queue_changed(queue);
    request->msg = msg;
    return 0;
}

/* The queue with a reference, and what the attempt said. */
static int begin(struct msg_request *request, msg_attempt attempt, struct msg_queue **out,
                 unsigned *seen)
{
    mutex_lock(&msg_table.lock);
    struct msg_queue *queue = msg_queue_of(ipc_find_locked(&msg_table, request->id));
    int result = queue != NULL ? attempt(queue, request) : -EINVAL;
    *out = NULL;
    if (result == -EAGAIN && !(request->flags & IPC_NOWAIT)) {
        ref_get(&queue->refs);
        *out = queue;
        *seen = queue->changes;
    }
    mutex_unlock(&msg_table.lock);
    return result;
}

/* Tries until it is not "not now", or a signal comes. */
static int do_message(struct msg_request *request, msg_attempt attempt)
{
    struct msg_queue *queue;
    unsigned seen;
    int result = begin(request, attempt, &queue, &seen);
    if (queue == NULL) {
        return result;
    }
    while (result == -EAGAIN) {
        int ended = wait_event_intr(&queue->wait,
                                    __atomic_load_n(&queue->changes, __ATOMIC_RELAXED) != seen);
        if (ended != 0) {
            result = -ERESTARTNOHAND;
            break;
        }
        mutex_lock(&msg_table.lock);
        result = queue->removed ? -EIDRM : attempt(queue, request);
        seen = queue->changes;
        mutex_unlock(&msg_table.lock);
    }
    msg_queue_put(queue);
    return result;
}

int msg_from_user(vaddr_t addr, int64_t type, size_t size, struct msg **out)
{
    struct msg *msg = kmalloc(sizeof(*msg) + size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->type = type;
    msg->size = size;
    if (copy_from_user(msg->text, addr, size) != 0) {
        kfree(msg);
        return -EFAULT;
    }
    *out = msg;
    return 0;
}

LINUX_CALL4(msgsnd, int, id, vaddr_t, addr, size_t, size, int, flags)
{
    struct msg_request request = {.id = id, .flags = flags, .size = size};
    int64_t type; /* struct msgbuf: the type, then the text */
    if (get_user(type, addr) != 0) {
        return -EFAULT;
    }
    if (size > (uint64_t)sysctl_read(&linux_msg_max) || id < 0 || type < 1) {
        return -EINVAL;
    }
    int error = msg_from_user(addr + sizeof(type), type, size, &request.msg);
    if (error == 0) {
        error = do_message(&request, try_send);
        kfree(request.msg);
    }
    return error;
}

LINUX_CALL5(msgrcv, int, id, vaddr_t, addr, size_t, size, int64_t, type, int, flags)
{
    struct msg_request request = {.id = id, .flags = flags, .type = type, .size = size};
    if (id < 0 || size > INT64_MAX) {
        return -EINVAL;
    }
    if (flags & MSG_COPY) {
        /* As a Linux without checkpoints (msgrcv(2)). */
        return (flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT) ? -EINVAL : -ENOSYS;
    }
    int error = do_message(&request, try_receive);
    if (error != 0) {
        return error == -EAGAIN ? -ENOMSG : error;
    }
    struct msg *msg = request.msg;
    size = MIN(size, msg->size);
    if (put_user(msg->type, addr) != 0 || copy_to_user(addr + sizeof(type), msg->text, size) != 0) {
        error = -EFAULT;
    }
    kfree(msg);
    return error != 0 ? error : (long)size;
}
