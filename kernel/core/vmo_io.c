/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File reads and writes on memory objects. The other end may be user memory, which may even be a
 * mapping of the same page: so no lock is held while bytes move, only a reference to the page.
 */
#include "abi/errno.h"
#include "kernel/core/io.h"
#include "kernel/core/vmo.h"
#include "kernel/core/vmo_impl.h"
#include "lib/string.h"

/* Reads what stands for an absent page: borrowed bytes, of which `borrowed` are in force, then
 * zeroes; returns the bytes moved. */
static size_t read_absent(struct vmo *vmo, uint64_t borrowed, uint64_t offset, size_t size,
                          struct io *io)
{
    size_t have = offset < borrowed ? MIN(borrowed - offset, size) : 0;
    size_t moved = have != 0 ? io_put(io, vmo->bytes + offset, have) : 0;
    if (moved == have && have < size) {
        moved += io_put_zero(io, size - have);
    }
    return moved;
}

/* Reads bytes of one page; returns the bytes moved. */
static inline size_t read_page(struct vmo *vmo, uint64_t offset, size_t size, struct io *io)
{
    spin_lock(&vmo->lock);
    struct frame *frame = page_tree_find(&vmo->pages, offset / PAGE_SIZE);
    if (unlikely(!is_page(frame))) {
        uint64_t borrowed = frame == NULL ? vmo->borrowed : 0;
        spin_unlock(&vmo->lock);
        return read_absent(vmo, borrowed, offset, size, io);
    }
    frame_get(frame);
    spin_unlock(&vmo->lock);
    size_t moved = io_put(io, (char *)frame_to_virt(frame) + (offset & PAGE_MASK), size);
    frame_put(frame);
    return moved;
}

int vmo_read(struct vmo *vmo, uint64_t offset, struct io *io, size_t size, size_t *done)
{
    size_t total = 0;
    size = MIN(size, io->left);
    while (total < size) {
        size_t piece = MIN(PAGE_SIZE - (offset & PAGE_MASK), size - total);
        size_t moved = read_page(vmo, offset, piece, io);
        total += moved;
        offset += piece;
        if (unlikely(moved < piece)) {
            *done = total;
            return -EFAULT;
        }
    }
    *done = total;
    return 0;
}

/* Writes size bytes at `start` of a page that is not there: into a fresh frame, which is put in its
 * place afterwards. */
static int write_absent(const struct absent_page *page, size_t start, size_t size, struct io *io,
                        size_t *moved)
{
    struct vmo *vmo = page->vmo;
    uint64_t index = page->index;
    struct frame *frame = frame_alloc(0);
    if (frame == NULL) {
        return -ENOMEM;
    }
    char *bytes = frame_to_virt(frame);
    vmo_fill(page, bytes, 0, start);
    vmo_fill(page, bytes, start + size, PAGE_SIZE);
    size_t got = io_take(io, bytes + start, size);
    if (got == 0) {
        frame_put(frame);
        return -EFAULT;
    }
    vmo_fill(page, bytes, start + got, start + size);

    bool stale = false;
    struct frame *there;
    int error = vmo_insert(page, frame, &stale, &there);
    if (error == -EEXIST) {
        memcpy((char *)frame_to_virt(there) + start, bytes + start, got);
        frame_put(there);
    }
    if (error != 0) {
        frame_put(frame);
    }
    if (error == -ENOMEM || error == -EAGAIN) {
        io_skip(io, got);
        return error;
    }
    if (stale) {
        vmo_unmap(vmo, index, index, false);
    }
    *moved = got;
    return got < size ? -EFAULT : 0;
}

/* -EAGAIN: nothing was done, because pages were taken away meanwhile. */
static int write_page(struct vmo *vmo, uint64_t offset, size_t size, struct io *io, size_t *moved)
{
    spin_lock(&vmo->lock);
    struct frame *frame = page_tree_find(&vmo->pages, offset / PAGE_SIZE);
    if (is_page(frame)) {
        frame_get(frame);
    }
    const struct absent_page absent = {vmo, offset / PAGE_SIZE, frame == HOLE, vmo->cuts};
    spin_unlock(&vmo->lock);
    if (!is_page(frame)) {
        return write_absent(&absent, offset & PAGE_MASK, size, io, moved);
    }
    *moved = io_take(io, (char *)frame_to_virt(frame) + (offset & PAGE_MASK), size);
    frame_put(frame);
    return *moved < size ? -EFAULT : 0;
}

int vmo_write(struct vmo *vmo, uint64_t offset, struct io *io, size_t size, size_t *done)
{
    *done = 0;
    size = MIN(size, io->left);
    while (*done < size) {
        size_t piece = MIN(PAGE_SIZE - (offset & PAGE_MASK), size - *done), moved = 0;
        int error = write_page(vmo, offset, piece, io, &moved);
        *done += moved;
        if (unlikely(error == -EAGAIN)) {
            continue;
        }
        if (error != 0) {
            return error;
        }
        offset += piece;
    }
    return 0;
}
