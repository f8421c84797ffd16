/* SPDX-License-Identifier: BSD-2-Clause */
/* Event counters and sets of watched files: eventfd(2), epoll_create(2), epoll_ctl(2),
 * epoll_wait(2) and their variants. */
#include "abi/layout.h"
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"
#include "kernel/fs/event.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/poll.h"

enum { EFD_SEMAPHORE = 1 };
enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
#define EPOLL_MAX_EVENTS ((unsigned)INT_MAX / sizeof(struct epoll_event))

static long create_eventfd(unsigned count, unsigned flags)
{
    struct file *file;
    if (flags & ~(unsigned)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) {
        return -EINVAL;
    }
    int error = eventfd_create(count, (flags & EFD_SEMAPHORE) != 0, flags & O_NONBLOCK, &file);
    return error != 0 ? error : fd_install_new(file, (flags & O_CLOEXEC) != 0);
}

LINUX_CALL1(eventfd, unsigned, count)
{
    return create_eventfd(count, 0);
}

LINUX_CALL2(eventfd2, unsigned, count, unsigned, flags)
{
    return create_eventfd(count, flags);
}

static long create_epoll(bool close_on_exec)
{
    struct file *file;
    int error = epoll_create(&file);
    return error != 0 ? error : fd_install_new(file, close_on_exec);
}

LINUX_CALL1(epoll_create, int, size)
{
    return size <= 0 ? -EINVAL : create_epoll(false);
}

LINUX_CALL1(epoll_create1, unsigned, flags)
{
    return flags & ~(unsigned)O_CLOEXEC ? -EINVAL : create_epoll((flags & O_CLOEXEC) != 0);
}

static int control(struct file *epoll, int op, struct file *file, int fd,
                   const struct epoll_event *event)
{
    if (file->ops->poll == NULL) {
        return -EPERM;
    }
    if (epoll == file || !file_is_epoll(epoll)) {
        return -EINVAL;
    }
    switch (op) {
    case EPOLL_CTL_ADD:
        return epoll_add(epoll, file, fd, event);
    case EPOLL_CTL_DEL:
        return epoll_delete(epoll, file, fd);
    case EPOLL_CTL_MOD:
        return epoll_modify(epoll, file, fd, event);
    default:
        return -EINVAL;
    }
}

LINUX_CALL4(epoll_ctl, int, epoll_fd, int, op, int, fd, vaddr_t, event_addr)
{
    struct epoll_event event = {0, 0};
    if (op != EPOLL_CTL_DEL && get_user(event, event_addr) != 0) {
        return -EFAULT;
    }
    struct fd_ref epoll = fd_borrow(epoll_fd), watched = fd_borrow(fd);
    int result = epoll.file == NULL || watched.file == NULL
                     ? -EBADF
                     : control(epoll.file, op, watched.file, fd, &event);
    fd_return(watched);
    fd_return(epoll);
    return result;
}

static long wait_for_events(int fd, vaddr_t events, int max, uint64_t deadline_ns)
{
    if (max <= 0 || (unsigned)max > EPOLL_MAX_EVENTS) {
        return -EINVAL;
    }
    size_t size = (unsigned)max * sizeof(struct epoll_event);
    if (events >= LAYOUT_USER_END || size > LAYOUT_USER_END - events) {
        return -EFAULT;
    }
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = file_is_epoll(ref.file) ? epoll_wait(ref.file, events, (unsigned)max, deadline_ns)
                                          : -EINVAL;
    fd_return(ref);
    return result;
}

static uint64_t deadline_of(int timeout_ms)
{
    if (timeout_ms <= 0) {
        return timeout_ms < 0 ? WAIT_FOREVER : 0;
    }
    return clock_monotonic_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
}

LINUX_CALL4(epoll_wait, int, fd, vaddr_t, events, int, max, int, timeout_ms)
{
    return wait_for_events(fd, events, max, deadline_of(timeout_ms));
}

struct signal_mask {
    vaddr_t addr; /* 0: stays as it is */
    size_t size;
};

/* With a signal mask for the time of the call; a signal that ends it is delivered under that. */
static long wait_with_mask(int fd, vaddr_t events, int max, uint64_t deadline_ns,
                           const struct signal_mask *mask)
{
    int error = poll_set_mask(mask->addr, mask->size);
    if (error != 0) {
        return error;
    }
    long result = wait_for_events(fd, events, max, deadline_ns);
    poll_reset_mask(mask->addr != 0, result == -EINTR ? -ERESTARTNOHAND : result);
    return result;
}

LINUX_CALL6(epoll_pwait, int, fd, vaddr_t, events, int, max, int, timeout_ms, vaddr_t, mask, size_t,
            size)
{
    return wait_with_mask(fd, events, max, deadline_of(timeout_ms),
                          &(struct signal_mask){mask, size});
}

LINUX_CALL6(epoll_pwait2, int, fd, vaddr_t, events, int, max, vaddr_t, timeout, vaddr_t, mask,
            size_t, size)
{
    struct linux_timespec value;
    uint64_t deadline = WAIT_FOREVER;
    if (timeout != 0) {
        int error = get_user(value, timeout);
        error = error != 0 ? error : poll_deadline(&value, &deadline);
        if (error != 0) {
            return error;
        }
    }
    return wait_with_mask(fd, events, max, deadline, &(struct signal_mask){mask, size});
}
