/* SPDX-License-Identifier: BSD-2-Clause */
/* poll(2) and ppoll(2). */
#include "kernel/personality/linux/file/poll.h"
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"

struct linux_pollfd {
    int32_t fd;
    int16_t events, revents;
};
static_assert(sizeof(struct linux_pollfd) == 8, "struct pollfd");

struct poll_list {
    struct linux_pollfd *fds;
    unsigned count;
};
#define FAST_FDS 32

static unsigned ask_fd(struct poll_set *set, int fd, unsigned wanted)
{
    if (fd < 0) {
        return 0;
    }
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return POLLNVAL;
    }
    unsigned events = poll_ask(set, ref.file) & (wanted | POLLERR | POLLHUP);
    fd_return(ref);
    return events;
}

static long scan_list(void *arg, struct poll_set *set)
{
    struct poll_list *list = arg;
    long ready = 0;
    for (unsigned i = 0; i < list->count; i++) {
        struct linux_pollfd *fd = &list->fds[i];
        fd->revents = (int16_t)ask_fd(set, fd->fd, (uint16_t)fd->events);
        if (fd->revents != 0) {
            ready++;
            set->table.add = NULL; /* there will be no sleep */
        }
    }
    return ready;
}

/* Results go back field by field: the program may use the others meanwhile. */
static int put_results(vaddr_t addr, const struct poll_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        vaddr_t at = addr + i * sizeof(struct linux_pollfd) +
                     offsetof(struct linux_pollfd, revents);
        int error = put_user(list->fds[i].revents, at);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static long do_poll(vaddr_t addr, unsigned count, uint64_t deadline_ns)
{
    struct linux_pollfd fast[FAST_FDS];
    struct poll_list list = {fast, count};
    if (count > linux_limit(RLIMIT_NOFILE) || count > INT_MAX / sizeof(struct linux_pollfd)) {
        return -EINVAL;
    }
    if (count > FAST_FDS) {
        list.fds = kmalloc(count * sizeof(struct linux_pollfd));
        if (list.fds == NULL) {
            return -ENOMEM;
        }
    }
    long result = copy_from_user(list.fds, addr, count * sizeof(struct linux_pollfd));
    if (result == 0) {
        result = poll_loop(scan_list, &list, deadline_ns);
        if (result >= 0) {
            int error = put_results(addr, &list);
            result = error != 0 ? error : result;
        }
    }
    if (list.fds != fast) {
        kfree(list.fds);
    }
    return result;
}

static long poll_restart(struct linux_thread *self)
{
    long result = do_poll(self->restart_arg[0], (unsigned)self->restart_arg[1],
                          self->restart_arg[2]);
    return result == -EINTR ? -ERESTART_RESTARTBLOCK : result;
}

LINUX_CALL3(poll, vaddr_t, fds, unsigned, count, int, timeout_ms)
{
    uint64_t deadline = timeout_ms < 0 ? WAIT_FOREVER : 0;
    if (timeout_ms > 0) {
        deadline = clock_monotonic_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
    }
    long result = do_poll(fds, count, deadline);
    if (result == -EINTR) {
        struct linux_thread *self = linux_current();
        self->restart = poll_restart;
        self->restart_arg[0] = fds;
        self->restart_arg[1] = count;
        self->restart_arg[2] = deadline;
        return -ERESTART_RESTARTBLOCK;
    }
    return result;
}

LINUX_CALL5(ppoll, vaddr_t, fds, unsigned, count, vaddr_t, timeout, vaddr_t, mask, size_t, size)
{
    struct linux_timespec value;
    uint64_t deadline = WAIT_FOREVER;
    int error = timeout != 0 ? get_user(value, timeout) : 0;
    if (error == 0 && timeout != 0) {
        error = poll_deadline(&value, &deadline);
    }
    if (error == 0) {
        error = poll_set_mask(mask, size);
    }
    if (error != 0) {
        return error;
    }
    long result = do_poll(fds, count, deadline);
    result = result == -EINTR ? -ERESTARTNOHAND : result;
    poll_reset_mask(mask != 0, result);
    poll_put_timespec(timeout, deadline);
    return result;
}
