/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables: finding, installing, closing, copying at fork, closing at exec. Finding takes
 * no lock: entries and files are freed when no reader holds them (core/rcu.h), and a file that is
 * used is counted. Changes hold the table's spinlock; files are put after it is dropped, as the
 * last reference may sleep.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/lock.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/file/files.h"
#include "lib/string.h"

uint64_t linux_limit(unsigned number)
{
    return __atomic_load_n(&current_process()->limits[number].soft, __ATOMIC_RELAXED);
}

struct fd_table *fd_table_create(void)
{
    struct fd_table *table = kzalloc(sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    ref_init(&table->refs, 1);
    spin_init(&table->lock, LOCK_FD_TABLE);
    table->size = FD_TABLE_FIRST;
    table->entries = table->first;
    return table;
}

void fd_table_get(struct fd_table *table)
{
    ref_get(&table->refs);
}

/* What every close does, the last one or not. */
static void close_file(struct fd_table *table, struct file *file)
{
    if (unlikely(inode_has_locks(file->inode))) {
        file_locks_drop_owner(file->inode, table);
    }
    if (file->ops->flush != NULL) {
        file->ops->flush(file);
    }
    file_put(file);
}

/* Entries beyond the first ones. */
struct fd_array {
    struct rcu_head rcu;
    struct fd_entry entries[];
};

static void array_freed(struct rcu_head *head)
{
    kfree(container_of(head, struct fd_array, rcu));
}

static struct fd_array *array_of(const struct fd_table *table)
{
    return table->entries == table->first ? NULL
                                          : container_of(table->entries, struct fd_array, entries);
}

void fd_table_put(struct fd_table *table)
{
    if (!ref_put(&table->refs)) {
        return;
    }
    for (unsigned fd = 0; fd < table->top; fd++) {
        if (table->entries[fd].file != NULL) {
            close_file(table, table->entries[fd].file);
        }
    }
    kfree(array_of(table));
    kfree(table);
}

/* A reader's, or with the lock. The size is written last, so the entries are at least as many. */
static struct file *file_at(const struct fd_table *table, int fd)
{
    unsigned size = __atomic_load_n(&table->size, __ATOMIC_ACQUIRE);
    if ((unsigned)fd >= size) {
        return NULL;
    }
    const struct fd_entry *entries = rcu_read(table->entries);
    return rcu_read(entries[arch_bounded((unsigned)fd, size)].file);
}

struct fd_ref fd_borrow_shared(struct fd_table *table, int fd)
{
    struct file *file;
    rcu_read_lock();
    do {
        file = file_at(table, fd); /* one on its way out: dup2 may have put another in its place */
    } while (file != NULL && !ref_get_unless_zero(&file->refs));
    rcu_read_unlock();
    return (struct fd_ref){file, file != NULL};
}

struct file *fd_get_any(int fd)
{
    return fd_borrow_shared(linux_current()->files, fd).file;
}

struct file *fd_get(int fd)
{
    struct file *file = fd_get_any(fd);
    if (file != NULL && (file_flags(file) & O_PATH)) {
        file_put(file);
        return NULL;
    }
    return file;
}

/* Room for descriptor fd; the lock is held, and dropped for nothing: the heap never sleeps. */
static int grow_locked(struct fd_table *table, unsigned fd)
{
    unsigned size = table->size;
    while (size <= fd) {
        size *= 2;
    }
    struct fd_array *old = array_of(table);
    struct fd_array *array = kzalloc(sizeof(*array) + size * sizeof(struct fd_entry));
    if (array == NULL) {
        return -ENOMEM;
    }
    memcpy(array->entries, table->entries, table->size * sizeof(struct fd_entry));
    rcu_assign(table->entries, array->entries);
    __atomic_store_n(&table->size, size, __ATOMIC_RELEASE);
    if (old != NULL) {
        rcu_call(&old->rcu, array_freed);
    }
    return 0;
}

static void set_locked(struct fd_table *table, unsigned fd, struct file *file, bool close_on_exec)
{
    table->entries[fd].close_on_exec = close_on_exec;
    rcu_assign(table->entries[fd].file, file);
    if (fd >= table->top) {
        __atomic_store_n(&table->top, fd + 1, __ATOMIC_RELAXED);
    }
}

int fd_install(struct file *file, unsigned from, bool close_on_exec)
{
    struct fd_table *table = linux_current()->files;
    uint64_t limit = linux_limit(RLIMIT_NOFILE);
    int error = 0;
    spin_lock(&table->lock);
    unsigned fd = MAX(from, table->next);
    while (fd < table->size && table->entries[fd].file != NULL) {
        fd++;
    }
    if (fd >= limit || fd > INT_MAX) {
        error = -EMFILE;
    } else if (fd >= table->size) {
        error = grow_locked(table, fd);
    }
    if (error == 0) {
        set_locked(table, fd, file, close_on_exec);
        if (from <= table->next) {
            table->next = fd + 1;
        }
    }
    spin_unlock(&table->lock);
    return error != 0 ? error : (int)fd;
}

int fd_install_at(struct file *file, unsigned fd, bool close_on_exec)
{
    struct fd_table *table = linux_current()->files;
    struct file *old = NULL;
    int error = 0;
    if (fd >= linux_limit(RLIMIT_NOFILE) || fd > INT_MAX) {
        return -EBADF;
    }
    spin_lock(&table->lock);
    if (fd >= table->size) {
        error = grow_locked(table, fd);
    }
    if (error == 0) {
        old = table->entries[fd].file;
        set_locked(table, fd, file, close_on_exec);
    }
    spin_unlock(&table->lock);
    if (old != NULL) {
        close_file(table, old);
    }
    return error != 0 ? error : (int)fd;
}

static struct file *take_locked(struct fd_table *table, unsigned fd)
{
    struct file *file = table->entries[fd].file;
    if (file != NULL) {
        rcu_assign(table->entries[fd].file, NULL);
        table->next = MIN(table->next, fd);
    }
    return file;
}

int fd_close(int fd)
{
    struct fd_table *table = linux_current()->files;
    struct file *file = NULL;
    spin_lock(&table->lock);
    if ((unsigned)fd < table->size) {
        file = take_locked(table, (unsigned)fd);
    }
    spin_unlock(&table->lock);
    if (file == NULL) {
        return -EBADF;
    }
    close_file(table, file);
    return 0;
}

int fd_get_cloexec(int fd)
{
    struct fd_table *table = linux_current()->files;
    spin_lock(&table->lock);
    int result = file_at(table, fd) != NULL ? table->entries[fd].close_on_exec : -EBADF;
    spin_unlock(&table->lock);
    return result;
}

int fd_set_cloexec(int fd, bool on)
{
    struct fd_table *table = linux_current()->files;
    int result = -EBADF;
    spin_lock(&table->lock);
    if (file_at(table, fd) != NULL) {
        table->entries[fd].close_on_exec = on;
        result = 0;
    }
    spin_unlock(&table->lock);
    return result;
}

int fd_table_copy(struct fd_table *from, struct fd_table **out)
{
    struct fd_table *table = fd_table_create();
    if (table == NULL) {
        return -ENOMEM;
    }
    spin_lock(&from->lock);
    while (from->top > 0 && from->entries[from->top - 1].file == NULL) {
        from->top--;
    }
    int error = from->top > table->size ? grow_locked(table, from->top - 1) : 0;
    if (error == 0) {
        table->top = from->top;
        table->next = from->next;
        memcpy(table->entries, from->entries, from->top * sizeof(*table->entries));
        for (unsigned fd = 0; fd < table->top; fd++) {
            if (table->entries[fd].file != NULL) {
                file_get(table->entries[fd].file);
            }
        }
    }
    spin_unlock(&from->lock);
    if (error != 0) {
        fd_table_put(table);
        return error;
    }
    *out = table;
    return 0;
}

static bool closes_at_exec(const struct fd_entry *entry)
{
    return entry->file != NULL && entry->close_on_exec;
}

void fd_table_exec(struct fd_table *table)
{
    for (unsigned fd = 0;; fd++) {
        struct file *file = NULL;
        spin_lock(&table->lock);
        while (fd < table->top && !closes_at_exec(&table->entries[fd])) {
            fd++;
        }
        bool more = fd < table->top;
        if (more) {
            file = take_locked(table, fd);
        }
        spin_unlock(&table->lock);
        if (!more) {
            return;
        }
        if (file != NULL) {
            close_file(table, file);
        }
    }
}

/* Any live thread's table stands for the process. */
static struct fd_table *process_files(struct linux_process *process)
{
    struct fd_table *table = NULL;
    struct linux_thread *thread;
    unsigned long flags = process_tree_acquire();
    list_for_each (thread, &process->threads, link) {
        if (thread->files != NULL) {
            table = thread->files;
            fd_table_get(table);
            break;
        }
    }
    process_tree_release(flags);
    return table;
}

struct file *fd_table_next(struct linux_process *process, unsigned *fd)
{
    struct fd_table *table = process_files(process);
    if (table == NULL) {
        return NULL;
    }
    struct file *file = NULL;
    spin_lock(&table->lock);
    for (; *fd < table->top && file == NULL; ++*fd) {
        file = table->entries[*fd].file;
        if (file != NULL) {
            file_get(file);
            break;
        }
    }
    spin_unlock(&table->lock);
    fd_table_put(table);
    return file;
}
