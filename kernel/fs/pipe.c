/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and fifos (pipe(7), fifo(7)): a ring of pages. Writes of up to PIPE_ATOMIC bytes are
 * atomic. A pipe belongs to an inode as long as somebody has it open; ends opened by name and ends
 * made by pipe(2) are the same. Writing without a reader gives -EPIPE; the signal is the caller's
 * business.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pipe_impl.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define PIPE_MAX (1ul << 20)

static struct pipe *pipe_alloc(void)
{
    struct pipe *pipe = kzalloc(sizeof(*pipe));
    if (pipe == NULL) {
        return NULL;
    }
    ref_init(&pipe->users, 1);
    mutex_init(&pipe->lock, LOCK_PIPE);
    waitq_init(&pipe->read_wait);
    waitq_init(&pipe->write_wait);
    waitq_init(&pipe->open_wait);
    pipe->capacity = PIPE_PAGES * PAGE_SIZE;
    pipe->pages = pipe->own_pages;
    return pipe;
}

static void pipe_free(struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->capacity / PAGE_SIZE; i++) {
        if (pipe->pages[i] != NULL) {
            frame_put(paddr_to_frame(virt_to_phys(pipe->pages[i])));
        }
    }
    if (pipe->pages != pipe->own_pages) {
        kfree(pipe->pages);
    }
    kfree(pipe);
}

char *pipe_page(struct pipe *pipe, size_t at, size_t *contiguous)
{
    char **page = &pipe->pages[(at & (pipe->capacity - 1)) >> PAGE_SHIFT];
    if (unlikely(*page == NULL)) {
        struct frame *frame = frame_alloc(0);
        if (frame == NULL) {
            return NULL;
        }
        *page = frame_to_virt(frame);
    }
    *contiguous = PAGE_SIZE - (at & PAGE_MASK);
    return *page + (at & PAGE_MASK);
}

/* Bytes moved out, fewer than there are when user memory faults. REQUIRES pipe->lock. */
static size_t pipe_take(struct pipe *pipe, struct io *io)
{
    size_t moved = 0, size = MIN(io->left, pipe_used(pipe));
    while (moved < size) {
        size_t part;
        const char *bytes = pipe_page(pipe, pipe->read_at, &part);
        part = MIN(part, size - moved);
        size_t done = io_put(io, bytes, part);
        pipe->read_at += done;
        moved += done;
        if (done < part) {
            break;
        }
    }
    pipe_set_used(pipe, pipe->used - moved);
    if (pipe->used == 0) {
        pipe->read_at = 0; /* small talk stays in the first page */
    }
    return moved;
}

int pipe_put(struct pipe *pipe, struct io *io, size_t *moved)
{
    size_t size = MIN(io->left, pipe_room(pipe)), sum = 0, end = pipe->read_at + pipe->used;
    int error = 0;
    while (sum < size && error == 0) {
        size_t part;
        char *bytes = pipe_page(pipe, end + sum, &part);
        if (bytes == NULL) {
            error = -ENOMEM;
            break;
        }
        part = MIN(part, size - sum);
        size_t done = io_take(io, bytes, part);
        sum += done;
        error = done < part ? -EFAULT : 0;
    }
    pipe_set_used(pipe, pipe->used + sum);
    *moved += sum;
    return error;
}

int pipe_wait_data(struct pipe *pipe, bool nonblock)
{
    while (pipe_used(pipe) == 0 || unlikely(pipe->splicing)) {
        if (pipe->writers == 0 && !pipe->splicing) {
            return 1;
        }
        if (nonblock && !pipe->splicing) {
            return -EAGAIN;
        }
        mutex_unlock(&pipe->lock);
        int error = wait_event_intr(&pipe->read_wait,
                                    !pipe_load(&pipe->splicing) &&
                                        (pipe_used(pipe) > 0 || pipe_load(&pipe->writers) == 0));
        mutex_lock(&pipe->lock);
        if (error != 0 && (pipe_used(pipe) == 0 || pipe->splicing)) {
            return -ERESTARTSYS;
        }
    }
    return 0;
}

static ssize_type pipe_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct pipe *pipe = file->priv;
    (void)pos;
    if (io->left == 0) {
        return 0;
    }
    size_t moved = 0;
    bool was_full = false;
    mutex_lock(&pipe->lock);
    int error = pipe_wait_data(pipe, (file_flags(file) & O_NONBLOCK) != 0);
    if (error == 0) {
        was_full = pipe_room(pipe) < PIPE_ATOMIC;
        moved = pipe_take(pipe, io);
        error = moved == 0 ? -EFAULT : 0;
    }
    mutex_unlock(&pipe->lock);
    if (was_full) {
        waitq_wake_one(&pipe->write_wait);
    }
    return error > 0 ? 0 : error != 0 ? error : (ssize_type)moved;
}

/* Room that lets a write of `left` bytes go on: all of it when it has to be atomic. */
static size_t room_wanted(size_t left, size_t capacity)
{
    return MIN(MIN(left, PIPE_ATOMIC), capacity);
}

int pipe_wait_room(struct pipe *pipe, size_t wanted, bool nonblock)
{
    if (nonblock) {
        return -EAGAIN;
    }
    mutex_unlock(&pipe->lock);
    int error = wait_event_intr(&pipe->write_wait,
                                pipe_room(pipe) >= wanted || pipe_load(&pipe->readers) == 0);
    mutex_lock(&pipe->lock);
    return error != 0 && pipe_room(pipe) < wanted ? -ERESTARTSYS : 0;
}

static ssize_type pipe_write(struct file *file, struct io *io, uint64_t *pos)
{
    struct pipe *pipe = file->priv;
    (void)pos;
    if (io->left == 0) {
        return 0;
    }
    bool atomic = io->left <= PIPE_ATOMIC;
    size_t moved = 0;
    int error = 0;
    mutex_lock(&pipe->lock);
    while (io->left > 0 && error == 0) {
        size_t wanted = room_wanted(io->left, pipe->capacity);
        size_t room = pipe_room(pipe);
        if (pipe->readers == 0) {
            error = -EPIPE;
        } else if (room < (atomic ? wanted : 1)) {
            error = pipe_wait_room(pipe, wanted, (file_flags(file) & O_NONBLOCK) != 0);
        } else {
            /* Who waits for edges (epoll) wants to hear of each write. */
            bool tell = pipe_used(pipe) == 0 || pipe_load(&pipe->polled);
            error = pipe_put(pipe, io, &moved);
            if (tell && moved > 0) {
                waitq_wake_one(&pipe->read_wait);
            }
        }
    }
    mutex_unlock(&pipe->lock);
    return moved > 0 ? (ssize_type)moved : error;
}

static unsigned pipe_poll(struct file *file, struct poll_table *table)
{
    struct pipe *pipe = file->priv;
    unsigned events = 0;
    if (table != NULL && table->add != NULL) {
        __atomic_store_n(&pipe->polled, 1, __ATOMIC_RELAXED);
    }
    if (file_readable(file)) {
        poll_wait(table, &pipe->read_wait);
        if (pipe_used(pipe) > 0) {
            events |= POLLIN | POLLRDNORM;
        }
        /* A fifo that has never had a writer since this end was opened has not hung up. */
        if (pipe_load(&pipe->writers) == 0 && pipe_load(&pipe->write_opens) != file->pos) {
            events |= POLLHUP;
        }
    }
    if (file_writable(file)) {
        poll_wait(table, &pipe->write_wait);
        if (pipe_room(pipe) >= PIPE_ATOMIC) {
            events |= POLLOUT | POLLWRNORM;
        }
        if (pipe_load(&pipe->readers) == 0) {
            events |= POLLERR;
        }
    }
    return events;
}

static long pipe_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    struct pipe *pipe = file->priv;
    int used = (int)pipe_used(pipe);
    if (request != FILE_IOCTL_FIONREAD) {
        return -ENOTTY;
    }
    return put_user(used, arg);
}

/* RELEASES the caller's share of pipe; the last one frees it. */
static void pipe_leave(struct inode *inode, struct pipe *pipe)
{
    if (!ref_put(&pipe->users)) {
        return;
    }
    spin_lock(&vfs_lock);
    if (inode->pipe == pipe) { /* else somebody came since, and found this one ended */
        inode->pipe = NULL;
    }
    spin_unlock(&vfs_lock);
    pipe_free(pipe);
}

static void drop_ends(struct file *file, struct pipe *pipe)
{
    mutex_lock(&pipe->lock);
    bool wake_writers = file_readable(file) && --pipe->readers == 0;
    bool wake_readers = file_writable(file) && --pipe->writers == 0;
    mutex_unlock(&pipe->lock);
    if (wake_writers) {
        waitq_wake_all(&pipe->write_wait);
    }
    if (wake_readers) {
        waitq_wake_all(&pipe->read_wait);
    }
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->priv;
    drop_ends(file, pipe);
    pipe_leave(file->inode, pipe);
}

const struct file_ops pipe_file_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
};

/* The inode's pipe, made if nobody has it open. */
static int pipe_join(struct inode *inode, struct pipe **out)
{
    struct pipe *fresh = NULL;
    for (;;) {
        spin_lock(&vfs_lock);
        struct pipe *pipe = inode->pipe;
        if (pipe != NULL && !ref_get_unless_zero(&pipe->users)) {
            pipe = NULL;
        }
        if (pipe == NULL && fresh != NULL) {
            pipe = inode->pipe = fresh;
            fresh = NULL;
        }
        spin_unlock(&vfs_lock);
        if (pipe != NULL) {
            if (fresh != NULL) {
                pipe_free(fresh);
            }
            *out = pipe;
            return 0;
        }
        fresh = pipe_alloc();
        if (fresh == NULL) {
            return -ENOMEM;
        }
    }
}

static void add_ends(struct file *file, struct pipe *pipe)
{
    if (file_readable(file)) {
        pipe->readers++;
        pipe->read_opens++;
    }
    if (file_writable(file)) {
        pipe->writers++;
        pipe->write_opens++;
    }
}

/* fifo(7): an open waits for the other side, but for O_RDWR and O_NONBLOCK. */
static int fifo_rendezvous(struct file *file, struct pipe *pipe)
{
    bool reads = file_readable(file), writes = file_writable(file);
    mutex_lock(&pipe->lock);
    if (writes && !reads && (file_flags(file) & O_NONBLOCK) && pipe->readers == 0) {
        mutex_unlock(&pipe->lock);
        return -ENXIO;
    }
    add_ends(file, pipe);
    unsigned *opens = reads ? &pipe->write_opens : &pipe->read_opens, before = *opens;
    bool alone = reads != writes && (reads ? pipe->writers : pipe->readers) == 0;
    mutex_unlock(&pipe->lock);
    waitq_wake_all(&pipe->open_wait);
    if (!alone) {
        return 0;
    }
    if (file_flags(file) & O_NONBLOCK) {
        file->pos = before; /* no hang-up until a writer has come and gone */
        return 0;
    }
    if (wait_event_intr(&pipe->open_wait, pipe_load(opens) != before) != 0) {
        drop_ends(file, pipe);
        return -ERESTARTSYS;
    }
    return 0;
}

/* An end of a nameless pipe is opened again (/proc/PID/fd): that waits for nobody. */
static int pipe_reopen(struct file *file, struct pipe *pipe)
{
    mutex_lock(&pipe->lock);
    add_ends(file, pipe);
    mutex_unlock(&pipe->lock);
    return 0;
}

static int open_end(struct inode *inode, struct file *file,
                    int (*meet)(struct file *file, struct pipe *pipe))
{
    struct pipe *pipe;
    int error = pipe_join(inode, &pipe);
    if (error != 0) {
        return error;
    }
    file->pos = UINT64_MAX; /* write_opens never is */
    error = meet(file, pipe);
    if (error != 0) {
        pipe_leave(inode, pipe);
        return error;
    }
    file->priv = pipe;
    file->ops = &pipe_file_ops;
    return 0;
}

int fifo_open(struct inode *inode, struct file *file)
{
    return open_end(inode, file, fifo_rendezvous);
}

static int nameless_open(struct inode *inode, struct file *file)
{
    return open_end(inode, file, pipe_reopen);
}

long pipe_capacity(struct file *file)
{
    return file->ops == &pipe_file_ops
               ? (long)__atomic_load_n(&((struct pipe *)file->priv)->capacity, __ATOMIC_RELAXED)
               : -EBADF;
}

/* REQUIRES pipe->lock. What is in the pipe is copied to the front of the new ring. */
static long resize_locked(struct pipe *pipe, size_t capacity)
{
    size_t used = pipe_used(pipe), old_pages = pipe->capacity / PAGE_SIZE;
    if (used > capacity) {
        return -EBUSY;
    }
    if (used > 0 && capacity != pipe->capacity) {
        return -EBUSY; /* Linux could move the bytes; nobody asks for that */
    }
    if (capacity == pipe->capacity) {
        return (long)capacity;
    }
    char **pages = kcalloc(capacity / PAGE_SIZE, sizeof(char *));
    if (pages == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < old_pages; i++) {
        if (i < capacity / PAGE_SIZE) {
            pages[i] = pipe->pages[i];
        } else if (pipe->pages[i] != NULL) {
            frame_put(paddr_to_frame(virt_to_phys(pipe->pages[i])));
        }
    }
    if (pipe->pages != pipe->own_pages) {
        kfree(pipe->pages);
    }
    pipe->pages = pages;
    pipe->read_at = 0;
    __atomic_store_n(&pipe->capacity, capacity, __ATOMIC_RELAXED);
    return (long)capacity;
}

long pipe_set_capacity(struct file *file, unsigned long size)
{
    if (file->ops != &pipe_file_ops) {
        return -EBADF;
    }
    if (size > PIPE_MAX) {
        return -EPERM;
    }
    size_t capacity = PAGE_SIZE;
    while (capacity < size) {
        capacity *= 2;
    }
    struct pipe *pipe = file->priv;
    mutex_lock(&pipe->lock);
    long result = resize_locked(pipe, capacity);
    mutex_unlock(&pipe->lock);
    waitq_wake_all(&pipe->write_wait);
    return result;
}

static const struct file_ops unopened_ops;
static const struct inode_ops pipe_inode_ops = {.open = nameless_open};

static struct nameless_fs pipefs = {
    .type = {.name = "pipefs", .magic = 0x50495045, .internal = true},
    .mode = S_IFIFO | 0600,
    .ops = &pipe_inode_ops,
    .file_ops = &unopened_ops,
};

/* One end; takes over the caller's share of pipe when it succeeds. */
static int make_end(struct pipe *pipe, const struct path *path, unsigned flags, struct file **out)
{
    int error = file_create(&pipe_file_ops, path, flags, out);
    if (error == 0) {
        (*out)->priv = pipe;
        (*out)->pos = UINT64_MAX;
        add_ends(*out, pipe);
    }
    return error;
}

int pipe_create(unsigned flags, struct file *ends[2])
{
    struct path path;
    int error = nameless_path(&pipefs, "pipe", &path);
    if (error != 0) {
        return error;
    }
    struct pipe *pipe;
    error = pipe_join(path.dentry->inode, &pipe);
    if (error == 0) {
        flags &= O_NONBLOCK;
        error = make_end(pipe, &path, flags | O_RDONLY, &ends[0]);
        if (error != 0) {
            pipe_leave(path.dentry->inode, pipe);
        }
    }
    if (error == 0) {
        ref_get(&pipe->users);
        error = make_end(pipe, &path, flags | O_WRONLY, &ends[1]);
        if (error != 0) {
            pipe_leave(path.dentry->inode, pipe);
            file_put(ends[0]);
        }
    }
    path_put(&path);
    return error;
}
