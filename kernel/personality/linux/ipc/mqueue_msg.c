/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of POSIX queues: mq_timedsend(2), mq_timedreceive(2). */
#include "kernel/arch/user.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/mqueue.h"
#include "kernel/personality/linux/time/timespec.h"

#define PRIORITIES 32768u

/* A moment of the wall clock, as one of the monotonic clock: 0, -EFAULT, -EINVAL. */
static int deadline_from_user(vaddr_t addr, uint64_t *deadline_ns)
{
    uint64_t at, wall = clock_realtime_ns();
    *deadline_ns = WAIT_FOREVER;
    if (addr == 0) {
        return 0;
    }
    int error = timespec_from_user(addr, &at);
    if (error == 0) {
        *deadline_ns = clock_monotonic_ns() + (at > wall ? at - wall : 0);
    }
    return error;
}

/* Behind those that are as urgent. */
static bool try_send(struct mqueue *queue, struct msg *msg)
{
    mutex_lock(&mq_lock);
    bool fits = queue->count < queue->max;
    if (fits) {
        struct list *before = queue->messages.prev;
        while (before != &queue->messages &&
               list_entry(before, struct msg, link)->type < msg->type) {
            before = before->prev;
        }
        list_insert_between(&msg->link, before, before->next);
        __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
        if (queue->count == 1 && queue->receivers == 0) {
            mqueue_notify(queue);
        }
    }
    mutex_unlock(&mq_lock);
    if (fits) {
        waitq_wake_all(&queue->receive_wait);
    }
    return fits;
}

/* waits: the caller will sleep if there is nothing, and is counted among those who do. */
static struct msg *try_receive(struct mqueue *queue, bool waits)
{
    struct msg *msg = NULL;
    mutex_lock(&mq_lock);
    if (queue->count != 0) {
        msg = list_first(&queue->messages, struct msg, link);
        list_del(&msg->link);
        __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
    } else if (waits) {
        queue->receivers++;
    }
    mutex_unlock(&mq_lock);
    if (msg != NULL) {
        waitq_wake_all(&queue->send_wait);
    }
    return msg;
}

static void stop_waiting(struct mqueue *queue)
{
    mutex_lock(&mq_lock);
    queue->receivers--;
    mutex_unlock(&mq_lock);
}

static int error_of_wait(int ended)
{
    return ended == -ETIMEDOUT ? -ETIMEDOUT : -ERESTARTSYS;
}

static int send(struct file *file, struct mqueue *queue, struct msg *msg, uint64_t deadline_ns)
{
    while (!try_send(queue, msg)) {
        if (file_flags(file) & O_NONBLOCK) {
            return -EAGAIN;
        }
        int ended = wait_event_mode(&queue->send_wait, mqueue_count(queue) < queue->max,
                                    WAIT_INTERRUPTIBLE, deadline_ns);
        if (ended != 0) {
            return error_of_wait(ended);
        }
    }
    return 0;
}

static int receive(struct file *file, struct mqueue *queue, uint64_t deadline_ns, struct msg **out)
{
    bool waits = !(file_flags(file) & O_NONBLOCK);
    while ((*out = try_receive(queue, waits)) == NULL) {
        if (!waits) {
            return -EAGAIN;
        }
        int ended = wait_event_mode(&queue->receive_wait, mqueue_count(queue) != 0,
                                    WAIT_INTERRUPTIBLE, deadline_ns);
        stop_waiting(queue);
        if (ended != 0) {
            return error_of_wait(ended);
        }
    }
    return 0;
}

LINUX_CALL5(mq_timedsend, int, fd, vaddr_t, addr, size_t, size, unsigned, priority, vaddr_t,
            timeout)
{
    uint64_t deadline_ns;
    struct fd_ref ref;
    struct msg *msg = NULL;
    int result = deadline_from_user(timeout, &deadline_ns);
    if (result != 0 || priority >= PRIORITIES) {
        return result != 0 ? result : -EINVAL;
    }
    struct mqueue *queue = mqueue_borrow(fd, &ref);
    if (queue == NULL || !file_writable(ref.file)) {
        result = -EBADF;
    } else if (size > queue->size) {
        result = -EMSGSIZE;
    } else {
        result = msg_from_user(addr, priority, size, &msg);
    }
    if (result == 0) {
        result = send(ref.file, queue, msg, deadline_ns);
    }
    fd_return(ref);
    if (result != 0) {
        kfree(msg);
    }
    return result;
}

static long give(const struct msg *msg, vaddr_t addr, vaddr_t priority_addr)
{
    uint32_t priority = (uint32_t)msg->type;
    if ((priority_addr != 0 && put_user(priority, priority_addr) != 0) ||
        copy_to_user(addr, msg->text, msg->size) != 0) {
        return -EFAULT;
    }
    return (long)msg->size;
}

LINUX_CALL5(mq_timedreceive, int, fd, vaddr_t, addr, size_t, size, vaddr_t, priority_addr, vaddr_t,
            timeout)
{
    uint64_t deadline_ns;
    struct fd_ref ref;
    struct msg *msg;
    long result = deadline_from_user(timeout, &deadline_ns);
    if (result != 0) {
        return result;
    }
    struct mqueue *queue = mqueue_borrow(fd, &ref);
    if (queue == NULL || !file_readable(ref.file)) {
        result = -EBADF;
    } else if (size < queue->size) {
        result = -EMSGSIZE;
    } else {
        result = receive(ref.file, queue, deadline_ns, &msg);
    }
    fd_return(ref);
    if (result == 0) {
        result = give(msg, addr, priority_addr);
        kfree(msg);
    }
    return result;
}
