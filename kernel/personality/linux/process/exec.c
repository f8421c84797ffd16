/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve(2) and execveat(2): a thread's process gets another program. The new space is made and
 * filled beside the old one; whatever is wrong with file, arguments or memory is an error that
 * leaves the caller as it was. Then the other threads end, and the program is changed in steps that
 * cannot fail. Scripts ("#!") are replaced by their interpreters first.
 */
#include "kernel/personality/linux/process/exec.h"
#include "kernel/arch/user.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/timeline.h"
#include "kernel/core/sched.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/memory/vdso.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/script.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/format.h"
#include "lib/string.h"

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EMPTY_PATH       0x1000u
#define ADDR_NO_RANDOMIZE   0x0040000u
#define PER_CLEAR_ON_SETID  (0x0400000u | 0x0040000u | 0x0100000u | 0x8000000u | 0x2000000u)

int exec_open(int dirfd, const char *name, unsigned walk_flags, struct file **out)
{
    struct walk walk;
    struct path path;
    struct inode_attr attr;
    int result = walk_begin(&walk, dirfd, name);
    if (result != 0) {
        return result;
    }
    result = vfs_walk(&walk, name, walk_flags, &path);
    walk_end(&walk);
    if (result != 0) {
        return result;
    }
    result = vfs_getattr(&path, &attr);
    if (result == 0 && (attr.mode & S_IFMT) == S_IFLNK) {
        result = -ELOOP;
    } else if (result == 0 &&
               ((attr.mode & S_IFMT) != S_IFREG || (mount_flags(path.mount) & MS_NOEXEC))) {
        result = -EACCES;
    }
    if (result == 0) {
        result = vfs_permission(linux_current()->cred, &path, 1);
    }
    if (result == 0) {
        /* The right to execute is enough for the kernel to read it. */
        result = vfs_open_path(&linux_root_cred, &path, O_RDONLY | O_LARGEFILE, out);
    }
    path_put(&path);
    if (result == 0 && (result = file_deny_write(*out)) != 0) {
        file_put(*out);
        *out = NULL;
    }
    return result;
}

void exec_close(struct file *file)
{
    if (file != NULL) {
        file_allow_write(file);
        file_put(file);
    }
}

int exec_read_head(struct file *file, unsigned char head[EXEC_HEAD_SIZE])
{
    struct io io;
    size_t done = 0;
    while (done < EXEC_HEAD_SIZE) {
        io_init_kernel(&io, head + done, EXEC_HEAD_SIZE - done);
        ssize_type n = file_pread(file, &io, done);
        if (n < 0) {
            return (int)n;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    memset(head + done, 0, EXEC_HEAD_SIZE - done);
    return 0;
}

static char *copy_text(const char *text, size_t size)
{
    char *copy = kmalloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

/* Replaces a script by its interpreter: the file that is loaded, and the arguments. `name` is the
 * script's, *interp_name becomes the interpreter's (owned by args). */
static int enter_script(struct exec *exec, const char *name, const char **interp_name)
{
    struct script_line line;
    struct exec_args *args = &exec->args;
    int result = script_parse((const char *)exec->head, &line);
    if (result != 0) {
        return result;
    }
    if (line.interp_size == 0) {
        return -EACCES; /* as Linux, to which it is the working directory's name */
    }
    char *parts[3] = {copy_text(name, strlen(name)),
                      line.arg_size != 0 ? copy_text(line.arg, line.arg_size) : NULL,
                      copy_text(line.interp, line.interp_size)};
    if (args->prefix_count > 0) {
        /* The interpreter is a script itself: its name as argv[0] goes. */
        kfree(args->prefix[--args->prefix_count]);
    }
    args->drop_first = true;
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        if (parts[i] == NULL && (i != 1 || line.arg_size != 0)) {
            result = -ENOMEM;
        } else if (parts[i] != NULL && result == 0) {
            result = exec_args_prepend(args, parts[i]);
        } else {
            kfree(parts[i]);
        }
    }
    if (result != 0) {
        return result;
    }
    *interp_name = parts[2];
    exec_close(exec->file);
    exec->file = NULL;
    return exec_open(AT_FDCWD, parts[2], WALK_FOLLOW, &exec->file);
}

/* Follows scripts until there is a program, and loads it. */
static int load(struct exec *exec)
{
    const char *name = exec->filename;
    for (unsigned depth = 0;; depth++) {
        int result = exec_read_head(exec->file, exec->head);
        if (result != 0) {
            return result;
        }
        if (exec->head[0] != '#' || exec->head[1] != '!') {
            return exec_load_elf(exec);
        }
        if (depth == EXEC_SCRIPTS_MAX) {
            return -ELOOP;
        }
        result = enter_script(exec, name, &name);
        if (result != 0) {
            return result;
        }
    }
}

/* Ends all other threads; this one becomes the leader: 0, or -EAGAIN when the process is dying. */
static int become_only_thread(struct linux_thread *self)
{
    struct linux_process *process = self->process;
    struct linux_thread *thread, *old = NULL;
    unsigned long flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    if (process->group_exiting || (process->exec_thread != NULL && process->exec_thread != self)) {
        spin_unlock(&process->signal_lock);
        process_tree_release(flags);
        return -EAGAIN;
    }
    process->exec_thread = self;
    list_for_each (thread, &process->threads, link) {
        if (thread != self) {
            thread_interrupt(thread->thread, true);
        }
    }
    spin_unlock(&process->signal_lock);
    process_tree_release(flags);
    int result = wait_event_mode(&process->exec_wait,
                                 __atomic_load_n(&process->thread_count, __ATOMIC_ACQUIRE) == 1,
                                 WAIT_KILLABLE, WAIT_FOREVER);
    flags = process_tree_acquire();
    if (result == 0 && process->leader != self) {
        /* The program keeps its PID. */
        old = process->leader;
        linux_thread_unlink_tid_locked(old, self->tid);
        self->tid = process->pid;
        process->leader = self;
        pid_set_thread(self->tid, self);
    }
    process->exec_thread = NULL;
    process_tree_release(flags);
    if (old != NULL) {
        linux_thread_free(old);
    }
    return result != 0 ? -EAGAIN : 0;
}

/* Gets private copies of what is shared with other processes: descriptors, handlers. */
static int unshare(struct linux_thread *self)
{
    struct linux_process *process = self->process;
    if (self->files != NULL && ref_read(&self->files->refs) > 1) {
        struct fd_table *copy, *old = self->files;
        int result = fd_table_copy(old, &copy);
        if (result != 0) {
            return result;
        }
        unsigned long flags = process_tree_acquire();
        self->files = copy;
        process_tree_release(flags);
        fd_table_put(old);
    }
    if (ref_read(&process->handlers->refs) > 1) {
        struct linux_handlers *copy = handlers_copy(process->handlers), *old = process->handlers;
        if (copy == NULL) {
            return -ENOMEM;
        }
        unsigned long flags = process_tree_acquire();
        spin_lock(&process->signal_lock);
        process->handlers = copy;
        spin_unlock(&process->signal_lock);
        process_tree_release(flags);
        handlers_put(old);
    }
    return 0;
}

static void set_name(const char *filename)
{
    const char *slash = strrchr(filename, '/');
    strlcpy(current->name, slash != NULL ? slash + 1 : filename, sizeof(current->name));
}

/* The old program is given up: nothing fails from here on. */
static void change_program(struct linux_thread *self, struct exec *exec)
{
    linux_speculation_exec(self);
    struct linux_process *process = self->process;
    const struct cred *old_cred = self->cred;
    linux_memory_done(self, FUTEX_ALIVE);
    /* Rights first: /proc takes hold of the memory and then asks whether it may look at it, so that
     * nobody sees a set-user-ID program with the rights that its caller gave. */
    unsigned long flags = process_tree_acquire();
    if (exec->secure) {
        process->dumpable = 0;
    }
    self->cred = exec->cred;
    exec->cred = (struct cred *)old_cred;
    process_tree_release(flags);
    struct space *old = thread_switch_space(exec->space);
    exec->space = NULL;
    self->rseq = 0;
    self->altstack_base = 0;
    self->altstack_size = 0;
    self->altstack_flags = SS_DISABLE;
    self->restart = NULL;
    if (exec->secure) {
        self->pdeath_signal = 0;
        process->persona &= ~PER_CLEAR_ON_SETID;
    }
    process->dumpable = exec->secure ? 0 : 1;
    process->exit_signal = SIGCHLD;
    self->securebits &= ~(1u << 4); /* SECBIT_KEEP_CAPS */
    handlers_reset(process->handlers);
    linux_timers_delete(process);
    flags = process_tree_acquire();
    process->execed = true;
    if (old != NULL) {
        process->peak_resident_pages = MAX(process->peak_resident_pages, space_peak_pages(old));
    }
    process_tree_release(flags);
    set_name(exec->filename);
    fd_table_exec(self->files);
    if (old != NULL) {
        space_put(old);
    }
    arch_thread_reset();
    arch_regs_start(thread_user_regs(current), exec->image.entry, exec->sp);
}

static int prepare(struct exec *exec)
{
    exec->randomize = !cmdline_flag("norandmaps") &&
                      (current_process()->persona & ADDR_NO_RANDOMIZE) == 0;
    int result = load(exec);
    if (result == 0) {
        result = linux_exec_cred(&exec->file->path, &exec->cred, &exec->secure);
    }
    if (result == 0) {
        linux_space_set_exe(exec->space, exec->file);
        result = vdso_map(exec->space, &linux_space_of(exec->space)->vdso);
    }
    return result == 0 ? exec_build_stack(exec) : result;
}

static void destroy(struct exec *exec)
{
    exec_args_free(&exec->args);
    exec_close(exec->file);
    exec_close(exec->interp);
    if (exec->cred != NULL) {
        linux_cred_put(exec->cred);
    }
    if (exec->space != NULL) {
        space_put(exec->space);
    }
    kfree(exec->fd_name);
    kfree(exec);
}

/* The end of the boot: the first program, and the first that another process becomes. */
static void note_start(const struct linux_process *process)
{
    static bool noted[2]; /* atomic */
    bool is_other = process != init_process;
    if (!__atomic_load_n(&noted[is_other], __ATOMIC_RELAXED) &&
        !__atomic_exchange_n(&noted[is_other], true, __ATOMIC_RELAXED)) {
        timeline_event(TIMELINE_USER, is_other ? "program" : "init");
    }
}

/* Everything but collecting the strings: takes exec over. */
static int run(struct exec *exec)
{
    struct linux_thread *self = linux_current();
    int result = prepare(exec);
    if (result == 0) {
        result = become_only_thread(self);
    }
    if (result == 0) {
        result = unshare(self);
    }
    if (result == 0) {
        change_program(self, exec);
    }
    destroy(exec);
    if (result == 0) {
        note_start(self->process);
    }
    return result;
}

static int create(const char *filename, struct exec **out)
{
    struct exec *exec = kmalloc(sizeof(*exec));
    if (exec == NULL) {
        return -ENOMEM;
    }
    exec->filename = filename;
    exec->fd_name = NULL;
    exec->file = exec->interp = NULL;
    exec->cred = NULL;
    exec->space = NULL;
    exec->secure = false;
    exec->image = (struct exec_image){.entry = 0};
    *out = exec;
    int result = exec_args_init(&exec->args);
    if (result != 0) {
        destroy(exec);
    }
    return result;
}

int linux_exec_kernel(const char *path, const char *const argv[], const char *const envp[])
{
    struct exec *exec;
    int result = create(path, &exec);
    if (result != 0) {
        return result;
    }
    result = exec_open(AT_FDCWD, path, WALK_FOLLOW, &exec->file);
    if (result == 0) {
        result = exec_args_from_kernel(&exec->args, argv, envp);
    }
    if (result == 0) {
        return run(exec);
    }
    destroy(exec);
    return result;
}

/* A name relative to a descriptor is shown, and given to interpreters, through /dev/fd. */
static int name_by_fd(struct exec *exec, int dirfd, const char *path)
{
    size_t size = strlen(path) + 32;
    exec->fd_name = kmalloc(size);
    if (exec->fd_name == NULL) {
        return -ENOMEM;
    }
    (void)snprintf(exec->fd_name, size, path[0] != '\0' ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd,
                   path);
    exec->filename = exec->fd_name;
    return 0;
}

static int exec_user(int dirfd, const char *path, vaddr_t argv, vaddr_t envp, unsigned walk_flags)
{
    struct exec *exec;
    struct linux_thread *self = linux_current();
    if (self->too_many && __atomic_load_n(&self->cred->user->threads, __ATOMIC_RELAXED) >
                              self->process->limits[RLIMIT_NPROC].soft) {
        return -EAGAIN;
    }
    self->too_many = false;
    int result = create(path, &exec);
    if (result != 0) {
        return result;
    }
    result = exec_open(dirfd, path, walk_flags, &exec->file);
    if (result == 0 && dirfd != AT_FDCWD && path[0] != '/') {
        result = name_by_fd(exec, dirfd, path);
    }
    if (result == 0) {
        result = exec_args_from_user(&exec->args, argv, envp);
    }
    if (result == 0) {
        return run(exec);
    }
    destroy(exec);
    return result;
}

LINUX_CALL3(execve, vaddr_t, path_addr, vaddr_t, argv, vaddr_t, envp)
{
    char *path;
    int result = path_from_user(path_addr, &path);
    if (result == 0) {
        result = exec_user(AT_FDCWD, path, argv, envp, WALK_FOLLOW);
        path_buffer_free(path);
    }
    return result;
}

LINUX_CALL5(execveat, int, dirfd, vaddr_t, path_addr, vaddr_t, argv, vaddr_t, envp, unsigned, flags)
{
    char *path;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    int result = path_from_user(path_addr, &path);
    if (result == 0) {
        unsigned walk_flags = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
                              (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
        result = exec_user(dirfd, path, argv, envp, walk_flags);
        path_buffer_free(path);
    }
    return result;
}
