/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Memory objects: an ordered set of pages that several spaces may map and files are made of. Pages
 * are made when first touched. A vmo may have a backing of borrowed bytes (a file of the initramfs,
 * used in place): whole aligned pages of it are mapped where they lie; others are copied when first
 * mapped or written.
 */
#include "kernel/arch/mmu.h"
#include "kernel/base/refcount.h"
#include "kernel/core/wait.h"
#include "kernel/mm/frame.h"

struct vmo;

/* An empty object; its size is the user's business (files) and only bounds mappings: -ENOMEM. */
int vmo_create(struct vmo **out);
/* One whose first `size` bytes are those at `bytes` (direct map, never freed, not written to). */
int vmo_create_borrowed(const void *bytes, uint64_t size, struct vmo **out);
void vmo_get(struct vmo *vmo);
void vmo_put(struct vmo *vmo);

/*
 * The page at `index` (offset / PAGE_SIZE), made if it is not there: its physical address, and
 * whether it is borrowed (not counted, read-only). A counted page comes with a reference of the
 * caller's. write: the caller will write to the page, so it is never borrowed. May sleep.
 */
struct vmo_page {
    paddr_t paddr;
    bool borrowed;
};
int vmo_get_page(struct vmo *vmo, uint64_t index, bool write, struct vmo_page *out);
/* As above, but false instead of making it. */
bool vmo_find_page(struct vmo *vmo, uint64_t index, struct vmo_page *out);
/* Sees to it that the page is the object's own: 0, -ENOMEM, -ENXIO beyond the end. May sleep; no
 * space's lock held. */
int vmo_make_writable(struct vmo *vmo, uint64_t index);

/* Byte access for file reads and writes: to and from kernel or user memory, see kernel/core/io.h.
 * Not bounded by vmo_size. Holes read as zeroes and are not filled by reading. Bytes moved are
 * counted in *done; 0, -EFAULT or -ENOMEM when that are fewer than io has of size. May sleep. */
struct io;
int vmo_read(struct vmo *vmo, uint64_t offset, struct io *io, size_t size, size_t *done);
int vmo_write(struct vmo *vmo, uint64_t offset, struct io *io, size_t size, size_t *done);

/* Lowers the size to `size`, drops all pages from there on, and clears the rest of the page it lies
 * in. Mappings of them are taken out of all spaces, private copies included: touching them is
 * SIGBUS, by space_fault. May sleep; the caller holds no space's lock. */
void vmo_truncate(struct vmo *vmo, uint64_t size);
/* Drops whole pages inside [start, end), clears parts at the edges; private copies stay. -ENOMEM:
 * only over borrowed bytes; some may be dropped then. May sleep; no space's lock held. */
int vmo_punch(struct vmo *vmo, uint64_t start, uint64_t end);
/* Byte size known to page faults: pages wholly beyond it fault with SIGBUS. vmo_create: unlimited.
 */
void vmo_set_size(struct vmo *vmo, uint64_t size);
uint64_t vmo_size(const struct vmo *vmo);
/* From now on no mapping can write to the object, private copies apart: 0, or -EBUSY while there is
 * one that may. */
int vmo_seal(struct vmo *vmo);
/* Pages held now. */
uint64_t vmo_pages(const struct vmo *vmo);

/*
 * For spaces, which call these with their lock held; none sleeps.
 */
struct region;
/* Lists the region as one that maps the object; `like` is one it was split or copied from (its
 * pages are as old), or NULL. The region holds a reference of its own. */
void vmo_attach(struct vmo *vmo, struct region *region, const struct region *like);
void vmo_detach(struct vmo *vmo, struct region *region);
/* vmo_get_page, but -ENXIO for a page beyond the end, and -EAGAIN when other mappings of the page
 * must be taken away first, for which the caller lets go of its lock and calls vmo_make_writable.
 */
int vmo_fault_page(struct vmo *vmo, uint64_t index, bool write, struct vmo_page *out);
/* The pages at [index, index + count) that are there, others with paddr 0; those counted come with
 * a reference. */
void vmo_find_pages(struct vmo *vmo, uint64_t index, size_t count, struct vmo_page *out);
/* Copies the page's content, of a hole as well, to dst. */
void vmo_copy_page(struct vmo *vmo, uint64_t index, void *dst);
