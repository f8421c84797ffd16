/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue against a device in the test: buffers go round for a long time in any order without
 * loss; every lie that a device can tell is noticed and ends the queue, and nothing is touched
 * beyond it.
 */
// sources: kernel/dev/virtio/virtqueue.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/dev/virtio/virtqueue.h"

#define SIZE 16u

_Noreturn void assert_failed(const char *expr, const char *file, int line);
_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

static _Alignas(64) uint8_t memory[4096];
static struct virtqueue vq;

/* The device's side. */
static uint16_t device_avail;
static uint16_t held[SIZE];
static unsigned held_count;

static int setup(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    virtqueue_init(&vq, memory, SIZE);
    device_avail = 0;
    held_count = 0;
    return 0;
}

static void device_take_all(void)
{
    while (device_avail != vq.avail->idx) {
        assert_true(held_count < SIZE);
        held[held_count++] = vq.avail->ring[device_avail++ % SIZE];
    }
}

static void device_finish(unsigned which, uint32_t len)
{
    uint16_t id = held[which];
    held[which] = held[--held_count];
    struct virtq_used_elem elem = {id, len};
    vq.used->ring[vq.used->idx % SIZE].id = elem.id;
    vq.used->ring[vq.used->idx % SIZE].len = elem.len;
    vq.used->idx++;
}

static int add(unsigned readable, unsigned writable, uintptr_t token)
{
    struct virtq_buffer buffers[SIZE];
    for (unsigned i = 0; i < SIZE; i++) {
        buffers[i] = (struct virtq_buffer){0x1000 * (i + 1), 100};
    }
    return virtqueue_add(&vq, buffers, readable, writable, (void *)token);
}

static void test_layout(void **state)
{
    (void)state;
    /* VIRTIO 1.2, 2.7: 16 bytes, 6 + 2 per entry, 6 + 8 per entry. */
    assert_ptr_equal(vq.avail, memory + 16 * SIZE);
    size_t used = (size_t)((volatile uint8_t *)vq.used - memory);
    assert_true(used >= 16 * SIZE + 6 + 2 * SIZE && used % VIRTQ_USED_ALIGN == 0);
    assert_int_equal(virtqueue_bytes(SIZE), used + 6 + 8 * SIZE);
    assert_true(virtqueue_bytes(VIRTQ_MAX_SIZE) <= 4096);
}

static void test_chain(void **state)
{
    (void)state;
    uint32_t len;
    assert_int_equal(add(1, 2, 7), 0);
    assert_int_equal(vq.avail->idx, 0);
    assert_true(virtqueue_publish(&vq));
    assert_false(virtqueue_publish(&vq));
    assert_int_equal(vq.avail->idx, 1);
    device_take_all();
    const struct virtq_desc *desc = &vq.desc[held[0]];
    assert_int_equal(desc->addr, 0x1000);
    assert_int_equal(desc->flags, VIRTQ_DESC_NEXT);
    desc = &vq.desc[desc->next];
    assert_int_equal(desc->addr, 0x2000);
    assert_int_equal(desc->flags, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE);
    desc = &vq.desc[desc->next];
    assert_int_equal(desc->addr, 0x3000);
    assert_int_equal(desc->flags, VIRTQ_DESC_WRITE);
    assert_null(virtqueue_take(&vq, &len));
    device_finish(0, 200);
    assert_ptr_equal(virtqueue_take(&vq, &len), (void *)7);
    assert_int_equal(len, 200);
    assert_int_equal(virtqueue_outstanding(&vq), 0);
}

static void test_round_and_round(void **state)
{
    (void)state;
    unsigned random = 1, in_flight = 0;
    uint8_t out[1000] = {0};
    uint32_t len;
    for (unsigned step = 0; step < 300000; step++) {
        random = random * 1103515245 + 12345;
        if ((random >> 16 & 1) != 0) {
            unsigned count = 1 + (random >> 20) % 4;
            uintptr_t token = 1 + step % 999;
            int error = out[token] != 0 ? -ENOSPC : add(0, count, token);
            assert_true(error == 0 || error == -ENOSPC);
            in_flight += error == 0;
            out[token] |= error == 0;
            virtqueue_publish(&vq);
        } else {
            device_take_all();
            if (held_count > 0) {
                device_finish((random >> 20) % held_count, 1);
            }
            void *token = virtqueue_take(&vq, &len);
            if (token != NULL) {
                assert_int_equal(out[(uintptr_t)token], 1);
                out[(uintptr_t)token] = 0;
                in_flight--;
            }
        }
        assert_false(vq.broken);
    }
    device_take_all();
    while (held_count > 0) {
        device_finish(0, 0);
        in_flight -= virtqueue_take(&vq, &len) != NULL;
    }
    assert_int_equal(in_flight, 0);
    assert_int_equal(vq.free_count, SIZE);
}

static void test_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZE; i++) {
        assert_int_equal(add(1, 0, i + 1), 0);
    }
    assert_int_equal(add(1, 0, 99), -ENOSPC);
    assert_int_equal(virtqueue_outstanding(&vq), SIZE);
}

static void assert_broken(void)
{
    uint32_t len;
    assert_null(virtqueue_take(&vq, &len));
    assert_true(vq.broken);
    assert_false(virtqueue_has_used(&vq));
    assert_int_equal(add(1, 0, 5), -EIO);
    assert_false(virtqueue_publish(&vq));
}

static void test_id_out_of_range(void **state)
{
    (void)state;
    add(0, 1, 1);
    virtqueue_publish(&vq);
    vq.used->ring[0].id = SIZE;
    vq.used->idx = 1;
    assert_broken();
}

static void test_id_not_offered(void **state)
{
    (void)state;
    add(0, 2, 1);
    virtqueue_publish(&vq);
    device_take_all();
    /* The second descriptor of a chain, too, is nothing to hand back. */
    vq.used->ring[0].id = vq.desc[held[0]].next;
    vq.used->idx = 1;
    assert_broken();
}

static void test_id_twice(void **state)
{
    (void)state;
    uint32_t len;
    add(0, 1, 1);
    virtqueue_publish(&vq);
    device_take_all();
    device_finish(0, 0);
    vq.used->ring[1].id = vq.used->ring[0].id;
    vq.used->idx = 2;
    assert_non_null(virtqueue_take(&vq, &len));
    assert_broken();
}

static void test_length_too_long(void **state)
{
    (void)state;
    add(0, 2, 1);
    virtqueue_publish(&vq);
    device_take_all();
    device_finish(0, 201);
    assert_broken();
}

static void test_length_of_read_only_buffer(void **state)
{
    (void)state;
    uint32_t len = 9;
    add(1, 0, 1);
    virtqueue_publish(&vq);
    device_take_all();
    device_finish(0, 100);
    assert_non_null(virtqueue_take(&vq, &len));
    assert_int_equal(len, 0);
}

static void test_index_jumps(void **state)
{
    (void)state;
    add(0, 1, 1);
    virtqueue_publish(&vq);
    vq.used->idx = SIZE + 1;
    assert_broken();
}

/* The device overwrites the descriptors: what comes back is what was offered. */
static void test_descriptors_overwritten(void **state)
{
    (void)state;
    uint32_t len;
    add(1, 3, 1);
    virtqueue_publish(&vq);
    device_take_all();
    memset(vq.desc, 0xff, SIZE * sizeof(vq.desc[0]));
    device_finish(0, 300);
    assert_ptr_equal(virtqueue_take(&vq, &len), (void *)1);
    assert_int_equal(vq.free_count, SIZE);
    test_full(state);
}

static void test_notification_flags(void **state)
{
    (void)state;
    vq.used->flags = VIRTQ_USED_NO_NOTIFY;
    add(0, 1, 1);
    assert_false(virtqueue_publish(&vq));
    assert_int_equal(vq.avail->idx, 1);
    virtqueue_want_interrupt(&vq, false);
    assert_int_equal(vq.avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
    device_take_all();
    device_finish(0, 0);
    assert_true(virtqueue_want_interrupt(&vq, true));
    assert_int_equal(vq.avail->flags, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_layout),
        TEST(test_chain),
        TEST(test_round_and_round),
        TEST(test_full),
        TEST(test_id_out_of_range),
        TEST(test_id_not_offered),
        TEST(test_id_twice),
        TEST(test_length_too_long),
        TEST(test_length_of_read_only_buffer),
        TEST(test_index_jumps),
        TEST(test_descriptors_overwritten),
        TEST(test_notification_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
