/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes as files: pidfd_open(2), pidfd_getfd(2). Such a file keeps the process's struct, so it
 * never means another one, whoever gets the number later; it is readable when the process has
 * ended. pidfd_send_signal(2) is in signal/kill.c, CLONE_PIDFD in fork.c, P_PIDFD in wait.c.
 */
#include "kernel/personality/linux/process/pidfd.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pseudo.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"

static unsigned pidfd_poll(struct file *file, struct poll_table *table)
{
    struct linux_process *process = file->priv;
    poll_wait(table, &process->end_wait);
    unsigned long flags = process_tree_acquire();
    bool ended = process->state != PROCESS_ALIVE;
    process_tree_release(flags);
    return ended ? POLLIN | POLLRDNORM : 0u;
}

/* Those that have been waited for have no number any more. */
static void pidfd_show(struct file *file, struct text *out)
{
    struct linux_process *process = file->priv;
    unsigned long flags = process_tree_acquire();
    int pid = pid_process(process->pid) == process ? process->pid : -1;
    process_tree_release(flags);
    text_printf(out, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static void pidfd_release(struct file *file)
{
    process_put(file->priv);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .show = pidfd_show,
    .release = pidfd_release,
};

long pidfd_create(struct linux_process *process, unsigned flags)
{
    struct file *file;
    int error = anon_file_create("anon_inode:[pidfd]", &pidfd_ops, O_RDWR | flags, process, &file);
    if (error != 0) {
        return error;
    }
    process_get(process);
    return fd_install_new(file, true);
}

struct linux_process *pidfd_borrow(int fd, struct fd_ref *ref)
{
    *ref = fd_borrow(fd);
    return ref->file != NULL && ref->file->ops == &pidfd_ops ? ref->file->priv : NULL;
}

LINUX_CALL2(pidfd_open, int, pid, unsigned, flags)
{
    if ((flags & ~(unsigned)O_NONBLOCK) != 0 || pid <= 0) {
        return -EINVAL;
    }
    unsigned long irq = process_tree_acquire();
    struct linux_process *process = pid_process(pid);
    bool is_thread = process == NULL && pid_thread(pid) != NULL;
    if (process != NULL) {
        process_get(process);
    }
    process_tree_release(irq);
    if (process == NULL) {
        return is_thread ? -EINVAL : -ESRCH;
    }
    long fd = pidfd_create(process, flags);
    process_put(process);
    return fd;
}

/* Its files may be taken by who could debug it: the same user in all IDs (ptrace(2)). */
static struct file *take_file(struct linux_process *process, int fd, int *error)
{
    const struct cred *mine = linux_current()->cred;
    unsigned long flags = process_tree_acquire();
    bool gone = pid_process(process->pid) != process;
    const struct cred *other = gone ? NULL : process->leader->cred;
    bool same = !gone && mine->uid == other->uid && mine->uid == other->euid &&
                mine->uid == other->suid && mine->gid == other->gid && mine->gid == other->egid &&
                mine->gid == other->sgid && process->dumpable == 1;
    process_tree_release(flags);
    if (gone || (!same && process != current_process() && !linux_capable(CAP_SYS_PTRACE))) {
        *error = gone ? -ESRCH : -EPERM;
        return NULL;
    }
    unsigned found = (unsigned)fd;
    struct file *file = fd < 0 ? NULL : fd_table_next(process, &found);
    if (file != NULL && found != (unsigned)fd) {
        file_put(file);
        file = NULL;
    }
    *error = file != NULL ? 0 : -EBADF;
    return file;
}

LINUX_CALL3(pidfd_getfd, int, fd, int, target, unsigned, flags)
{
    struct fd_ref ref;
    if (flags != 0) {
        return -EINVAL;
    }
    int error = -EBADF;
    struct linux_process *process = pidfd_borrow(fd, &ref);
    struct file *file = process != NULL ? take_file(process, target, &error) : NULL;
    fd_return(ref);
    return file != NULL ? fd_install_new(file, true) : error;
}
