/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's half of a split virtqueue; see virtqueue.h. Runs on the host for its unit test. */
#include "kernel/dev/virtio/virtqueue.h"
#include "kernel/base/panic.h"

static size_t used_offset(unsigned size)
{
    size_t avail_end = size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) +
                       (size + 1) * sizeof(uint16_t); /* + 1: used_event, 2.7.6 */
    return ALIGN_UP(avail_end, (size_t)VIRTQ_USED_ALIGN);
}

size_t virtqueue_bytes(unsigned size)
{
    return used_offset(size) + sizeof(struct virtq_used) + size * sizeof(struct virtq_used_elem) +
           sizeof(uint16_t);
}

void virtqueue_init(struct virtqueue *vq, void *memory, unsigned size)
{
    assert(size > 0 && size <= VIRTQ_MAX_SIZE && (size & (size - 1)) == 0);
    char *base = memory;

    *vq = (struct virtqueue){
        .desc = memory,
        .avail = (void *)(base + size * sizeof(struct virtq_desc)),
        .used = (void *)(base + used_offset(size)),
        .size = size,
        .free_count = (uint16_t)size,
    };
    for (unsigned i = 0; i < size; i++) {
        vq->free_list[i] = (uint16_t)(size - 1 - i);
    }
}

int virtqueue_add(struct virtqueue *vq, const struct virtq_buffer *buffers, unsigned readable,
                  unsigned writable, void *token)
{
    unsigned count = readable + writable;
    uint32_t capacity = 0;
    uint16_t next = 0;

    assert(count > 0 && token != NULL);
    if (vq->broken) {
        return -EIO;
    }
    if (count > vq->free_count) {
        return -ENOSPC;
    }
    /* From the last to the first, so that each knows its next. */
    for (unsigned i = count; i-- > 0;) {
        uint16_t at = vq->free_list[--vq->free_count];
        bool write = i >= readable;
        unsigned flags = (write ? VIRTQ_DESC_WRITE : 0) | (i + 1 < count ? VIRTQ_DESC_NEXT : 0);
        vq->desc[at] = (struct virtq_desc){buffers[i].addr, buffers[i].size, (uint16_t)flags, next};
        vq->chain_next[at] = next;
        capacity += write ? buffers[i].size : 0;
        next = at;
    }
    vq->slots[next] = (struct virtq_slot){token, capacity, (uint16_t)count};
    vq->avail->ring[vq->avail_idx & (vq->size - 1)] = next;
    vq->avail_idx++;
    return 0;
}

bool virtqueue_publish(struct virtqueue *vq)
{
    if (vq->avail_idx == vq->published_idx || vq->broken) {
        return false;
    }
    vq->published_idx = vq->avail_idx;
    __atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
    /* The device's flag must be read after it can see the index (2.7.13.4.1). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (vq->used->flags & VIRTQ_USED_NO_NOTIFY) == 0;
}

bool virtqueue_has_used(const struct virtqueue *vq)
{
    return !vq->broken && __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != vq->used_idx;
}

void *virtqueue_take(struct virtqueue *vq, uint32_t *written)
{
    if (!virtqueue_has_used(vq)) {
        return NULL;
    }
    uint16_t ahead = (uint16_t)(vq->used->idx - vq->used_idx);
    unsigned at = vq->used_idx & (vq->size - 1);
    uint32_t id = vq->used->ring[at].id;
    uint32_t len = vq->used->ring[at].len;

    if (ahead > vq->size || id >= vq->size || vq->slots[id].token == NULL) {
        vq->broken = true;
        return NULL;
    }
    if (len > vq->slots[id].capacity) {
        /* Old devices counted what they read, too (2.7.8.2); written bytes must fit. */
        if (vq->slots[id].capacity != 0) {
            vq->broken = true;
            return NULL;
        }
        len = 0;
    }
    void *token = vq->slots[id].token;
    uint16_t desc = (uint16_t)id;
    for (unsigned left = vq->slots[id].count; left > 0; left--) {
        vq->free_list[vq->free_count++] = desc;
        desc = vq->chain_next[desc];
    }
    vq->slots[id].token = NULL;
    vq->used_idx++;
    *written = len;
    return token;
}

unsigned virtqueue_outstanding(const struct virtqueue *vq)
{
    return vq->size - vq->free_count;
}

bool virtqueue_want_interrupt(struct virtqueue *vq, bool on)
{
    uint16_t flags = on ? 0 : VIRTQ_AVAIL_NO_INTERRUPT;

    if (vq->avail->flags != flags) {
        __atomic_store_n(&vq->avail->flags, flags, __ATOMIC_RELAXED);
        /* What came before the device saw the flag raised no interrupt: look after it. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return on && virtqueue_has_used(vq);
}
