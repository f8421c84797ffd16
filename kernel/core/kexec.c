/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image of another kernel; see kexec.h. Frames come from the allocator in whatever order it
 * has: one that a byte of the image goes to is left where it is and used for that page, so that no
 * search takes more memory than the image itself.
 */
#include "kernel/core/kexec.h"
#include "abi/errno.h"
#include "kernel/core/sched.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/ram.h"
#include "lib/string.h"

struct kexec_image {
    struct arch_kexec arch;
    unsigned count;
    struct kexec_segment segments[KEXEC_SEGMENTS_MAX];
    size_t first[KEXEC_SEGMENTS_MAX]; /* number of the segment's first page in the whole image */
    size_t pages;
    struct arch_kexec_list **lists; /* in the direct map; NULL from the first that is not there */
    struct frame *control;          /* frames for lists and the port, linked by their priv */
    struct frame *spare;            /* frames that were in the way, linked by their priv */
};

static uint64_t end_of(const struct kexec_segment *segment)
{
    return segment->start + segment->size;
}

/* In the order in which Linux finds what is wrong. */
static int check_segments(const struct kexec_segment *segments, unsigned count)
{
    struct frame_stats stats;
    uint64_t sum = 0;
    frame_get_stats(&stats);
    for (unsigned i = 0; i < count; i++) {
        if (((segments[i].start | segments[i].size) & PAGE_MASK) != 0 ||
            end_of(&segments[i]) < segments[i].start ||
            end_of(&segments[i]) >= LAYOUT_DIRECT_MAP_MAX) {
            return -EADDRNOTAVAIL;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (segments[i].start < end_of(&segments[j]) &&
                segments[j].start < end_of(&segments[i])) {
                return -EINVAL;
            }
        }
        if (segments[i].filled > segments[i].size) {
            return -EINVAL;
        }
        sum += segments[i].size / PAGE_SIZE;
        if (segments[i].size / PAGE_SIZE > stats.total_pages / 2 || sum > stats.total_pages / 2) {
            return -EINVAL;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].size != 0 && !ram_covers(segments[i].start, end_of(&segments[i]))) {
            return -EADDRNOTAVAIL;
        }
    }
    return 0;
}

static struct arch_kexec_copy *copy_at(const struct kexec_image *image, size_t page)
{
    return &image->lists[page / ARCH_KEXEC_COPIES]->copies[page % ARCH_KEXEC_COPIES];
}

/* Whether part of the image goes to paddr: the number of that page, and whether it has bytes. */
static bool find_target(const struct kexec_image *image, paddr_t paddr, size_t *page, bool *filled)
{
    for (unsigned i = 0; i < image->count; i++) {
        const struct kexec_segment *segment = &image->segments[i];
        if (paddr >= segment->start && paddr < end_of(segment)) {
            *page = image->first[i] + (paddr - segment->start) / PAGE_SIZE;
            *filled = paddr - segment->start < segment->filled;
            return true;
        }
    }
    return false;
}

static void push(struct frame **list, struct frame *frame)
{
    frame->priv = (unsigned long)*list;
    *list = frame;
}

static void put_all(struct frame **list)
{
    while (*list != NULL) {
        struct frame *frame = *list;
        *list = (struct frame *)frame->priv;
        frame_put(frame);
    }
}

/* A page that nothing goes to, or 0; it belongs to the image. */
static paddr_t take_control(void *arg)
{
    struct kexec_image *image = arg;
    struct frame *frame;
    size_t page;
    bool filled;
    while ((frame = frame_alloc(0)) != NULL) {
        if (!find_target(image, frame_to_paddr(frame), &page, &filled)) {
            push(&image->control, frame);
            return frame_to_paddr(frame);
        }
        push(&image->spare, frame);
    }
    return 0;
}

/* What was in the way so far waits where bytes will go. */
static void place_spares(struct kexec_image *image)
{
    struct frame *list = image->spare;
    image->spare = NULL;
    while (list != NULL) {
        struct frame *frame = list;
        size_t page = 0;
        bool filled = false;
        list = (struct frame *)frame->priv;
        (void)find_target(image, frame_to_paddr(frame), &page, &filled);
        if (filled) {
            copy_at(image, page)->source = frame_to_paddr(frame);
        } else {
            push(&image->spare, frame);
        }
    }
}

/* The frame for the bytes of a page that has none yet, or 0. */
static paddr_t take_source(struct kexec_image *image, size_t wanted)
{
    struct frame *frame;
    size_t page;
    bool filled;
    while ((frame = frame_alloc(0)) != NULL) {
        paddr_t paddr = frame_to_paddr(frame);
        if (!find_target(image, paddr, &page, &filled) || page == wanted) {
            return paddr;
        }
        if (!filled) {
            push(&image->spare, frame);
            continue;
        }
        struct arch_kexec_copy *copy = copy_at(image, page);
        paddr_t other = copy->source;
        copy->source = paddr;
        if (other != 0) {
            /* The bytes that belong here are elsewhere: they move in, and their frame is free. */
            memcpy(frame_to_virt(frame), phys_to_virt(other), PAGE_SIZE);
            return other;
        }
    }
    return 0;
}

/* The lists, with each page's target and no source. */
static int make_lists(struct kexec_image *image)
{
    size_t count = (image->pages + ARCH_KEXEC_COPIES - 1) / ARCH_KEXEC_COPIES;
    image->lists = kzalloc((count + 1) * sizeof(*image->lists));
    if (image->lists == NULL) {
        return -ENOMEM;
    }
    for (size_t i = count; i-- > 0;) {
        paddr_t page = take_control(image);
        if (page == 0) {
            return -ENOMEM;
        }
        struct arch_kexec_list *list = phys_to_virt(page);
        memset(list, 0, sizeof(*list));
        list->next = image->arch.copies;
        list->count = MIN(image->pages - i * ARCH_KEXEC_COPIES, (size_t)ARCH_KEXEC_COPIES);
        image->lists[i] = list;
        image->arch.copies = page;
    }
    for (unsigned i = 0; i < image->count; i++) {
        for (size_t page = 0; page < image->segments[i].size / PAGE_SIZE; page++) {
            copy_at(image, image->first[i] + page)->target = image->segments[i].start +
                                                             page * PAGE_SIZE;
        }
    }
    return 0;
}

int kexec_image_create(const struct kexec_segment *segments, unsigned count,
                       struct kexec_image **out)
{
    int error = check_segments(segments, count);
    if (error != 0) {
        return error;
    }
    struct kexec_image *image = kzalloc(sizeof(*image));
    if (image == NULL) {
        return -ENOMEM;
    }
    image->count = count;
    for (unsigned i = 0; i < count; i++) {
        image->segments[i] = segments[i];
        image->first[i] = image->pages;
        image->pages += segments[i].size / PAGE_SIZE;
    }
    error = make_lists(image);
    if (error == 0) {
        error = arch_kexec_prepare(&image->arch, take_control, image);
    }
    if (error != 0) {
        kexec_image_destroy(image);
        return error;
    }
    place_spares(image);
    *out = image;
    return 0;
}

int kexec_image_fill(struct kexec_image *image, unsigned segment,
                     int (*read)(void *arg, void *buf, size_t size, uint64_t offset), void *arg)
{
    uint64_t filled = image->segments[segment].filled;
    for (uint64_t offset = 0; offset < filled; offset += PAGE_SIZE) {
        size_t page = image->first[segment] + offset / PAGE_SIZE;
        size_t size = MIN(filled - offset, PAGE_SIZE);
        struct arch_kexec_copy *copy = copy_at(image, page);
        if (copy->source == 0) {
            paddr_t source = take_source(image, page);
            if (source == 0) {
                return -ENOMEM;
            }
            copy->source = source;
        }
        char *buf = phys_to_virt(copy->source);
        int error = read(arg, buf, size, offset);
        if (error != 0) {
            return error;
        }
        memset(buf + size, 0, PAGE_SIZE - size);
        sched_point();
        if (__atomic_load_n(&current->killed, __ATOMIC_RELAXED)) {
            return -EINTR;
        }
    }
    return 0;
}

void kexec_image_finish(struct kexec_image *image, paddr_t entry, uint64_t argument)
{
    image->arch.entry = entry;
    image->arch.argument = argument;
    put_all(&image->spare);
}

void kexec_image_destroy(struct kexec_image *image)
{
    if (image == NULL) {
        return;
    }
    for (size_t i = 0; image->lists != NULL && image->lists[i] != NULL; i++) {
        for (size_t j = 0; j < image->lists[i]->count; j++) {
            paddr_t source = image->lists[i]->copies[j].source;
            if (source != 0) {
                frame_put(paddr_to_frame(source));
            }
        }
    }
    put_all(&image->spare);
    put_all(&image->control);
    kfree(image->lists);
    kfree(image);
}

const struct arch_kexec *kexec_image_arch(const struct kexec_image *image)
{
    return &image->arch;
}
