/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Split virtqueues (VIRTIO 1.2, 2.7): the driver's half of a ring in memory that it shares with a
 * device. The device is not trusted: indices, identifiers and lengths that it writes are checked,
 * and a queue whose device broke the rules is dead from then on. What the driver needs again is
 * kept in private memory. The caller serialises all calls on one queue. Pure memory: notification
 * is the caller's.
 */
#include "abi/errno.h"
#include "lib/types.h"

#define VIRTQ_DESC_NEXT          1u
#define VIRTQ_DESC_WRITE         2u
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY     1u

/* Little endian, as are all machines that we run on. */
struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};
struct virtq_avail {
    uint16_t flags, idx;
    uint16_t ring[];
};
struct virtq_used_elem {
    uint32_t id, len;
};
struct virtq_used {
    uint16_t flags, idx;
    struct virtq_used_elem ring[];
};
static_assert(sizeof(struct virtq_desc) == 16, "VIRTIO 1.2, 2.7.5");
static_assert(sizeof(struct virtq_used_elem) == 8, "VIRTIO 1.2, 2.7.8");

#define VIRTQ_MAX_SIZE   64u
#define VIRTQ_USED_ALIGN 64u /* of the used ring; legacy devices are told it */

struct virtq_slot {
    void *token;       /* of the buffer whose first descriptor this is; NULL: not in use */
    uint32_t capacity; /* bytes that the device may have written into it */
    uint16_t count;    /* descriptors of the buffer */
};

struct virtqueue {
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    volatile struct virtq_used *used;
    unsigned size;                       /* power of two */
    uint16_t avail_idx;                  /* what the device was or will be told */
    uint16_t published_idx;              /* what it was told */
    uint16_t used_idx;                   /* next element to take */
    uint16_t free_count;                 /* descriptors */
    uint16_t free_list[VIRTQ_MAX_SIZE];  /* the first free_count are free */
    uint16_t chain_next[VIRTQ_MAX_SIZE]; /* private copy of desc[].next */
    struct virtq_slot slots[VIRTQ_MAX_SIZE];
    bool broken;
};

/* Bytes of shared memory for a queue of this size. */
size_t virtqueue_bytes(unsigned size);
/* Lays a queue out in zeroed memory, aligned to 64 bytes. */
void virtqueue_init(struct virtqueue *vq, void *memory, unsigned size);

struct virtq_buffer {
    paddr_t addr;
    uint32_t size;
};
/* Offers buffers: first those that the device reads, then those that it writes, as one chain; token
 * comes back from virtqueue_take. -ENOSPC: the queue is full; -EIO: it is broken. */
int virtqueue_add(struct virtqueue *vq, const struct virtq_buffer *buffers, unsigned readable,
                  unsigned writable, void *token);
/* Shows what was added to the device; true: it wants to be notified. */
bool virtqueue_publish(struct virtqueue *vq);
/* The next buffer that the device is done with, and how much it wrote; NULL: none. */
void *virtqueue_take(struct virtqueue *vq, uint32_t *written);
bool virtqueue_has_used(const struct virtqueue *vq);
/* Buffers that the device has. */
unsigned virtqueue_outstanding(const struct virtqueue *vq);
/* Asks for interrupts or does without. On: true when something is there already. */
bool virtqueue_want_interrupt(struct virtqueue *vq, bool on);
