/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Content of tmpfs files. The memory object is made when a file is first written or mapped; until
 * then it is empty, a hole, or bytes of the initramfs that are read where they lie. Pages are
 * counted against the superblock's limit when the file's lock is held anyway (account); what shared
 * mappings added meanwhile is counted at the next chance.
 */
#include "abi/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/space.h"
#include "kernel/fs/tmpfs/tmpfs.h"
#include "lib/string.h"

#define FILE_SIZE_MAX (INT64_MAX & ~PAGE_MASK)

static uint64_t inode_size(const struct inode *inode)
{
    return __atomic_load_n(&inode->size, __ATOMIC_RELAXED);
}

static struct vmo *inode_vmo(const struct inode *inode)
{
    return __atomic_load_n(&inode->data.vmo, __ATOMIC_ACQUIRE);
}

uint64_t tmpfs_pages(const struct inode *inode)
{
    uint64_t borrowed = PAGES(inode->data.borrowed_size);
    const struct vmo *vmo = inode_vmo(inode);
    return vmo != NULL ? MAX(vmo_pages(vmo), borrowed) : borrowed;
}

static uint64_t all_pages; /* atomic: of all superblocks */

uint64_t vfs_memory_pages(void)
{
    return __atomic_load_n(&all_pages, __ATOMIC_RELAXED);
}

/* REQUIRES inode->lock. */
static void account(struct inode *inode)
{
    uint64_t now = inode->data.vmo != NULL ? vmo_pages(inode->data.vmo) : 0;
    if (now != inode->data.accounted) {
        __atomic_fetch_add(&inode->sb->used_pages, now - inode->data.accounted, __ATOMIC_RELAXED);
        __atomic_fetch_add(&all_pages, now - inode->data.accounted, __ATOMIC_RELAXED);
        inode->data.accounted = now;
    }
}

int tmpfs_need_vmo(struct inode *inode)
{
    if (likely(inode->data.vmo != NULL)) {
        return 0;
    }
    struct vmo *vmo;
    int error = inode->data.borrowed_size > 0
                    ? vmo_create_borrowed(inode->data.borrowed, inode->data.borrowed_size, &vmo)
                    : vmo_create(&vmo);
    if (error == 0) {
        vmo_set_size(vmo, inode->size);
        __atomic_store_n(&inode->data.vmo, vmo, __ATOMIC_RELEASE);
    }
    return error;
}

void tmpfs_borrow(struct inode *inode, const void *bytes, uint64_t size)
{
    inode->data.borrowed = bytes;
    inode->data.borrowed_size = inode->size = size;
}

void tmpfs_data_evict(struct inode *inode)
{
    if (inode->data.vmo != NULL) {
        __atomic_fetch_sub(&inode->sb->used_pages, inode->data.accounted, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&all_pages, inode->data.accounted, __ATOMIC_RELAXED);
        vmo_put(inode->data.vmo);
    }
}

/* Without an object: bytes of the initramfs, then zeroes. */
static size_t read_borrowed(const struct inode *inode, struct io *io, uint64_t pos, size_t size)
{
    size_t done = 0;
    uint64_t borrowed = inode->data.borrowed_size;
    if (pos < borrowed) {
        size_t part = MIN(size, borrowed - pos);
        done = io_put(io, (const char *)inode->data.borrowed + pos, part);
        if (done < part) {
            return done;
        }
    }
    return done < size ? done + io_put_zero(io, size - done) : done;
}

static ssize_type tmpfs_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct inode *inode = file->inode;
    uint64_t size = inode_size(inode);
    if (*pos >= size || io->left == 0) {
        return 0;
    }
    size_t want = MIN(io->left, size - *pos), done;
    struct vmo *vmo = inode_vmo(inode);
    int error = 0;
    if (vmo != NULL) {
        error = vmo_read(vmo, *pos, io, want, &done);
    } else {
        done = read_borrowed(inode, io, *pos, want);
        error = done < want ? -EFAULT : 0;
    }
    inode_accessed(file);
    *pos += done;
    return done > 0 ? (ssize_type)done : error;
}

/* Room for a write of [pos, pos + size): how much of it the limit allows. REQUIRES inode->lock. */
static size_t limit_write(struct inode *inode, uint64_t pos, size_t size)
{
    uint64_t limit = __atomic_load_n(&inode->sb->limit_pages, __ATOMIC_RELAXED);
    uint64_t used = __atomic_load_n(&inode->sb->used_pages, __ATOMIC_RELAXED);
    uint64_t index = pos >> PAGE_SHIFT, end = (pos + size - 1) >> PAGE_SHIFT;
    if (limit == 0 || used + (end - index + 1) <= limit) {
        return size;
    }
    for (; index <= end; index++) {
        struct vmo_page page;
        if (vmo_find_page(inode->data.vmo, index, &page)) {
            if (!page.borrowed) {
                frame_put(paddr_to_frame(page.paddr));
                continue;
            }
        }
        if (used++ >= limit) {
            uint64_t stop = index << PAGE_SHIFT;
            return stop > pos ? stop - pos : 0;
        }
    }
    return size;
}

static void grow(struct inode *inode, uint64_t size)
{
    vmo_set_size(inode->data.vmo, size);
    __atomic_store_n(&inode->size, size, __ATOMIC_RELAXED);
}

/* How much of a write the seals allow. As on Linux, a file that must not grow takes whole pages up
 * to its end. REQUIRES inode->lock. */
static size_t sealed_write(const struct inode *inode, uint64_t pos, size_t size)
{
    if (inode->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) {
        return 0;
    }
    if (!(inode->seals & SEAL_GROW) || pos + size <= inode->size) {
        return size;
    }
    uint64_t end = ALIGN_DOWN(inode->size, PAGE_SIZE);
    return pos < end ? end - pos : 0;
}

static ssize_type write_locked(struct file *file, struct io *io, uint64_t *pos)
{
    struct inode *inode = file->inode;
    bool append = io->append || (file_flags(file) & O_APPEND);
    uint64_t at = append ? inode->size : *pos;
    if (at >= FILE_SIZE_MAX) {
        return -EFBIG;
    }
    size_t size = MIN(io->left, FILE_SIZE_MAX - at), done = 0;
    if (unlikely(inode->seals & ~(unsigned)SEAL_SEAL)) {
        size = sealed_write(inode, at, size);
        if (size == 0) {
            return -EPERM;
        }
    }
    int error = tmpfs_need_vmo(inode);
    if (error != 0) {
        return error;
    }
    size = limit_write(inode, at, size);
    if (size == 0) {
        return -ENOSPC;
    }
    error = vmo_write(inode->data.vmo, at, io, size, &done);
    account(inode);
    if (done == 0) {
        return error != 0 ? error : -EFAULT;
    }
    if (at + done > inode->size) {
        grow(inode, at + done);
    }
    inode_touch(inode);
    *pos = at + done;
    return (ssize_type)done;
}

static ssize_type tmpfs_write(struct file *file, struct io *io, uint64_t *pos)
{
    if (io->left == 0) {
        return 0;
    }
    mutex_lock(&file->inode->lock);
    ssize_type result = write_locked(file, io, pos);
    mutex_unlock(&file->inode->lock);
    return result;
}

int tmpfs_resize(struct inode *inode, uint64_t size)
{
    if (size > FILE_SIZE_MAX) {
        return -EFBIG;
    }
    if ((size < inode->size && (inode->seals & SEAL_SHRINK)) ||
        (size > inode->size && (inode->seals & SEAL_GROW))) {
        return -EPERM;
    }
    struct vmo *vmo = inode->data.vmo;
    __atomic_store_n(&inode->size, size, __ATOMIC_RELAXED);
    if (vmo != NULL) {
        vmo_set_size(vmo, size);
        vmo_truncate(vmo, size);
        account(inode);
    }
    if (size < inode->data.borrowed_size) {
        inode->data.borrowed_size = size;
    }
    return 0;
}

static int tmpfs_mmap(struct file *file, uint64_t offset, size_t size, unsigned rights,
                      struct vmo **out)
{
    (void)offset;
    (void)size;
    if (!file_readable(file) ||
        ((rights & REGION_SHARED) && (rights & REGION_WRITE) && !file_writable(file))) {
        return -EACCES;
    }
    mutex_lock(&file->inode->lock);
    int error = tmpfs_need_vmo(file->inode);
    if (error == 0) {
        *out = file->inode->data.vmo;
        vmo_get(*out);
    }
    mutex_unlock(&file->inode->lock);
    return error;
}

/* Fills holes with pages of zeroes, so that later writes cannot fail. REQUIRES inode->lock. */
static int fill_holes(struct inode *inode, uint64_t offset, uint64_t size)
{
    if (limit_write(inode, offset, size) < size) {
        return -ENOSPC;
    }
    int error = 0;
    for (uint64_t i = offset >> PAGE_SHIFT; error == 0 && i <= (offset + size - 1) >> PAGE_SHIFT;
         i++) {
        struct vmo_page page;
        error = vmo_get_page(inode->data.vmo, i, true, &page);
        if (error == 0) {
            frame_put(paddr_to_frame(page.paddr));
        }
    }
    return error;
}

enum { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2, FALLOC_ZERO_RANGE = 16 };

static int allocate_locked(struct inode *inode, unsigned mode, uint64_t offset, uint64_t size)
{
    bool clears = (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) != 0;
    bool beyond = !(mode & FALLOC_PUNCH_HOLE) && offset + size > inode->size;
    if ((clears && (inode->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))) ||
        (beyond && (inode->seals & SEAL_GROW))) {
        return -EPERM;
    }
    int error = tmpfs_need_vmo(inode);
    if (error != 0) {
        return error;
    }
    if (clears) {
        error = vmo_punch(inode->data.vmo, offset, offset + size);
    }
    if (error == 0 && !(mode & FALLOC_PUNCH_HOLE)) {
        error = fill_holes(inode, offset, size);
    }
    account(inode);
    if (error == 0 && !(mode & FALLOC_KEEP_SIZE) && offset + size > inode->size) {
        grow(inode, offset + size);
    }
    if (error == 0) {
        inode_touch(inode);
    }
    return error;
}

static int tmpfs_allocate(struct file *file, unsigned mode, uint64_t offset, uint64_t size)
{
    if (mode != 0 && mode != FALLOC_KEEP_SIZE && mode != FALLOC_ZERO_RANGE &&
        mode != (FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE) &&
        mode != (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) {
        return -ENOTSUP;
    }
    if (offset > FILE_SIZE_MAX || size > FILE_SIZE_MAX - offset) {
        return -EFBIG;
    }
    mutex_lock(&file->inode->lock);
    int error = allocate_locked(file->inode, mode, offset, size);
    mutex_unlock(&file->inode->lock);
    return error;
}

/* A page is data when it is there, or may be bytes of the initramfs. */
static bool is_data(struct inode *inode, uint64_t index)
{
    struct vmo_page page;
    if (index < PAGES(inode->data.borrowed_size)) {
        return true;
    }
    if (inode->data.vmo == NULL || !vmo_find_page(inode->data.vmo, index, &page)) {
        return false;
    }
    if (!page.borrowed) {
        frame_put(paddr_to_frame(page.paddr));
    }
    return true;
}

/* lseek(2): the next data or hole at or after offset; there is a hole at the end. */
static int64_t find_data_or_hole(struct inode *inode, int64_t offset, bool data)
{
    int64_t size = (int64_t)inode->size;
    if (offset < 0 || offset >= size) {
        return -ENXIO;
    }
    for (uint64_t index = (uint64_t)offset >> PAGE_SHIFT; index < PAGES((uint64_t)size); index++) {
        if (is_data(inode, index) == data) {
            return MAX(offset, (int64_t)(index << PAGE_SHIFT));
        }
        if (thread_interrupted()) {
            return -EINTR; /* terabytes of hole */
        }
        sched_point();
    }
    return data ? -ENXIO : size;
}

static int64_t tmpfs_seek(struct file *file, int64_t offset, int whence)
{
    enum { SEEK_DATA = 3, SEEK_HOLE = 4 };
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
        return file_seek_generic(file, offset, whence);
    }
    mutex_lock(&file->inode->lock);
    int64_t result = find_data_or_hole(file->inode, offset, whence == SEEK_DATA);
    mutex_unlock(&file->inode->lock);
    if (result >= 0) {
        file->pos = (uint64_t)result;
    }
    return result;
}

static int tmpfs_fsync(struct file *file)
{
    (void)file;
    return 0; /* there is nothing behind the memory */
}

const struct file_ops tmpfs_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .mmap = tmpfs_mmap,
    .fsync = tmpfs_fsync,
    .allocate = tmpfs_allocate,
    .traits = FILE_NO_WAITING,
};

const struct file_ops memfd_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .mmap = tmpfs_mmap,
    .fsync = tmpfs_fsync,
    .allocate = tmpfs_allocate,
    .traits = FILE_NO_WAITING | FILE_NO_WRITER,
};
