/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of a memory object, for core/vmo*.c.
 *
 * Lock order: vmo->shrink > space->lock > vmo->lock. Who takes pages away does so from the object
 * first and from the spaces afterwards, so that no fault can bring them back in between.
 */
#include "kernel/core/page_tree.h"
#include "kernel/core/vmo.h"
#include "lib/list.h"

struct vmo {
    struct refcount refs;
    struct spinlock lock;
    uint64_t size;          /* atomic; bytes, for page faults */
    const char *bytes;      /* constant: borrowed backing, or NULL */
    uint64_t borrowed;      /* [lock] bytes of it in force */
    struct page_tree pages; /* [lock] frames, each with a reference, or HOLE */
    uint64_t page_count;    /* [lock] */
    bool sealed;            /* [lock] no mapping may write to it */
    unsigned cuts;          /* [lock] how often pages were taken away */
    struct list regions;    /* [lock] that map it; in a pass those visited are at the end */
    unsigned pass;          /* [shrink, and lock for others to read] */
    struct mutex shrink;    /* held while mappings are taken out of spaces */
};

/* In the tree of an object with borrowed bytes: the page is zero, not those bytes. */
#define HOLE ((struct frame *)1)

static inline bool is_page(const struct frame *frame)
{
    return frame != NULL && frame != HOLE;
}

/* Whether the page at index is a whole one of the borrowed bytes; REQUIRES lock. Only for slots
 * that are empty. */
bool vmo_is_borrowed_locked(const struct vmo *vmo, uint64_t index, paddr_t *paddr);
/* A page that was not there when it was looked for: what was in its slot, and vmo->cuts then. */
struct absent_page {
    struct vmo *vmo;
    uint64_t index;
    bool hole;
    unsigned cuts;
};
struct absent_page vmo_absent_locked(struct vmo *vmo, uint64_t index);
/* Writes what the absent page reads as in [from, to) to the same place of dst. */
void vmo_fill(const struct absent_page *page, char *dst, size_t from, size_t to);
/* Puts a frame (its reference is taken over), filled as the page was found, in its place. Returns 0
 * with *stale telling that mappings of borrowed bytes must go, -EEXIST (then *there is the page,
 * with a reference), -EAGAIN (pages were taken away meanwhile: it may have to be filled otherwise),
 * or -ENOMEM; with an error the frame is still the caller's. */
int vmo_insert(const struct absent_page *page, struct frame *frame, bool *stale,
               struct frame **there);
/* Takes the object's pages [first, last] out of all spaces; with `copies` what private mappings
 * have copied of them, too. ACQUIRES and RELEASES shrink and the locks of spaces. */
void vmo_unmap(struct vmo *vmo, uint64_t first, uint64_t last, bool copies);
