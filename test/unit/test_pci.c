/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities of PCI functions from 256 bytes of the test's: lists that are sound, that lead out
 * of their place or in circles, and virtio structures with every field wrong in turn.
 */
// sources: kernel/dev/pci_cap.c kernel/dev/virtio/pci_layout.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/dev/virtio/pci_layout.h"

static uint8_t space[256];

static uint8_t read_space(const struct pci_config *config, unsigned offset)
{
    (void)config;
    assert_true(offset < 256);
    return space[offset];
}
static const struct pci_config config = {read_space};

static void put32(unsigned at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        space[at + i] = (uint8_t)(value >> 8 * i);
    }
}

static void put_cap(unsigned at, uint8_t id, unsigned next)
{
    space[at] = id;
    space[at + 1] = (uint8_t)next;
}

static void put_virtio(unsigned at, unsigned next, uint8_t type, uint32_t offset, uint32_t length)
{
    put_cap(at, PCI_CAP_VENDOR, next);
    space[at + 2] = type == 2 ? 20 : 16;
    space[at + 3] = type;
    space[at + 4] = 4;
    put32(at + 8, offset);
    put32(at + 12, length);
}

/* As QEMU's virtio-serial-pci has it. */
static int setup(void **state)
{
    (void)state;
    memset(space, 0, sizeof(space));
    space[PCI_STATUS] = PCI_STATUS_CAPS;
    space[PCI_CAPABILITIES] = 0x98;
    put_cap(0x98, PCI_CAP_MSIX, 0x84);
    put_virtio(0x84, 0x70, 5, 0, 0);
    put_virtio(0x70, 0x60, 2, 0x3000, 0x1000);
    put32(0x70 + 16, 4);
    put_virtio(0x60, 0x50, 4, 0x2000, 0x1000);
    put_virtio(0x50, 0x40, 3, 0x1000, 0x1000);
    put_virtio(0x40, 0, 1, 0, 0x1000);
    return 0;
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(pci_capability_next(&config, 0, PCI_CAP_MSIX), 0x98);
    assert_int_equal(pci_capability_next(&config, 0x98, PCI_CAP_MSIX), 0);
    assert_int_equal(pci_capability_next(&config, 0, PCI_CAP_VENDOR), 0x84);
    assert_int_equal(pci_capability_next(&config, 0x84, PCI_CAP_VENDOR), 0x70);
    assert_int_equal(pci_capability_next(&config, 0, 0x42), 0);
    space[PCI_STATUS] = 0;
    assert_int_equal(pci_capability_next(&config, 0, PCI_CAP_MSIX), 0);
}

static void test_bad_lists(void **state)
{
    (void)state;
    space[0x41] = 0x98;
    assert_int_equal(pci_capability_next(&config, 0, 0x42), 0);
    space[PCI_CAPABILITIES] = 0x10;
    assert_int_equal(pci_capability_next(&config, 0, PCI_CAP_MSIX), 0);
    memset(space, 0xff, sizeof(space));
    assert_int_equal(pci_capability_next(&config, 0, PCI_CAP_MSIX), 0);
    assert_int_equal(pci_capability_next(&config, 0, 0xff), 0xfc);
}

static void test_layout(void **state)
{
    (void)state;
    struct virtio_pci_layout layout;
    assert_int_equal(virtio_pci_find_layout(&config, &layout), 0);
    assert_int_equal(layout.common.bar, 4);
    assert_int_equal(layout.common.length, 0x1000);
    assert_int_equal(layout.isr.offset, 0x1000);
    assert_int_equal(layout.device.offset, 0x2000);
    assert_int_equal(layout.notify.offset, 0x3000);
    assert_int_equal(layout.notify_multiplier, 4);
}

static void test_bad_structures(void **state)
{
    struct virtio_pci_layout layout;
    space[0x44] = 6; /* no such BAR */
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
    setup(state);
    put32(0x48, 0xfffff000);
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
    setup(state);
    put32(0x4c, 55); /* too short for the common structure */
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
    setup(state);
    put32(0x48, 2); /* not aligned */
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
    setup(state);
    space[0x72] = 16; /* no room for the multiplier */
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
    setup(state);
    space[0x85] = 0xf4; /* leads to a capability that leaves the space */
    put_virtio(0xec, 0, 1, 0, 0x1000);
    put_cap(0xf4, PCI_CAP_VENDOR, 0);
    space[0xf6] = 16;
    space[0xf7] = 1;
    assert_int_equal(virtio_pci_find_layout(&config, &layout), -ENODEV);
}

/* Whatever the bytes are, it ends and says nothing impossible. */
static void test_random_bytes(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < 256; i++) {
            random = random * 1664525 + 1013904223;
            space[i] = (random >> 24) < 64 ? PCI_CAP_VENDOR : (uint8_t)(random >> 16 & 7);
        }
        space[PCI_STATUS] = PCI_STATUS_CAPS;
        space[PCI_CAPABILITIES] = (uint8_t)(random >> 8);
        struct virtio_pci_layout layout;
        if (virtio_pci_find_layout(&config, &layout) == 0) {
            assert_in_range(layout.common.bar, 0, 5);
            assert_true(layout.common.offset + layout.common.length >= layout.common.length);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_find),           TEST(test_bad_lists),    TEST(test_layout),
        TEST(test_bad_structures), TEST(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
