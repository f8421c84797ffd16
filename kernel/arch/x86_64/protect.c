/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C23: applies what mitigate.c chooses to this machine: asks CPUID and the command line, sets
 * model-specific registers, and answers what is asked about it.
 */
#include "abi/errno.h"
#include "kernel/arch/mmu.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "lib/string.h"
#include <machine/paging.h>

struct x86_mitigations x86_protect RO_AFTER_INIT;
bool x86_guard_switches RO_AFTER_INIT;

static const char *command_line INIT_DATA;

/* Linux's parameters (admin-guide/kernel-parameters); offset: in struct x86_mitigate_options. */
#define NOTHING 0xff
static const struct {
    const char *name;
    uint8_t offset;
    bool negative; /* "no...": there is no value */
} parameters[] = {
    {"nopti", offsetof(struct x86_mitigate_options, pti), true},
    {"pti", offsetof(struct x86_mitigate_options, pti), false},
    {"nospectre_v2", offsetof(struct x86_mitigate_options, spectre_v2), true},
    {"spectre_v2", offsetof(struct x86_mitigate_options, spectre_v2), false},
    {"nospec_store_bypass_disable", offsetof(struct x86_mitigate_options, ssb), true},
    {"spec_store_bypass_disable", offsetof(struct x86_mitigate_options, ssb), false},
    {"mds", offsetof(struct x86_mitigate_options, mds), false},
    {"tsx_async_abort", offsetof(struct x86_mitigate_options, taa), false},
    {"mmio_stale_data", offsetof(struct x86_mitigate_options, mmio), false},
    {"nospectre_v1", NOTHING, true}, /* what is done costs nothing that could be saved */
    {"l1tf", NOTHING, false},
    {"retbleed", NOTHING, false},
    {"srbds", NOTHING, false},
};

INIT_TEXT void arch_cpu_options(const char *text)
{
    command_line = text;
    for (size_t i = 0; text == NULL && i < ARRAY_SIZE(parameters); i++) {
        (void)cmdline_get(parameters[i].name); /* they are known now */
    }
    if (text == NULL) {
        (void)cmdline_get("mitigations");
    }
}

static INIT_TEXT enum x86_choice choice_of(const char *value, bool negative)
{
    if (negative || strcmp(value, "off") == 0) {
        return CHOICE_OFF;
    }
    return strcmp(value, "on") == 0 || strncmp(value, "full", 4) == 0 ? CHOICE_ON : CHOICE_AUTO;
}

static INIT_TEXT void read_options(struct x86_mitigate_options *options)
{
    char value[16];
    *options = (struct x86_mitigate_options){.off = false};
    if (command_line == NULL) {
        return;
    }
    options->off = cmdline_early(command_line, "mitigations", value, sizeof(value)) >= 0 &&
                   strcmp(value, "off") == 0;
    for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
        if (parameters[i].offset != NOTHING &&
            cmdline_early(command_line, parameters[i].name, value, sizeof(value)) >= 0) {
            *(enum x86_choice *)(void *)((char *)options + parameters[i].offset) = choice_of(
                value, parameters[i].negative);
        }
    }
}

static INIT_TEXT enum x86_vendor vendor_of(const char *text)
{
    static const char *const texts[] = {[VENDOR_INTEL] = "GenuineIntel",
                                        [VENDOR_AMD] = "AuthenticAMD",
                                        [VENDOR_HYGON] = "HygonGenuine",
                                        [VENDOR_CENTAUR] = "CentaurHauls"};
    unsigned i = 0;
    while (i < ARRAY_SIZE(texts) && strcmp(texts[i], text) != 0) {
        i++;
    }
    return i < ARRAY_SIZE(texts)               ? i
           : strcmp(text, "  Shanghai  ") == 0 ? VENDOR_CENTAUR
                                               : VENDOR_OTHER;
}

static INIT_TEXT void read_cpu(struct x86_cpu_id *id, const char *vendor)
{
    uint32_t last = cpuid(0, 0).a, extended = cpuid(0x80000000u, 0).a;
    struct cpuid c1 = cpuid(1, 0), c7 = last >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    *id = (struct x86_cpu_id){.vendor = vendor_of(vendor), .leaf7_b = c7.b, .leaf7_d = c7.d};
    id->family = c1.a >> 8 & 15;
    id->model = c1.a >> 4 & 15;
    if (id->family == 15 || id->family == 6) {
        id->model |= (c1.a >> 16 & 15) << 4;
    }
    id->family += id->family == 15 ? c1.a >> 20 & 0xff : 0;
    id->hypervisor = c1.c >> 31 & 1;
    id->smt = last >= 0xb && (cpuid(0xb, 0).b & 0xffff) > 1;
    id->amd8_b = extended >= 0x80000008u ? cpuid(0x80000008u, 0).b : 0;
    id->amd21_a = extended >= 0x80000021u ? cpuid(0x80000021u, 0).a : 0;
    if (c7.d >> 29 & 1) {
        id->arch_caps = rdmsr(MSR_ARCH_CAPABILITIES);
    }
}

INIT_TEXT void x86_protect_choose(const char *vendor)
{
    struct x86_cpu_id id;
    struct x86_mitigate_options options;
    read_cpu(&id, vendor);
    read_options(&options);
    x86_mitigate_choose(&id, &options, &x86_protect);
    x86_guard_switches = x86_protect.ibpb || x86_protect.fill_rsb;
    if (x86_protect.pti) {
        x86_features.pge = x86_features.pcid = false;
    }
    x86_patch_entries();
}

void x86_set_spec_ctrl(uint64_t bits)
{
    wrmsr(MSR_SPEC_CTRL, bits | (x86_protect.ibrs ? SPEC_CTRL_IBRS : 0) |
                             (x86_protect.ssbd_always ? SPEC_CTRL_SSBD : 0));
}

void x86_protect_cpu(void)
{
    if (x86_protect.ibrs || x86_protect.ssbd_always) {
        x86_set_spec_ctrl(0);
    }
    if (x86_protect.auto_ibrs) {
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AIBRSE);
    }
}

void x86_protect_leave(void)
{
    if (x86_protect.ibrs || x86_protect.ssbd || x86_protect.ssbd_always) {
        wrmsr(MSR_SPEC_CTRL, 0);
    }
}

void x86_programs_change(void)
{
    if (x86_protect.ibpb) {
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    }
    if (x86_protect.fill_rsb) {
        x86_fill_rsb();
    }
}

int arch_cpu_fault(const char *name, char *buf, size_t size)
{
    enum x86_fault fault = x86_fault_find(name);
    return fault != FAULT_COUNT ? x86_fault_describe(fault, &x86_protect, buf, size) : -ENOENT;
}

enum arch_speculation arch_store_bypass(void)
{
    return (x86_protect.faults & 1u << FAULT_SSB) == 0 ? ARCH_SPECULATION_NONE
           : x86_protect.ssbd_always                   ? ARCH_SPECULATION_OFF
           : x86_protect.ssbd                          ? ARCH_SPECULATION_BY_THREAD
                                                       : ARCH_SPECULATION_ON;
}

enum arch_speculation arch_foreign_branches(void)
{
    return (x86_protect.faults & 1u << FAULT_SPECTRE_V2) == 0 ? ARCH_SPECULATION_NONE
           : x86_protect.ibpb                                 ? ARCH_SPECULATION_OFF
                                                              : ARCH_SPECULATION_ON;
}

void arch_set_store_bypass(bool allowed)
{
    unsigned long flags = arch_irq_save();
    struct arch_thread *self = (struct arch_thread *)(void *)arch_current();
    self->spec_ctrl = allowed ? 0 : SPEC_CTRL_SSBD;
    x86_set_spec_ctrl(self->spec_ctrl);
    arch_irq_restore(flags);
}
