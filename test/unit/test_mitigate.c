/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which faults of CPU design are assumed of which CPU, what is done, and what is said of it: rows
 * of CPUID and IA32_ARCH_CAPABILITIES as real processors have them, and of options.
 */
// sources: kernel/arch/x86_64/mitigate.c lib/format.c lib/string.c
// flags: -Ikernel/arch/x86_64/include
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/arch/x86_64/mitigate.h"

_Noreturn void assert_failed(const char *expr, const char *file, int line);
_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

#define MD_CLEAR  (1u << 10)
#define SPEC_CTRL (1u << 26)
#define SSBD      (1u << 31)

/* QEMU's qemu64 and max; a Haswell without and with its last microcode; Cascade Lake; Ice Lake
 * server; Sapphire Rapids; Bonnell; Goldmont; Zen 2, Zen 3, Zen 4; an old Opteron; C7; unknown. */
static const struct x86_cpu_id qemu64 = {.vendor = VENDOR_AMD, .family = 15, .model = 107};
static const struct x86_cpu_id haswell = {.vendor = VENDOR_INTEL, .family = 6, .model = 0x3c};
static const struct x86_cpu_id haswell_new = {.vendor = VENDOR_INTEL,
                                              .family = 6,
                                              .model = 0x3c,
                                              .leaf7_d = MD_CLEAR | SPEC_CTRL | SSBD,
                                              .smt = true};
static const struct x86_cpu_id cascade_lake = {.vendor = VENDOR_INTEL,
                                               .family = 6,
                                               .model = 0x55,
                                               .leaf7_b = 1u << 11,
                                               .leaf7_d = MD_CLEAR | SPEC_CTRL | SSBD,
                                               .arch_caps = 0x2b,
                                               .hypervisor = true};
static const struct x86_cpu_id ice_lake = {.vendor = VENDOR_INTEL,
                                           .family = 6,
                                           .model = 0x6a,
                                           .leaf7_d = MD_CLEAR | SPEC_CTRL | SSBD,
                                           .arch_caps = 0x2016b,
                                           .smt = true};
static const struct x86_cpu_id sapphire = {.vendor = VENDOR_INTEL,
                                           .family = 6,
                                           .model = 0x8f,
                                           .leaf7_d = MD_CLEAR | SPEC_CTRL | SSBD,
                                           .arch_caps = 0xe1eb};
static const struct x86_cpu_id bonnell = {.vendor = VENDOR_INTEL, .family = 6, .model = 0x1c};
static const struct x86_cpu_id goldmont = {.vendor = VENDOR_INTEL, .family = 6, .model = 0x5c};
static const struct x86_cpu_id zen2 = {
    .vendor = VENDOR_AMD, .family = 0x17, .model = 0x31, .amd8_b = 1u << 12 | 1u << 24};
static const struct x86_cpu_id zen3 = {
    .vendor = VENDOR_AMD, .family = 0x19, .model = 1, .amd8_b = 1u << 12 | 1u << 24 | 1u << 29};
static const struct x86_cpu_id zen4 = {.vendor = VENDOR_AMD,
                                       .family = 0x19,
                                       .model = 0x11,
                                       .amd8_b = 1u << 12 | 1u << 24 | 1u << 29,
                                       .amd21_a = 1u << 8};
static const struct x86_cpu_id c7 = {.vendor = VENDOR_CENTAUR, .family = 6, .model = 10};
static const struct x86_cpu_id unknown = {.vendor = VENDOR_OTHER, .family = 6, .model = 1};

static const char *text_of(const struct x86_cpu_id *id, const struct x86_mitigate_options *options,
                           const char *name)
{
    static char text[160];
    struct x86_mitigations m;
    x86_mitigate_choose(id, options, &m);
    int size = x86_fault_describe(x86_fault_find(name), &m, text, sizeof(text));
    assert_true(size > 0 && size < (int)sizeof(text) && text[size - 1] == '\n');
    text[size - 1] = '\0';
    return text;
}

static void texts(void **state)
{
    static const struct {
        const struct x86_cpu_id *id;
        const char *name, *text;
    } rows[] = {
        {&qemu64, "meltdown", "Not affected"},
        {&qemu64, "spec_store_bypass", "Not affected"},
        {&qemu64, "spectre_v2", "Vulnerable, IBPB: disabled, STIBP: disabled, RSB filling"},
        {&haswell, "meltdown", "Mitigation: PTI"},
        {&haswell, "l1tf", "Mitigation: PTE Inversion"},
        {&haswell, "mds", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT disabled"},
        {&haswell, "spec_store_bypass", "Vulnerable"},
        {&haswell, "srbds", "Vulnerable: No microcode"},
        {&haswell, "itlb_multihit", "Processor vulnerable"},
        {&haswell, "tsx_async_abort", "Not affected"},
        {&haswell, "mmio_stale_data", "Not affected"},
        {&haswell, "retbleed", "Not affected"},
        {&haswell_new, "mds", "Mitigation: Clear CPU buffers; SMT vulnerable"},
        {&haswell_new, "spec_store_bypass",
         "Mitigation: Speculative Store Bypass disabled via prctl"},
        {&haswell_new, "spectre_v2", "Vulnerable, IBPB: always-on, STIBP: disabled, RSB filling"},
        {&cascade_lake, "meltdown", "Not affected"},
        {&cascade_lake, "l1tf", "Not affected"},
        {&cascade_lake, "mds", "Not affected"},
        {&cascade_lake, "tsx_async_abort", "Mitigation: Clear CPU buffers; SMT Host state unknown"},
        {&cascade_lake, "mmio_stale_data", "Mitigation: Clear CPU buffers; SMT Host state unknown"},
        {&cascade_lake, "retbleed", "Mitigation: Enhanced IBRS"},
        {&cascade_lake, "spectre_v2", "Mitigation: Enhanced IBRS, IBPB: always-on, RSB filling"},
        {&ice_lake, "mds", "Not affected"},
        {&ice_lake, "mmio_stale_data", "Mitigation: Clear CPU buffers; SMT vulnerable"},
        {&ice_lake, "itlb_multihit", "Not affected"},
        {&sapphire, "mmio_stale_data", "Not affected"},
        {&sapphire, "meltdown", "Not affected"},
        {&sapphire, "retbleed", "Not affected"},
        {&bonnell, "spectre_v1", "Not affected"},
        {&bonnell, "meltdown", "Not affected"},
        {&goldmont, "mds", "Not affected"},
        {&goldmont, "meltdown", "Mitigation: PTI"},
        {&goldmont, "l1tf", "Not affected"},
        {&zen2, "retbleed", "Vulnerable"},
        {&zen2, "spectre_v1",
         "Mitigation: usercopy/swapgs barriers and __user pointer sanitization"},
        {&zen2, "spec_store_bypass", "Mitigation: Speculative Store Bypass disabled via prctl"},
        {&zen3, "retbleed", "Not affected"},
        {&zen4, "spectre_v2", "Mitigation: Enhanced IBRS, IBPB: always-on, RSB filling"},
        {&c7, "spectre_v2", "Not affected"},
        {&c7, "meltdown", "Mitigation: PTI"},
        {&unknown, "meltdown", "Mitigation: PTI"},
        {&unknown, "mds", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT disabled"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct x86_mitigate_options none = {.off = false};
        assert_string_equal(text_of(rows[i].id, &none, rows[i].name), rows[i].text);
    }
}

static void options(void **state)
{
    static const struct {
        const struct x86_cpu_id *id;
        struct x86_mitigate_options options;
        const char *name, *text;
    } rows[] = {
        {&haswell, {.off = true}, "meltdown", "Vulnerable"},
        {&haswell, {.off = true, .pti = CHOICE_ON}, "meltdown", "Mitigation: PTI"},
        {&haswell, {.pti = CHOICE_OFF}, "meltdown", "Vulnerable"},
        {&qemu64, {.pti = CHOICE_ON}, "meltdown", "Mitigation: PTI"},
        {&haswell, {.off = true}, "mds", "Vulnerable; SMT disabled"},
        {&haswell_new, {.mds = CHOICE_OFF}, "mds", "Vulnerable; SMT vulnerable"},
        {&haswell_new,
         {.off = true, .mds = CHOICE_ON},
         "mds",
         "Mitigation: Clear CPU buffers; SMT vulnerable"},
        {&haswell, {.off = true}, "l1tf", "Mitigation: PTE Inversion"}, /* it costs nothing */
        {&haswell_new,
         {.spectre_v2 = CHOICE_OFF},
         "spectre_v2",
         "Vulnerable, IBPB: disabled, STIBP: disabled"},
        {&cascade_lake, {.off = true}, "spectre_v2", "Vulnerable, IBPB: disabled, STIBP: disabled"},
        {&cascade_lake, {.off = true}, "retbleed", "Vulnerable"},
        {&zen2,
         {.ssb = CHOICE_ON},
         "spec_store_bypass",
         "Mitigation: Speculative Store Bypass disabled"},
        {&zen2, {.ssb = CHOICE_OFF}, "spec_store_bypass", "Vulnerable"},
        {&haswell, {.ssb = CHOICE_ON}, "spec_store_bypass", "Vulnerable"}, /* it cannot */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(text_of(rows[i].id, &rows[i].options, rows[i].name), rows[i].text);
    }
}

/* Nothing is done to a CPU that does not have the register for it. */
static void actions(void **state)
{
    const struct x86_mitigate_options none = {.off = false}, off = {.off = true};
    struct x86_mitigations m;
    (void)state;
    x86_mitigate_choose(&qemu64, &none, &m);
    assert_false(m.pti || m.verw || m.ibrs || m.auto_ibrs || m.ibpb || m.ssbd);
    assert_true(m.fill_rsb);
    x86_mitigate_choose(&haswell, &none, &m);
    assert_true(m.pti && m.verw && !m.ibrs && !m.ibpb && !m.ssbd);
    x86_mitigate_choose(&haswell_new, &none, &m);
    assert_true(m.pti && m.verw && !m.ibrs && m.ibpb && m.ssbd && !m.ssbd_always);
    x86_mitigate_choose(&haswell_new, &off, &m);
    assert_false(m.pti || m.verw || m.ibrs || m.ibpb || m.fill_rsb || m.ssbd);
    x86_mitigate_choose(&cascade_lake, &none, &m);
    assert_true(!m.pti && m.verw && m.ibrs && !m.auto_ibrs);
    x86_mitigate_choose(&sapphire, &none, &m);
    assert_true(!m.pti && !m.verw && m.ibrs);
    x86_mitigate_choose(&zen4, &none, &m);
    assert_true(m.auto_ibrs && !m.ibrs && m.ibpb && m.ssbd && !m.verw);
    x86_mitigate_choose(&bonnell, &none, &m);
    assert_false(m.pti || m.verw || m.fill_rsb || m.ibpb);
    assert_int_equal(x86_fault_find("nothing"), FAULT_COUNT);
    assert_int_equal(x86_fault_find(""), FAULT_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(options),
        cmocka_unit_test(actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
