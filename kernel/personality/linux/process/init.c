/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first processes (D1, C12): PID 1, which becomes the program that the command line or the
 * initramfs names, and PID 2, the parent of all kernel threads.
 */
#include "abi/errno.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/core/work.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/linux.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

#define INIT_ARGS_MAX 32 /* of argv and envp each, as Linux's MAX_INIT_ARGS */

static struct linux_process *kthreadd; /* constant once init begins */

struct kernel_entry {
    void (*entry)(void *arg);
    void *arg;
};

static void kernel_thread_begin(void *arg)
{
    struct kernel_entry entry = *(struct kernel_entry *)arg;
    kfree(arg);
    entry.entry(entry.arg);
    linux_exit_thread(0);
}

static void set_default_limits(struct linux_process *process)
{
    uint64_t threads = (uint64_t)sysctl_read(&linux_threads_max);
    for (unsigned i = 0; i < LINUX_RLIMITS; i++) {
        process->limits[i] = (struct linux_rlimit){RLIM_INFINITY, RLIM_INFINITY};
    }
    process->limits[RLIMIT_STACK].soft = 8ul << 20;
    process->limits[RLIMIT_CORE].soft = 0;
    process->limits[RLIMIT_NPROC] = (struct linux_rlimit){threads / 2, threads / 2};
    process->limits[RLIMIT_NOFILE] = (struct linux_rlimit){1024, 4096};
    process->limits[RLIMIT_MEMLOCK] = (struct linux_rlimit){8ul << 20, 8ul << 20};
    process->limits[RLIMIT_SIGPENDING] = process->limits[RLIMIT_NPROC];
    process->limits[RLIMIT_MSGQUEUE] = (struct linux_rlimit){819200, 819200};
    process->limits[RLIMIT_NICE] = (struct linux_rlimit){0, 0};
    process->limits[RLIMIT_RTPRIO] = (struct linux_rlimit){0, 0};
}

/* A process with one thread that is not started: -ENOMEM, -EAGAIN. */
static int make_process(const char *name, void (*entry)(void *arg), void *arg,
                        struct linux_process *parent, struct linux_process **out)
{
    struct linux_process *process = process_create();
    struct linux_thread *thread = process != NULL ? linux_thread_create(process) : NULL;
    if (thread == NULL || thread_create(name, entry, arg, &thread->thread) != 0) {
        goto fail;
    }
    process->is_kernel = init_process != NULL; /* all but the first */
    thread->thread->personality = &linux_personality_ops;
    thread->thread->personal = thread;
    thread->cred = &linux_root_cred;
    linux_cred_get(thread->cred);
    linux_itimers_setup(process);
    unsigned long flags = process_tree_acquire();
    int pid = pid_alloc();
    if (pid > 0) {
        process->pid = pid;
        process_link_locked(process, parent);
        linux_thread_link_locked(thread, pid);
        if (parent == NULL) {
            /* Sessions and groups begin with PID 1; kernel threads are in group 0, as on Linux. */
            process_join_group_locked(process, 0);
        }
    }
    process_tree_release(flags);
    if (pid > 0) {
        *out = process;
        return 0;
    }
    thread_discard(thread->thread);
    thread->thread = NULL;
fail:
    if (thread != NULL) {
        linux_thread_free(thread);
        process_put(process);
    }
    if (process != NULL) {
        process_put(process);
    }
    return -ENOMEM;
}

int kthread_create(const char *name, void (*entry)(void *arg), void *arg)
{
    struct linux_process *process;
    struct kernel_entry *start = kmalloc(sizeof(*start));
    if (start == NULL) {
        return -ENOMEM;
    }
    *start = (struct kernel_entry){entry, arg};
    int result = make_process(name, kernel_thread_begin, start, kthreadd, &process);
    if (result != 0) {
        kfree(start);
        return result;
    }
    int pid = process->pid;
    thread_start(process->leader->thread);
    return pid;
}

static void kthreadd_run(void *arg)
{
    (void)arg;
    work_make_workers(kthread_create);
}

static void open_console(struct linux_thread *self)
{
    struct walk walk;
    struct file *file;
    int result = walk_begin(&walk, -100 /* AT_FDCWD */, "/dev/console");
    if (result == 0) {
        const struct open_how how = {.flags = O_RDWR};
        result = vfs_open(&walk, "/dev/console", &how, &file);
        walk_end(&walk);
    }
    if (result != 0) {
        log_warn("Warning: unable to open an initial console.");
        return;
    }
    (void)self;
    for (int fd = 0; fd < 3; fd++) {
        if (fd > 0) {
            file_get(file);
        }
        if (fd_install(file, 0, false) < 0) {
            file_put(file);
        }
    }
}

struct init_vectors {
    const char *argv[INIT_ARGS_MAX + 2], *envp[INIT_ARGS_MAX + 3];
    unsigned argc, envc;
};

static void add_word(void *arg, const char *word, bool is_env)
{
    struct init_vectors *vectors = arg;
    if (!is_env) {
        if (vectors->argc <= INIT_ARGS_MAX) {
            vectors->argv[vectors->argc++] = word;
        }
        return;
    }
    /* A variable given again takes the place of the old one. */
    size_t name = (size_t)(strchr(word, '=') - word) + 1;
    for (unsigned i = 0; i < vectors->envc; i++) {
        if (strncmp(vectors->envp[i], word, name) == 0) {
            vectors->envp[i] = word;
            return;
        }
    }
    if (vectors->envc < INIT_ARGS_MAX + 2) {
        vectors->envp[vectors->envc++] = word;
    }
}

/* Enters the program when that works; else comes back with an error. */
static int try_program(const char *path, struct init_vectors *vectors)
{
    vectors->argv[0] = path;
    int result = linux_exec_kernel(path, vectors->argv, vectors->envp);
    if (result == 0) {
        kfree(vectors);
        thread_enter_user();
    }
    return result;
}

static void run_init(struct init_vectors *vectors)
{
    static const char *const fallbacks[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
    const char *rdinit = cmdline_get("rdinit"), *init = cmdline_get("init");
    const char *first = rdinit != NULL && rdinit[0] != '\0' ? rdinit : "/init";
    int result = try_program(first, vectors);
    if (result != -ENOENT || first == rdinit) {
        log_err("Failed to execute %s (error %d)", first, result);
    }
    if (init != NULL && init[0] != '\0') {
        result = try_program(init, vectors);
        boot_fail("Requested init %s failed (error %d). Pass init= with the path of a program, or "
                  "rdinit= for one of the initramfs.",
                  init, result);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(fallbacks); i++) {
        result = try_program(fallbacks[i], vectors);
        if (result != -ENOENT) {
            log_err("Starting init: %s exists but couldn't execute it (error %d)", fallbacks[i],
                    result);
        }
    }
    boot_fail("No working init found. Tried %s, /sbin/init, /etc/init, /bin/init and /bin/sh. Try "
              "passing init= option to kernel, or rdinit= for a program of the initramfs.",
              first);
}

static void init_begin(void *arg)
{
    struct linux_thread *self = linux_current();
    (void)arg;
    open_console(self);
    struct init_vectors *vectors = kzalloc(sizeof(*vectors));
    if (vectors == NULL) {
        boot_fail("no memory for the first program");
    }
    vectors->argc = 1;
    vectors->envp[vectors->envc++] = "HOME=/";
    vectors->envp[vectors->envc++] = "TERM=linux";
    cmdline_unknown(add_word, vectors);
    run_init(vectors);
}

void linux_start_init(const struct path *root)
{
    struct linux_process *process;
    /* These are ours although they are asked for only now. */
    (void)cmdline_flag("norandmaps");
    (void)cmdline_get("rdinit");
    (void)cmdline_get("init");
    if (make_process("init", init_begin, NULL, NULL, &process) != 0) {
        boot_fail("no memory for the first process");
    }
    init_process = process;
    process->unkillable = true;
    process->handlers = handlers_create();
    set_default_limits(process);
    struct linux_thread *thread = process->leader;
    thread->files = fd_table_create();
    thread->fs = fs_context_create(root);
    if (process->handlers == NULL || thread->files == NULL || thread->fs == NULL ||
        make_process("kthreadd", kthreadd_run, NULL, NULL, &kthreadd) != 0) {
        boot_fail("no memory for the first process");
    }
    thread_start(kthreadd->leader->thread);
    thread_start(thread->thread);
}
