/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals read from a file: signalfd(2). Such a file has a set of signals and nothing more: who
 * reads it gets his own pending ones, so all of them share one queue of those who wait.
 */
#include "kernel/arch/user.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pseudo.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/signal/signal_state.h"

struct waitq linux_signalfd_wait = WAITQ_INIT(linux_signalfd_wait);

/* struct signalfd_siginfo (linux/signalfd.h). */
struct signalfd_siginfo {
    uint32_t signo;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t timer_id, band, overrun, trapno;
    int32_t status, value_int;
    uint64_t value, utime, stime, addr;
    uint16_t addr_lsb, pad2;
    int32_t call;
    uint64_t call_addr;
    uint32_t arch;
    uint8_t pad[28];
};
static_assert(sizeof(struct signalfd_siginfo) == 128, "ABI");

/* The set lies in priv: it needs no memory of its own. */
static uint64_t set_of(const struct file *file)
{
    return (uint64_t)__atomic_load_n(&file->priv, __ATOMIC_RELAXED);
}

static bool is_pending(uint64_t set)
{
    const struct linux_thread *self = linux_current();
    return ((__atomic_load_n(&self->pending.set, __ATOMIC_RELAXED) |
             __atomic_load_n(&self->process->pending.set, __ATOMIC_RELAXED)) &
            set) != 0;
}

static bool put_signal(struct io *io, const struct linux_siginfo *info)
{
    /* Members that the kind of signal does not have are zero in info. */
    const struct signalfd_siginfo out = {
        .signo = (uint32_t)info->signo,
        .error = info->error,
        .code = info->code,
        .pid = (uint32_t)info->pid,
        .uid = info->uid,
        .timer_id = (uint32_t)info->timer_id,
        .overrun = (uint32_t)info->overrun,
        .status = info->status,
        .value_int = (int32_t)info->value,
        .value = info->value,
        .utime = info->utime,
        .stime = info->stime,
        .addr = info->addr,
    };
    return io_put(io, &out, sizeof(out)) == sizeof(out);
}

static int take(uint64_t set, struct linux_siginfo *info)
{
    struct linux_thread *self = linux_current();
    unsigned long flags = spin_lock_irqsave(&self->process->signal_lock);
    int signo = signal_take_locked(self, set, info);
    spin_unlock_irqrestore(&self->process->signal_lock, flags);
    return signo;
}

static ssize_type signalfd_read(struct file *file, struct io *io, uint64_t *pos)
{
    ssize_type done = 0;
    struct linux_siginfo info;
    (void)pos;
    if (io->left < sizeof(struct signalfd_siginfo)) {
        return -EINVAL;
    }
    while (io->left >= sizeof(struct signalfd_siginfo)) {
        if (take(set_of(file), &info) != 0) {
            if (!put_signal(io, &info)) {
                return done > 0 ? done : -EFAULT;
            }
            done += (ssize_type)sizeof(struct signalfd_siginfo);
        } else if (done > 0) {
            break;
        } else if (file_flags(file) & O_NONBLOCK) {
            return -EAGAIN;
        } else if (wait_event_intr(&linux_signalfd_wait, is_pending(set_of(file))) != 0) {
            return -ERESTARTSYS;
        }
    }
    signal_recheck();
    return done;
}

static unsigned signalfd_poll(struct file *file, struct poll_table *table)
{
    poll_wait(table, &linux_signalfd_wait);
    return is_pending(set_of(file)) ? POLLIN : 0u;
}

static void signalfd_show(struct file *file, struct text *out)
{
    text_printf(out, "sigmask:\t%016llx\n", (unsigned long long)set_of(file));
}

static const struct file_ops signalfd_ops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .traits = FILE_IDLE_SEEK,
    .show = signalfd_show,
};

static long change(int fd, uint64_t set)
{
    struct fd_ref ref = fd_borrow(fd);
    int error = ref.file == NULL ? -EBADF : ref.file->ops != &signalfd_ops ? -EINVAL : 0;
    if (error == 0) {
        __atomic_store_n(&ref.file->priv, (void *)set, __ATOMIC_RELAXED);
        waitq_wake_all(&linux_signalfd_wait);
    }
    fd_return(ref);
    return error != 0 ? error : fd;
}

static long open_signalfd(int fd, vaddr_t set_addr, size_t size, unsigned flags)
{
    uint64_t set;
    struct file *file;
    if (size != sizeof(set) || (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    if (get_user(set, set_addr) != 0) {
        return -EFAULT;
    }
    set &= ~SIGNALS_UNMASKED;
    if (fd != -1) {
        return change(fd, set);
    }
    int error = anon_file_create("anon_inode:[signalfd]", &signalfd_ops,
                                 O_RDWR | (flags & O_NONBLOCK), (void *)set, &file);
    return error != 0 ? error : fd_install_new(file, (flags & O_CLOEXEC) != 0);
}

LINUX_CALL3(signalfd, int, fd, vaddr_t, set, size_t, size)
{
    return open_signalfd(fd, set, size, 0);
}

LINUX_CALL4(signalfd4, int, fd, vaddr_t, set, size_t, size, unsigned, flags)
{
    return open_signalfd(fd, set, size, flags);
}
