/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Faults of CPU design (C23): which this CPU has, what is done against them, and what is said of
 * it. Pure: values of CPUID, IA32_ARCH_CAPABILITIES and the command line in, decisions out.
 * Sources: Intel SDM vol. 4, table 2-2 (10AH IA32_ARCH_CAPABILITIES, 48H, 49H), vol. 2 CPUID leaf
 * 7; Intel, "Affected Processors: Transient Execution Attacks & Related Security Issues by CPU";
 * AMD APM vol. 3, E.4.8 (Fn8000_0008 EBX) and E.4.17 (Fn8000_0021 EAX); AMD, "Software techniques
 * for managing speculation on AMD processors" and "Technical guidance for branch type confusion".
 */
#include "lib/types.h"

enum x86_fault {
    FAULT_ITLB_MULTIHIT,
    FAULT_L1TF,
    FAULT_MDS,
    FAULT_MELTDOWN,
    FAULT_MMIO,
    FAULT_RETBLEED,
    FAULT_SSB,
    FAULT_SPECTRE_V1,
    FAULT_SPECTRE_V2,
    FAULT_SRBDS,
    FAULT_TAA,
    FAULT_COUNT,
};

enum x86_vendor { VENDOR_INTEL, VENDOR_AMD, VENDOR_HYGON, VENDOR_CENTAUR, VENDOR_OTHER };

struct x86_cpu_id {
    enum x86_vendor vendor;
    unsigned family, model;
    uint32_t leaf7_b, leaf7_d, amd8_b, amd21_a;
    uint64_t arch_caps; /* 0: the CPU has none */
    bool hypervisor, smt;
};

enum x86_choice { CHOICE_AUTO, CHOICE_ON, CHOICE_OFF };

/* The command line's part. */
struct x86_mitigate_options {
    bool off; /* mitigations=off: whatever is not asked for by name */
    enum x86_choice pti, spectre_v2, ssb, mds, taa, mmio;
};

struct x86_mitigations {
    uint32_t faults;        /* 1 << enum x86_fault: what the CPU has */
    bool pti;               /* programs run on tables without the kernel */
    bool verw;              /* buffers are cleared on the way back to programs */
    bool md_clear;          /* ... and the CPU does that then */
    bool ibrs;              /* IA32_SPEC_CTRL.IBRS stays set (enhanced IBRS) */
    bool auto_ibrs;         /* EFER.AIBRSE */
    bool ibpb;              /* predictions are dropped when programs change */
    bool fill_rsb;          /* return predictions, too */
    bool ssbd, ssbd_always; /* programs may ask for it; it stays set */
    bool srbds_ctrl;        /* the CPU has what helps against that */
    bool verw_mds, verw_taa, verw_mmio, hypervisor, smt;
};

void x86_mitigate_choose(const struct x86_cpu_id *id, const struct x86_mitigate_options *options,
                         struct x86_mitigations *out);

/* A name of Linux's folder "vulnerabilities" (Documentation/ABI/testing/sysfs-devices-system-cpu);
 * FAULT_COUNT: none of them. */
enum x86_fault x86_fault_find(const char *name);
/* What Linux 6.1 says there; as snprintf. */
int x86_fault_describe(enum x86_fault fault, const struct x86_mitigations *m, char *buf,
                       size_t size);
