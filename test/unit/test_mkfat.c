/* SPDX-License-Identifier: BSD-2-Clause */
/* The sizes of FAT file systems that `alba image` makes, for all sizes of what is in them. */
// sources: host/mkfat.c host/output.c host/say.c host/text.c
#include "host/mkfat.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above first. */
#include <cmocka.h>

static void plan(struct mkfat *fat, uint64_t size, bool removable, uint32_t align)
{
    struct mkfat_file files[] = {{"/alba/alba.cfg", NULL, -1, 300},
                                 {"/EFI/BOOT/BOOTX64.EFI", NULL, -1, 290000},
                                 {"/alba/empty", NULL, -1, 0},
                                 {"/alba/initrd.img", NULL, -1, size}};
    *fat = (struct mkfat){0};
    mkfat_plan(fat, files, 4, removable, align);
}

/* What any reader computes from the boot sector (the specification's page 14). */
static void check(const struct mkfat *fat, uint64_t size, uint32_t align)
{
    uint32_t entry = fat->is_fat32 ? 4 : 2;
    uint64_t before = fat->reserved_sectors + 2ull * fat->table_sectors + fat->root_sectors;
    uint64_t clusters = (fat->sectors - before) / fat->cluster_sectors;
    assert_int_equal(clusters, fat->clusters);
    assert_int_equal(fat->sectors % align, 0);
    assert_int_equal(fat->cluster_sectors & (fat->cluster_sectors - 1), 0);
    assert_in_range(fat->cluster_sectors, 1, 64);
    if (fat->is_fat32) {
        assert_in_range(clusters, 65525 + 16, 0x0ffffff5 - 16);
        assert_int_equal(before % 8, 0);
        assert_true(fat->reserved_sectors >= 32);
    } else {
        assert_in_range(clusters, 4085 + 16, 65525 - 16);
    }
    assert_true((clusters + 2) * entry <= fat->table_sectors * 512ull);
    assert_true(fat->used <= clusters);
    assert_true((uint64_t)fat->used * fat->cluster_sectors * 512 >= size + 290000 + 300);
}

static void sizes_keep_the_rules(void **state)
{
    (void)state;
    struct mkfat fat;
    for (uint64_t size = 0; size <= UINT32_MAX; size += size / 61 + 511) {
        plan(&fat, size, false, 2048);
        assert_true(fat.is_fat32);
        check(&fat, size, 2048);
        plan(&fat, size, true, 4);
        assert_true(fat.is_fat32 == (size > (1ull << 30) - 290300));
        check(&fat, size, 4);
    }
}

/* Every cluster that is used belongs to one node, and files lie behind directories. */
static void places_do_not_overlap(void **state)
{
    (void)state;
    struct mkfat fat;
    for (int removable = 0; removable < 2; removable++) {
        uint32_t next = 2;
        plan(&fat, 5000000, removable != 0, 4);
        for (int directories = 1; directories >= 0; directories--) {
            for (int i = 0; i < fat.node_count; i++) {
                const struct mkfat_node *node = &fat.nodes[i];
                if (node->is_directory == directories && node->clusters > 0) {
                    assert_int_equal(node->first_cluster, next);
                    next += node->clusters;
                }
            }
        }
        assert_int_equal(next - 2, fat.used);
        assert_int_equal(fat.node_count, 1 + 3 + 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_keep_the_rules),
        cmocka_unit_test(places_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
