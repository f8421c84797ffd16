/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The image of another kernel, kept in memory until this one is left for it. Its bytes lie in
 * frames that no part of the image goes to, or in just the one they go to, so that they can be
 * moved at the end without looking; pages that only have to be cleared take no frame. An image
 * belongs to its creator until kexec_enter.
 */
#include "kernel/arch/kexec.h"

#define KEXEC_SEGMENTS_MAX 16u

struct kexec_segment {
    paddr_t start;   /* page aligned */
    uint64_t size;   /* whole pages */
    uint64_t filled; /* bytes from the start on that are not zero */
};

struct kexec_image;

/*
 * An image of these segments, with all its memory but that for their bytes. -EADDRNOTAVAIL: not
 * whole pages of memory that can be used; -EINVAL: overlaps, more bytes than room, or more than
 * half of the memory; -ENOMEM. May sleep.
 */
int kexec_image_create(const struct kexec_segment *segments, unsigned count,
                       struct kexec_image **out);

/*
 * Fills a segment: `read` is asked for each page's bytes in turn, `offset` of the segment's start,
 * and returns 0 or an error, which ends it. -ENOMEM; -EINTR: the thread is to end.
 */
int kexec_image_fill(struct kexec_image *image, unsigned segment,
                     int (*read)(void *arg, void *buf, size_t size, uint64_t offset), void *arg);

/* All is filled: where it is entered, and with what in the register of the port's contract. Gives
 * back what was only needed while it was made. */
void kexec_image_finish(struct kexec_image *image, paddr_t entry, uint64_t argument);

/* The image may be NULL. */
void kexec_image_destroy(struct kexec_image *image);

/* For power_kexec, once the image is finished. */
const struct arch_kexec *kexec_image_arch(const struct kexec_image *image);
