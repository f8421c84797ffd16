/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts of /proc, letter by letter: the expectations were printed by real Linux kernels, with
 * only those values changed that Alba does not have.
 */
// sources: kernel/personality/linux/procfs/procfs_format.c lib/format.c

// sources: kernel/personality/linux/procfs/procfs_format_system.c kernel/fs/pseudo_text.c

// flags: -Ikernel/arch/x86_64/include

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/base/panic.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/procfs/procfs_format.h"

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

static long allocations_left = -1; /* < 0: no limit */

void *krealloc(void *old, size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left -= allocations_left > 0;
    return realloc(old, size);
}

void kfree(const void *ptr)
{
    free((void *)(uintptr_t)ptr);
}

/* The text becomes `expected`, and is dropped. */
static void check_text(struct text *text, const char *expected)
{
    assert_int_equal(text->error, 0);
    text_put(text, "", 1);
    assert_string_equal(text->bytes, expected);
    text_free(text);
}

static const struct proc_task head = {
    .pid = 8480,
    .tid = 8480,
    .parent = 8478,
    .pgrp = 8478,
    .session = 3936,
    .tty_pgrp = -1,
    .name = "head",
    .state = 'R',
    .priority = 20,
    .threads = 1,
    .minor_faults = 103,
    .start_ns = 1800200000000,
    .exit_signal = 17,
    .rss_limit = UINT64_MAX,
    .umask = 022,
    .fd_size = 256,
    .caps = {0, 0x1fffeffffff, 0x1fffeffffff, 0x1fffeffffff, 0},
    .queue_limit = 96365,
    .cpus_allowed = {{3}},
    .cpus = 2,
    .store_bypass = 2,
    .branches = 2,
    .memory =
        {
            .valid = true,
            .total = 732,
            .peak_total = 732,
            .resident_anon = 28,
            .resident_file = 381,
            .peak_resident = 427,
            .data = 56,
            .stack = 33,
            .exec = 388,
            .tables = 11,
            .code_start = 94394392911872,
            .code_end = 94394392935977,
            .stack_start = 140727584779872,
            .data_start = 94394392951824,
            .data_end = 94394392953440,
            .brk_start = 94394650746880,
            .arg_start = 140727584782779,
            .arg_end = 140727584782808,
            .env_start = 140727584782808,
            .env_end = 140727584784362,
        },
};

static void test_stat(void **state)
{
    struct text text = {0};
    (void)state;
    proc_format_stat(&text, &head);
    check_text(&text,
               "8480 (head) R 8478 8478 3936 0 -1 4194304 103 0 0 0 0 0 0 0 20 0 1 0 180020 "
               "2998272 409 18446744073709551615 94394392911872 94394392935977 140727584779872 "
               "0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 94394392951824 94394392953440 94394650746880 "
               "140727584782779 140727584782808 140727584782808 140727584784362 0\n");
}

static void test_stat_kernel_thread(void **state)
{
    static const struct proc_task kthreadd = {
        .pid = 2,
        .tid = 2,
        .tty_pgrp = -1,
        .name = "kthreadd",
        .state = 'S',
        .kernel = true,
        .priority = 20,
        .threads = 1,
        .exit_signal = 0,
        .rss_limit = UINT64_MAX,
        .ignored = 0x7fffffff,
    };
    struct text text = {0};
    (void)state;
    proc_format_stat(&text, &kthreadd);
    check_text(&text, "2 (kthreadd) S 0 0 0 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0 "
                      "18446744073709551615 0 0 0 0 0 0 0 2147483647 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 "
                      "0 0 0 0\n");
}

static void test_status(void **state)
{
    struct text text = {0};
    (void)state;
    proc_format_status(&text, &head);
    check_text(&text,
               "Name:\thead\nUmask:\t0022\nState:\tR (running)\nTgid:\t8480\nNgid:\t0\nPid:\t8480\n"
               "PPid:\t8478\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t256\n"
               "Groups:\t \nNStgid:\t8480\nNSpid:\t8480\nNSpgid:\t8478\nNSsid:\t3936\n"
               "VmPeak:\t    2928 kB\nVmSize:\t    2928 kB\nVmLck:\t       0 kB\n"
               "VmPin:\t       0 kB\nVmHWM:\t    1708 kB\nVmRSS:\t    1636 kB\n"
               "RssAnon:\t     112 kB\nRssFile:\t    1524 kB\nRssShmem:\t       0 kB\n"
               "VmData:\t     224 kB\nVmStk:\t     132 kB\nVmExe:\t      24 kB\n"
               "VmLib:\t    1528 kB\nVmPTE:\t      44 kB\nVmSwap:\t       0 kB\n"
               "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t1\n"
               "SigQ:\t0/96365\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
               "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
               "SigCgt:\t0000000000000000\nCapInh:\t0000000000000000\n"
               "CapPrm:\t000001fffeffffff\nCapEff:\t000001fffeffffff\n"
               "CapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n"
               "Seccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\n"
               "SpeculationIndirectBranch:\talways enabled\nCpus_allowed:\t3\n"
               "Cpus_allowed_list:\t0-1\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
               "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
}

static void test_statm(void **state)
{
    struct text text = {0};
    (void)state;
    proc_format_statm(&text, &head.memory);
    check_text(&text, "732 409 381 6 0 89 0\n");
}

static void test_maps(void **state)
{
    static const struct {
        struct proc_mapping mapping;
        const char *line;
    } rows[] = {
        {{.start = 0x55f0fecfd000,
          .end = 0x55f0fecff000,
          .read = true,
          .dev = DEV(0xfe, 0),
          .ino = 247498,
          .name = "/usr/bin/head"},
         "55f0fecfd000-55f0fecff000 r--p 00000000 fe:00 247498                     "
         "/usr/bin/head\n"},
        {{.start = 0x55f115517000,
          .end = 0x55f115538000,
          .read = true,
          .write = true,
          .name = "[heap]"},
         "55f115517000-55f115538000 rw-p 00000000 00:00 0                          [heap]\n"},
        {{.start = 0x7f7e714e4000, .end = 0x7f7e714e7000, .read = true, .write = true},
         "7f7e714e4000-7f7e714e7000 rw-p 00000000 00:00 0 \n"},
        {{.start = 0x400000,
          .end = 0x401000,
          .read = true,
          .exec = true,
          .shared = true,
          .offset = 0x2000,
          .dev = DEV(0, 21),
          .ino = 7,
          .name = "/a\nb"},
         "00400000-00401000 r-xs 00002000 00:15 7                                  /a\\012b\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct text text = {0};
        proc_format_mapping(&text, &rows[i].mapping);
        check_text(&text, rows[i].line);
    }
}

static void test_limits(void **state)
{
    const uint64_t none = UINT64_MAX;
    const uint64_t soft[PROC_LIMITS] = {none,    none, none, 8388608, 0,      none, 96365, 20000,
                                        8388608, none, none, 96365,   819200, 0,    0,     none};
    const uint64_t hard[PROC_LIMITS] = {none,    none, none, none,  none,   none, 96365, 20000,
                                        8388608, none, none, 96365, 819200, 0,    0,     none};
    struct text text = {0};
    (void)state;
    proc_format_limits(&text, soft, hard);
    check_text(&text,
               "Limit                     Soft Limit           Hard Limit           Units     \n"
               "Max cpu time              unlimited            unlimited            seconds   \n"
               "Max file size             unlimited            unlimited            bytes     \n"
               "Max data size             unlimited            unlimited            bytes     \n"
               "Max stack size            8388608              unlimited            bytes     \n"
               "Max core file size        0                    unlimited            bytes     \n"
               "Max resident set          unlimited            unlimited            bytes     \n"
               "Max processes             96365                96365                processes \n"
               "Max open files            20000                20000                files     \n"
               "Max locked memory         8388608              8388608              bytes     \n"
               "Max address space         unlimited            unlimited            bytes     \n"
               "Max file locks            unlimited            unlimited            locks     \n"
               "Max pending signals       96365                96365                signals   \n"
               "Max msgqueue size         819200               819200               bytes     \n"
               "Max nice priority         0                    0                    \n"
               "Max realtime priority     0                    0                    \n"
               "Max realtime timeout      unlimited            unlimited            us        \n");
}

static void test_mounts(void **state)
{
    static const struct mount_info shm = {
        .id = 25,
        .parent_id = 24,
        .dev = DEV(0, 23),
        .type = "tmpfs",
        .source = "tmpfs",
        .root = "/",
        .target = "/dev/shm",
        .options = ",size=24684092k",
    };
    static const struct mount_info odd = {
        .id = 28,
        .parent_id = 27,
        .flags = MS_RDONLY | MS_NOSUID | MS_NODEV,
        .dev = DEV(0, 25),
        .type = "tmpfs",
        .source = "a b",
        .root = "/sub\\dir",
        .target = "/with\ttab",
        .options = "",
    };
    struct text text = {0};
    (void)state;
    proc_format_mount(&text, &shm);
    proc_format_mount(&text, &odd);
    check_text(&text, "tmpfs /dev/shm tmpfs rw,relatime,size=24684092k 0 0\n"
                      "a\\040b /with\\011tab tmpfs ro,nosuid,nodev,relatime 0 0\n");
    proc_format_mountinfo(&text, &shm);
    proc_format_mountinfo(&text, &odd);
    check_text(&text, "25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684092k\n"
                      "28 27 0:25 /sub\\134dir /with\\011tab ro,nosuid,nodev,relatime - tmpfs "
                      "a\\040b ro\n");
}

static void test_meminfo(void **state)
{
    static const struct proc_meminfo info = {.total = 24684092,
                                             .free = 24294364,
                                             .available = 24344148,
                                             .cached = 233464,
                                             .slab = 83608};
    static const char start[] = "MemTotal:       24684092 kB\n"
                                "MemFree:        24294364 kB\n"
                                "MemAvailable:   24344148 kB\n"
                                "Buffers:               0 kB\n"
                                "Cached:           233464 kB\n"
                                "SwapCached:            0 kB\n";
    static const char *const lines[] = {
        "\nSlab:              83608 kB\n", "\nVmallocTotal:   34359738367 kB\n",
        "\nHugePages_Total:       0\n",    "\nHugepagesize:       2048 kB\n",
        "\nActive(anon):          0 kB\n", "\nWritebackTmp:          0 kB\n",
    };
    struct text text = {0};
    (void)state;
    proc_format_meminfo(&text, &info);
    text_put(&text, "", 1);
    assert_int_equal(text.error, 0);
    assert_memory_equal(text.bytes, start, sizeof(start) - 1);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_non_null(strstr(text.bytes, lines[i]));
    }
    text_free(&text);
}

static void test_load_and_uptime(void **state)
{
    static const unsigned long load[3] = {2048, 1024, 10};
    struct text text = {0};
    (void)state;
    proc_format_loadavg(&text, load, 1, 95, 8459);
    check_text(&text, "1.00 0.50 0.00 1/95 8459\n");
    proc_format_uptime(&text, 1800129999999, 3537110000000);
    check_text(&text, "1800.12 3537.11\n");
}

static void test_cpu_list(void **state)
{
    static const struct {
        struct cpumask set;
        unsigned cpus;
        const char *list, *mask;
    } rows[] = {
        {{{0}}, 1, "", "0"},
        {{{1}}, 1, "0", "1"},
        {{{3}}, 2, "0-1", "3"},
        {{{1}}, 5, "0", "01"},
        {{{0x2d}}, 32, "0,2-3,5", "0000002d"},
        {{{0x2d}}, 33, "0,2-3,5", "0,0000002d"},
        {{{1ull << 63}}, 64, "63", "80000000,00000000"},
        {{{~0ull, 5}}, 67, "0-64,66", "5,ffffffff,ffffffff"},
        {{{0, 0, 0, 1ull << 63}}, 256, "255", "80000000,,,,,,,"},
        {{{~0ull, ~0ull, ~0ull, ~0ull}}, 256, "0-255", "ffffffff,,,,,,,"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct text text = {0};
        proc_format_cpu_list(&text, &rows[i].set);
        check_text(&text, rows[i].list);
        proc_format_cpu_mask(&text, &rows[i].set, rows[i].cpus);
        if (rows[i].cpus < 256) {
            check_text(&text, rows[i].mask);
        } else {
            assert_int_equal(text.size, 8 * 9 - 1);
            assert_memory_equal(text.bytes, rows[i].mask, 9);
            text_free(&text);
        }
    }
}

/* Memory runs out at each allocation in turn: an error that sticks, and nothing lost. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (allocations_left = 0; allocations_left < 3; allocations_left++) {
        long given = allocations_left;
        struct text text = {0};
        for (unsigned i = 0; i < 100; i++) {
            proc_format_statm(&text, &head.memory);
        }
        assert_int_equal(text.error, -12);
        assert_true(text.size <= text.capacity);
        text_free(&text);
        allocations_left = given;
    }
    allocations_left = -1;
}

/* A long text is the same as its parts. */
static void test_text_grows(void **state)
{
    struct text text = {0};
    char expected[4096] = "";
    (void)state;
    for (int i = 0; i < 400; i++) {
        text_printf(&text, "%d ", i);
        sprintf(expected + strlen(expected), "%d ", i);
    }
    check_text(&text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat),
        cmocka_unit_test(test_stat_kernel_thread),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_statm),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_meminfo),
        cmocka_unit_test(test_load_and_uptime),
        cmocka_unit_test(test_cpu_list),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_text_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
