/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files: counting, and the one way to read, write and poll any of them. The position is locked
 * only where the file is seekable and somebody else could use it at the same time.
 */
#include "kernel/fs/file.h"
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/base/percpu.h"
#include "kernel/core/smp.h"
#include "kernel/fs/event.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/lock.h"
#include "kernel/mm/heap.h"

static struct cache *file_cache; /* constant after vfs_init */

/*
 * Files are counted where they are made and freed, so that CPUs share no line; a CPU's count may
 * be negative. Their sum is taken when the number that was added last comes near the limit.
 */
#define COUNT_BATCH 64
PERCPU(long, counted);               /* [owner CPU] not yet in count */
static int64_t count;                /* atomic: within COUNT_BATCH for each CPU */
static const int64_t *count_max;     /* constant after file_set_limit; atomic to read */
static bool (*may_exceed_max)(void); /* constant after file_set_limit */

static void count_file(long n)
{
    long now = percpu(counted) += n;
    if (unlikely(now >= COUNT_BATCH || now <= -COUNT_BATCH)) {
        __atomic_fetch_add(&count, now, __ATOMIC_RELAXED);
        percpu(counted) = 0;
    }
}

uint64_t file_count(void)
{
    int64_t sum = __atomic_load_n(&count, __ATOMIC_RELAXED);
    for (unsigned cpu = 0; cpu < cpu_present_count(); cpu++) {
        sum += __atomic_load_n(&percpu_of(cpu, counted), __ATOMIC_RELAXED);
    }
    return (uint64_t)MAX(sum, 0);
}

void file_set_limit(const int64_t *max, bool (*may_exceed)(void))
{
    count_max = max;
    may_exceed_max = may_exceed;
}

/* One more would be too many. */
static bool too_many(void)
{
    static int64_t told; /* atomic: the limit that was said to be reached */
    int64_t max = __atomic_load_n(count_max, __ATOMIC_RELAXED);
    int64_t slack = (int64_t)cpu_present_count() * COUNT_BATCH;
    if (likely(__atomic_load_n(&count, __ATOMIC_RELAXED) < max - slack) ||
        (int64_t)file_count() < max || may_exceed_max()) {
        return false;
    }
    if (__atomic_exchange_n(&told, max, __ATOMIC_RELAXED) != max) {
        log_info("VFS: file-max limit %lld reached", (long long)max);
    }
    return true;
}

void file_init(void)
{
    file_cache = cache_create("file", sizeof(struct file));
}

int file_create_take(const struct file_ops *ops, const struct path *path, unsigned flags,
                     struct file **out)
{
    bool refused = unlikely(count_max != NULL && too_many());
    struct file *file = refused ? NULL : cache_alloc(file_cache);
    if (file == NULL) {
        path_put(path);
        return refused ? -ENFILE : -ENOMEM;
    }
    count_file(1);
    *file = (struct file){
        .ops = ops,
        .flags = flags,
        .path = *path,
        .inode = path->dentry->inode,
    };
    ref_init(&file->refs, 1);
    mutex_init(&file->pos_lock, LOCK_FILE_POS);
    *out = file;
    return 0;
}

int file_create(const struct file_ops *ops, const struct path *path, unsigned flags,
                struct file **out)
{
    path_get(path);
    return file_create_take(ops, path, flags, out);
}

void file_get(struct file *file)
{
    ref_get(&file->refs);
}

static void file_freed(struct rcu_head *head)
{
    cache_free(file_cache, container_of(head, struct file, rcu));
}

void file_put(struct file *file)
{
    if (!ref_put(&file->refs)) {
        return;
    }
    count_file(-1);
    if (unlikely(__atomic_load_n(&file->watches, __ATOMIC_RELAXED) != NULL)) {
        epoll_file_gone(file);
    }
    if (unlikely(inode_has_locks(file->inode))) {
        file_locks_drop_file(file);
    }
    if (file->ops->flush != NULL) {
        file->ops->flush(file);
    }
    if (file->ops->release != NULL) {
        file->ops->release(file);
    }
    if (file_writable(file) && (file->inode->mode & S_IFMT) == S_IFREG &&
        !(file->ops->traits & FILE_NO_WRITER)) {
        __atomic_fetch_sub(&file->inode->writers, 1, __ATOMIC_RELAXED);
    }
    path_put(&file->path);
    rcu_call(&file->rcu, file_freed);
}

/* With one reference nobody else can come: new ones are made from existing ones only. */
static bool lock_pos(struct file *file)
{
    if (ref_read(&file->refs) == 1) {
        return false;
    }
    mutex_lock(&file->pos_lock);
    return true;
}

static int check_read(const struct file *file)
{
    if (unlikely(!file_readable(file))) {
        return -EBADF;
    }
    return likely(file->ops->read != NULL) ? 0 : -EINVAL;
}

static int check_write(const struct file *file)
{
    if (unlikely(!file_writable(file))) {
        return -EBADF;
    }
    return likely(file->ops->write != NULL) ? 0 : -EINVAL;
}

ssize_type file_read(struct file *file, struct io *io)
{
    int error = check_read(file);
    if (error != 0) {
        return error;
    }
    if (file->ops->seek == NULL) {
        uint64_t none = 0;
        return file->ops->read(file, io, &none);
    }
    bool locked = lock_pos(file);
    ssize_type result = file->ops->read(file, io, &file->pos);
    if (locked) {
        mutex_unlock(&file->pos_lock);
    }
    return result;
}

ssize_type file_write(struct file *file, struct io *io)
{
    int error = check_write(file);
    if (error != 0) {
        return error;
    }
    if (file->ops->seek == NULL) {
        uint64_t none = 0;
        return file->ops->write(file, io, &none);
    }
    bool locked = lock_pos(file);
    ssize_type result = file->ops->write(file, io, &file->pos);
    if (locked) {
        mutex_unlock(&file->pos_lock);
    }
    return result;
}

ssize_type file_pread(struct file *file, struct io *io, uint64_t pos)
{
    if (file->ops->seek == NULL) {
        return file_flags(file) & O_PATH ? -EBADF : -ESPIPE;
    }
    int error = check_read(file);
    return error != 0 ? error : file->ops->read(file, io, &pos);
}

ssize_type file_pwrite(struct file *file, struct io *io, uint64_t pos)
{
    if (file->ops->seek == NULL) {
        return file_flags(file) & O_PATH ? -EBADF : -ESPIPE;
    }
    int error = check_write(file);
    return error != 0 ? error : file->ops->write(file, io, &pos);
}

int file_read_exact(struct file *file, void *buf, size_t size, uint64_t pos)
{
    struct io io;
    io_init_kernel(&io, buf, size);
    if (file->ops->read == NULL) {
        return -EINVAL;
    }
    while (io.left > 0) {
        ssize_type n = file->ops->read(file, &io, &pos);
        if (n <= 0) {
            return n < 0 ? (int)n : -EIO;
        }
    }
    return 0;
}

unsigned file_poll(struct file *file, struct poll_table *table)
{
    if (file_flags(file) & O_PATH) {
        return POLLNVAL;
    }
    if (file->ops->poll == NULL) {
        return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    }
    return file->ops->poll(file, table);
}

int64_t file_seek_generic(struct file *file, int64_t offset, int whence)
{
    enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };
    int64_t size = (int64_t)__atomic_load_n(&file->inode->size, __ATOMIC_RELAXED), result;
    switch (whence) {
    case SEEK_SET:
        result = offset;
        break;
    case SEEK_CUR:
        if (__builtin_add_overflow((int64_t)file->pos, offset, &result)) {
            return -EOVERFLOW;
        }
        break;
    case SEEK_END:
        if (__builtin_add_overflow(size, offset, &result)) {
            return -EOVERFLOW;
        }
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if (offset < 0 || offset >= size) {
            return -ENXIO;
        }
        result = whence == SEEK_DATA ? offset : size;
        break;
    default:
        return -EINVAL;
    }
    if (result < 0) {
        return -EINVAL;
    }
    file->pos = (uint64_t)result;
    return result;
}

int file_deny_write(struct file *file)
{
    int *writers = &file->inode->writers;
    int old = __atomic_load_n(writers, __ATOMIC_RELAXED);
    do {
        if (old > 0) {
            return -ETXTBSY;
        }
    } while (!__atomic_compare_exchange_n(writers, &old, old - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

void file_allow_write(struct file *file)
{
    __atomic_fetch_add(&file->inode->writers, 1, __ATOMIC_RELAXED);
}
