/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues: mq_open(2), mq_unlink(2), mq_getsetattr(2), mq_notify(2). Names are those
 * of a directory that everybody may write to and nobody mounts.
 */
#include "kernel/personality/linux/ipc/mqueue.h"
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/nameless.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/signal/signal.h"
#include "lib/string.h"

#define NAME_MAX         255u
#define PRIORITIES       32768u
#define HARD_MAX         65536      /* messages of a queue, for whom no limit holds */
#define HARD_SIZE_MAX    (16 << 20) /* bytes of a message */
#define BYTES_OF_MESSAGE 48u        /* getrlimit(2): what each counts beyond its text */
#define SI_MESGQ         (-3)

struct linux_mq_attr {
    int64_t flags, max, size, count, reserved[4];
};
static_assert(sizeof(struct linux_mq_attr) == 64, "ABI");

struct linux_mq_event { /* struct sigevent */
    uint64_t value;
    int32_t signo, notify;
    unsigned char pad[48];
};
static_assert(sizeof(struct linux_mq_event) == 64, "ABI");

struct mutex mq_lock = MUTEX_INIT(mq_lock, LOCK_MQ);
static struct list queues = LIST_INIT(queues); /* [mq_lock] */
static unsigned named_count;                   /* [mq_lock] */

struct linux_sysctl linux_mq_queues_max = {256, 0, INT32_MAX};
struct linux_sysctl linux_mq_msg_max = {10, 1, HARD_MAX};
struct linux_sysctl linux_mq_msg_default = {10, 1, HARD_MAX};
struct linux_sysctl linux_mq_size_max = {8192, 128, HARD_SIZE_MAX};
struct linux_sysctl linux_mq_size_default = {8192, 128, HARD_SIZE_MAX};

/* REQUIRES the lock. */
static void end_notification(struct mqueue *queue)
{
    if (queue->notified != NULL) {
        process_put(queue->notified);
        queue->notified = NULL;
    }
}

void mqueue_notify(struct mqueue *queue)
{
    if (queue->notified == NULL) {
        return;
    }
    if (queue->notify == SIGEV_SIGNAL && queue->signo != 0) {
        (void)signal_send_process(queue->notified,
                                  &(struct linux_siginfo){.signo = queue->signo,
                                                          .code = SI_MESGQ,
                                                          .pid = ipc_caller(),
                                                          .uid = linux_current()->cred->uid,
                                                          .value = queue->value});
    }
    end_notification(queue);
}

/* REQUIRES the lock. */
static void put_locked(struct mqueue *queue)
{
    struct msg *msg, *next;
    if (--queue->refs > 0) {
        return;
    }
    list_for_each_safe (msg, next, &queue->messages, link) {
        kfree(msg);
    }
    end_notification(queue);
    list_del(&queue->link);
    kfree(queue);
}

static unsigned mqueue_poll(struct file *file, struct poll_table *table)
{
    struct mqueue *queue = file->priv;
    poll_wait_for(table, &queue->receive_wait, POLLIN | POLLRDNORM);
    poll_wait_for(table, &queue->send_wait, POLLOUT | POLLWRNORM);
    unsigned count = mqueue_count(queue);
    return (count != 0 ? POLLIN | POLLRDNORM : 0u) |
           (count < queue->max ? POLLOUT | POLLWRNORM : 0u);
}

/* Who closes any descriptor of it is not told any more. */
static void mqueue_flush(struct file *file)
{
    struct mqueue *queue = file->priv;
    mutex_lock(&mq_lock);
    if (queue->notified != NULL && linux_current() != NULL &&
        queue->notified == current_process()) {
        end_notification(queue);
    }
    mutex_unlock(&mq_lock);
}

static void mqueue_release(struct file *file)
{
    mutex_lock(&mq_lock);
    put_locked(file->priv);
    mutex_unlock(&mq_lock);
}

static const struct file_ops mqueue_ops = {
    .poll = mqueue_poll,
    .flush = mqueue_flush,
    .release = mqueue_release,
};

struct mqueue *mqueue_borrow(int fd, struct fd_ref *ref)
{
    *ref = fd_borrow(fd);
    return ref->file != NULL && ref->file->ops == &mqueue_ops ? ref->file->priv : NULL;
}

static struct mqueue *find_locked(const char *name)
{
    struct mqueue *queue;
    list_for_each (queue, &queues, link) {
        if (queue->named && strcmp(queue->name, name) == 0) {
            return queue;
        }
    }
    return NULL;
}

static int64_t limit_for(const struct linux_sysctl *limit, int64_t hard)
{
    return linux_capable(CAP_SYS_RESOURCE) ? hard : sysctl_read(limit);
}

/* Sizes as asked for, or the defaults: 0, -EINVAL. */
static int check_sizes(struct linux_mq_attr *attr, bool given)
{
    int64_t max = sysctl_read(&linux_mq_msg_max), size = sysctl_read(&linux_mq_size_max);
    if (!given) {
        attr->max = MIN(max, sysctl_read(&linux_mq_msg_default));
        attr->size = MIN(size, sysctl_read(&linux_mq_size_default));
        return 0;
    }
    bool good = attr->max > 0 && attr->size > 0 &&
                attr->max <= limit_for(&linux_mq_msg_max, HARD_MAX) &&
                attr->size <= limit_for(&linux_mq_size_max, HARD_SIZE_MAX);
    return good ? 0 : -EINVAL;
}

/* May the user's queues hold so much more? REQUIRES the lock. */
static bool may_charge(uint64_t charge)
{
    uint64_t limit = linux_limit(RLIMIT_MSGQUEUE);
    const struct mqueue *queue;
    list_for_each (queue, &queues, link) {
        charge += queue->owner == linux_current()->cred->uid ? queue->charge : 0;
    }
    return charge <= limit;
}

static uint64_t charge_of(const struct linux_mq_attr *attr)
{
    uint64_t max = (uint64_t)attr->max;
    return max * ((uint64_t)attr->size + BYTES_OF_MESSAGE) +
           MIN(max, PRIORITIES) * BYTES_OF_MESSAGE;
}

static struct mqueue *make(const char *name, unsigned mode, const struct linux_mq_attr *attr)
{
    const struct cred *cred = linux_current()->cred;
    struct mqueue *queue = kzalloc(sizeof(*queue) + strlen(name) + 1);
    if (queue == NULL) {
        return NULL;
    }
    memcpy(queue->name, name, strlen(name) + 1);
    list_init(&queue->messages);
    waitq_init(&queue->receive_wait);
    waitq_init(&queue->send_wait);
    queue->uid = cred->fsuid;
    queue->gid = cred->fsgid;
    queue->owner = cred->uid;
    queue->mode = mode & ~current_umask() & 0777;
    queue->max = (unsigned)attr->max;
    queue->size = (unsigned)attr->size;
    queue->charge = charge_of(attr);
    return queue;
}

/* A new one under the name, attr NULL: as usual. REQUIRES the lock. */
static int create_locked(const char *name, unsigned mode, const struct linux_mq_attr *asked,
                         struct mqueue **out)
{
    struct linux_mq_attr attr = {.max = 0};
    if (named_count >= limit_for(&linux_mq_queues_max, INT32_MAX)) {
        return -ENOSPC;
    }
    if (asked != NULL) {
        attr = *asked;
    }
    int error = check_sizes(&attr, asked != NULL);
    if (error != 0) {
        return error;
    }
    if (!may_charge(charge_of(&attr))) {
        return -EMFILE;
    }
    struct mqueue *queue = make(name, mode, &attr);
    if (queue == NULL) {
        return -ENOMEM;
    }
    queue->named = true;
    queue->refs = 1;
    named_count++;
    list_add_tail(&queues, &queue->link);
    *out = queue;
    return 0;
}

static int may_open(const struct mqueue *queue, unsigned flags)
{
    static const uint8_t rights[] = {4, 2, 6}; /* O_RDONLY, O_WRONLY, O_RDWR */
    const struct cred *cred = linux_current()->cred;
    unsigned mode = queue->mode;
    if (cred->fsuid == queue->uid) {
        mode >>= 6;
    } else if (cred_in_group(cred, queue->gid)) {
        mode >>= 3;
    }
    unsigned missing = rights[flags & O_ACCMODE] & ~mode;
    bool reads = missing == 4 && cred_can(cred, VFS_CAP_DAC_READ_SEARCH);
    return missing == 0 || reads || cred_can(cred, VFS_CAP_DAC_OVERRIDE) ? 0 : -EACCES;
}

/* The queue, with a reference. */
static int open_queue(const char *name, unsigned flags, unsigned mode,
                      const struct linux_mq_attr *attr, struct mqueue **out)
{
    mutex_lock(&mq_lock);
    struct mqueue *queue = find_locked(name);
    int error = -ENOENT;
    if (queue != NULL) {
        error = (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST : may_open(queue, flags);
    } else if (flags & O_CREAT) {
        error = create_locked(name, mode, attr, &queue);
    }
    if (error == 0) {
        queue->refs++;
        *out = queue;
    }
    mutex_unlock(&mq_lock);
    return error;
}

/* A name without the slash that libraries take off. */
static int check_name(const char *name)
{
    if (name[0] == '\0') {
        return -ENOENT;
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL) {
        return -EACCES;
    }
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static long open_file(const char *name, unsigned flags, unsigned mode,
                      const struct linux_mq_attr *attr)
{
    struct mqueue *queue;
    struct file *file;
    int error = check_name(name);
    if (error == 0 && (flags & O_ACCMODE) == O_ACCMODE) {
        error = -EINVAL;
    }
    if (error == 0) {
        error = open_queue(name, flags, mode, attr, &queue);
    }
    if (error != 0) {
        return error;
    }
    error = anon_file_create("anon_inode:[mqueue]", &mqueue_ops, flags & (O_ACCMODE | O_NONBLOCK),
                             queue, &file);
    if (error != 0) {
        mutex_lock(&mq_lock);
        put_locked(queue);
        mutex_unlock(&mq_lock);
        return error;
    }
    return fd_install_new(file, true);
}

LINUX_CALL4(mq_open, vaddr_t, name_addr, unsigned, flags, unsigned, mode, vaddr_t, attr_addr)
{
    struct linux_mq_attr attr;
    struct user_name name;
    if (attr_addr != 0 && get_user(attr, attr_addr) != 0) {
        return -EFAULT;
    }
    long result = user_name_get(&name, name_addr);
    if (result == 0) {
        result = open_file(name.text, flags, mode, attr_addr != 0 ? &attr : NULL);
        user_name_free(&name);
    }
    return result;
}

static int unlink_name(const char *name)
{
    const struct cred *cred = linux_current()->cred;
    int error = check_name(name);
    if (error != 0) {
        return error;
    }
    mutex_lock(&mq_lock);
    struct mqueue *queue = find_locked(name);
    if (queue == NULL) {
        error = -ENOENT;
    } else if (cred->fsuid != queue->uid && cred->fsuid != 0 && !cred_can(cred, VFS_CAP_FOWNER)) {
        error = -EPERM; /* their directory has the sticky bit, and is root's */
    } else {
        queue->named = false;
        named_count--;
        put_locked(queue);
    }
    mutex_unlock(&mq_lock);
    return error;
}

LINUX_CALL1(mq_unlink, vaddr_t, name_addr)
{
    struct user_name name;
    int result = user_name_get(&name, name_addr);
    if (result == 0) {
        result = unlink_name(name.text);
        user_name_free(&name);
    }
    return result;
}

LINUX_CALL3(mq_getsetattr, int, fd, vaddr_t, new_addr, vaddr_t, old_addr)
{
    struct linux_mq_attr new = {.flags = 0}, old = {.flags = 0};
    struct fd_ref ref;
    if (new_addr != 0 && get_user(new, new_addr) != 0) {
        return -EFAULT;
    }
    if (new.flags & ~(int64_t)O_NONBLOCK) {
        return -EINVAL;
    }
    const struct mqueue *queue = mqueue_borrow(fd, &ref);
    if (queue != NULL) {
        old.flags = file_flags(ref.file) & O_NONBLOCK;
        old.max = queue->max;
        old.size = queue->size;
        old.count = mqueue_count(queue);
        if (new_addr != 0 && new.flags != 0) {
            __atomic_fetch_or(&ref.file->flags, O_NONBLOCK, __ATOMIC_RELAXED);
        } else if (new_addr != 0) {
            __atomic_fetch_and(&ref.file->flags, ~(unsigned)O_NONBLOCK, __ATOMIC_RELAXED);
        }
    }
    fd_return(ref);
    if (queue == NULL) {
        return -EBADF;
    }
    return old_addr != 0 ? put_user(old, old_addr) : 0;
}

/* event NULL: the caller is not to be told any more. REQUIRES the lock. */
static int set_notification(struct mqueue *queue, const struct linux_mq_event *event)
{
    struct linux_process *self = current_process();
    if (event == NULL) {
        if (queue->notified == self) {
            end_notification(queue);
        }
        return 0;
    }
    if (queue->notified != NULL) {
        return -EBUSY;
    }
    process_get(self);
    queue->notified = self;
    queue->notify = event->notify;
    queue->signo = event->signo;
    queue->value = event->value;
    return 0;
}

LINUX_CALL2(mq_notify, int, fd, vaddr_t, event_addr)
{
    struct linux_mq_event event;
    struct fd_ref ref;
    if (event_addr != 0) {
        if (get_user(event, event_addr) != 0) {
            return -EFAULT;
        }
        if (event.notify < SIGEV_SIGNAL || event.notify > SIGEV_THREAD ||
            (event.notify == SIGEV_SIGNAL && (event.signo < 0 || event.signo > SIGRTMAX))) {
            return -EINVAL;
        }
        if (event.notify == SIGEV_THREAD) {
            return -EBADF; /* signo would be a netlink socket, of which there are none */
        }
    }
    struct mqueue *queue = mqueue_borrow(fd, &ref);
    int error = -EBADF;
    if (queue != NULL) {
        mutex_lock(&mq_lock);
        error = set_notification(queue, event_addr != 0 ? &event : NULL);
        mutex_unlock(&mq_lock);
    }
    fd_return(ref);
    return error;
}
