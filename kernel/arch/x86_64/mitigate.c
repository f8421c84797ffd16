/* SPDX-License-Identifier: BSD-2-Clause */
/* See mitigate.h. */
#include "kernel/arch/x86_64/mitigate.h"
#include "lib/format.h"
#include "lib/string.h"

#define BIT(n) (1u << (n))
#define ALL    (BIT(FAULT_COUNT) - 1)

enum arch_capability {
    CAP_RDCL_NO = BIT(0),
    CAP_IBRS_ALL = BIT(1),
    CAP_RSBA = BIT(2),
    CAP_SSB_NO = BIT(4),
    CAP_MDS_NO = BIT(5),
    CAP_PSCHANGE_MC_NO = BIT(6),
    CAP_TSX_CTRL = BIT(7),
    CAP_TAA_NO = BIT(8),
    CAP_MMIO_NO = BIT(13) | BIT(14) | BIT(15), /* SBDR_SSDP_NO, FBSDP_NO, PSDP_NO */
    CAP_FB_CLEAR = BIT(17),
};

/* CPUID leaf 7, EDX and EBX. */
#define LEAF7D_SRBDS_CTRL BIT(9)
#define LEAF7D_MD_CLEAR   BIT(10)
#define LEAF7D_SPEC_CTRL  BIT(26) /* IBRS and IBPB */
#define LEAF7D_SSBD       BIT(31)
#define LEAF7B_RTM        BIT(11)
/* Fn8000_0008 EBX and Fn8000_0021 EAX. */
#define AMD8B_IBPB       BIT(12)
#define AMD8B_SSBD       BIT(24)
#define AMD8B_SSB_NO     BIT(26)
#define AMD8B_BTC_NO     BIT(29)
#define AMD21A_AUTOMATIC BIT(8)

/* What models of Intel's family 6 have or lack, where registers do not tell. */
enum intel_kind {
    IN_ORDER = BIT(0), /* no speculation at all */
    ATOM = BIT(1),     /* neither L1TF nor iTLB multihit */
    NO_MDS = BIT(2),
    NO_SSB = BIT(3),
    SRBDS = BIT(4),
    MMIO = BIT(5),
    RETBLEED = BIT(6),
};
static const struct {
    uint8_t model, kind;
} intel_models[] = {
    {0x1c, IN_ORDER},
    {0x26, IN_ORDER},
    {0x27, IN_ORDER},
    {0x35, IN_ORDER},
    {0x36, IN_ORDER},
    {0x37, ATOM | NO_SSB}, /* Silvermont and Airmont */
    {0x4a, ATOM | NO_SSB},
    {0x4c, ATOM | NO_SSB},
    {0x4d, ATOM | NO_SSB},
    {0x5a, ATOM | NO_SSB},
    {0x57, ATOM | NO_SSB}, /* Xeon Phi */
    {0x85, ATOM | NO_SSB},
    {0x5c, ATOM | NO_MDS}, /* Goldmont */
    {0x5f, ATOM | NO_MDS},
    {0x7a, ATOM | NO_MDS},
    {0x3a, SRBDS}, /* Ivy Bridge */
    {0x3c, SRBDS}, /* Haswell */
    {0x45, SRBDS},
    {0x46, SRBDS},
    {0x3f, MMIO},
    {0x3d, SRBDS}, /* Broadwell */
    {0x47, SRBDS},
    {0x4f, MMIO},
    {0x56, MMIO},
    {0x4e, SRBDS | MMIO | RETBLEED}, /* Skylake and what followed */
    {0x5e, SRBDS | MMIO | RETBLEED},
    {0x55, MMIO | RETBLEED},
    {0x8e, SRBDS | MMIO | RETBLEED},
    {0x9e, SRBDS | MMIO | RETBLEED},
    {0x66, RETBLEED},
    {0x6a, MMIO},
    {0x6c, MMIO},
    {0x7e, MMIO | RETBLEED},
    {0x8a, MMIO | RETBLEED},
    {0xa5, SRBDS | MMIO | RETBLEED},
    {0xa6, SRBDS | MMIO | RETBLEED},
    {0xa7, MMIO | RETBLEED},
};

static unsigned intel_kind(unsigned family, unsigned model)
{
    for (size_t i = 0; family == 6 && i < ARRAY_SIZE(intel_models); i++) {
        if (intel_models[i].model == model) {
            return intel_models[i].kind;
        }
    }
    return family == 5 ? IN_ORDER : 0;
}

static uint32_t intel_faults(const struct x86_cpu_id *id)
{
    uint64_t caps = id->arch_caps;
    unsigned kind = intel_kind(id->family, id->model);
    uint32_t faults = ALL;
    if (kind & IN_ORDER) {
        return 0;
    }
    if ((caps & CAP_RDCL_NO) != 0) {
        faults &= ~(BIT(FAULT_MELTDOWN) | BIT(FAULT_L1TF));
    }
    if ((kind & ATOM) != 0) {
        faults &= ~(BIT(FAULT_L1TF) | BIT(FAULT_ITLB_MULTIHIT));
    }
    if ((kind & NO_MDS) != 0 || (caps & CAP_MDS_NO) != 0) {
        faults &= ~BIT(FAULT_MDS);
    }
    if ((kind & NO_SSB) != 0 || (caps & CAP_SSB_NO) != 0) {
        faults &= ~BIT(FAULT_SSB);
    }
    if ((caps & CAP_PSCHANGE_MC_NO) != 0) {
        faults &= ~BIT(FAULT_ITLB_MULTIHIT);
    }
    if ((caps & CAP_TAA_NO) != 0 ||
        ((id->leaf7_b & LEAF7B_RTM) == 0 && (caps & CAP_TSX_CTRL) == 0)) {
        faults &= ~BIT(FAULT_TAA);
    }
    if ((kind & SRBDS) == 0) {
        faults &= ~BIT(FAULT_SRBDS);
    }
    if ((kind & MMIO) == 0 || (caps & CAP_MMIO_NO) == CAP_MMIO_NO) {
        faults &= ~BIT(FAULT_MMIO);
    }
    if ((kind & RETBLEED) == 0 && (caps & CAP_RSBA) == 0) {
        faults &= ~BIT(FAULT_RETBLEED);
    }
    return faults;
}

static uint32_t amd_faults(const struct x86_cpu_id *id)
{
    uint32_t faults = BIT(FAULT_SPECTRE_V1) | BIT(FAULT_SPECTRE_V2) | BIT(FAULT_SSB);
    if ((id->family >= 0xf && id->family <= 0x12) || (id->amd8_b & AMD8B_SSB_NO) != 0) {
        faults &= ~BIT(FAULT_SSB);
    }
    if (id->family >= 0x15 && id->family <= 0x18 && (id->amd8_b & AMD8B_BTC_NO) == 0) {
        faults |= BIT(FAULT_RETBLEED);
    }
    return faults;
}

static uint32_t find_faults(const struct x86_cpu_id *id)
{
    switch (id->vendor) {
    case VENDOR_INTEL:
        return intel_faults(id);
    case VENDOR_AMD:
    case VENDOR_HYGON:
        return amd_faults(id);
    case VENDOR_CENTAUR:
        return id->family == 5 ? 0
                               : ALL & ~(BIT(FAULT_SPECTRE_V2) | BIT(FAULT_SRBDS) |
                                         BIT(FAULT_MMIO) | BIT(FAULT_TAA) | BIT(FAULT_RETBLEED));
    default:
        /* Nobody knows: as far as it cannot be excluded, it has them. */
        return ALL & ~(BIT(FAULT_SRBDS) | BIT(FAULT_MMIO) | BIT(FAULT_TAA) | BIT(FAULT_RETBLEED));
    }
}

static bool wanted(bool affected, enum x86_choice choice, bool off)
{
    return affected && (choice == CHOICE_ON || (choice == CHOICE_AUTO && !off));
}

void x86_mitigate_choose(const struct x86_cpu_id *id, const struct x86_mitigate_options *options,
                         struct x86_mitigations *out)
{
    bool off = options->off;
    uint32_t faults = find_faults(id);
    *out = (struct x86_mitigations){.faults = faults, .hypervisor = id->hypervisor, .smt = id->smt};
    out->pti = options->pti == CHOICE_ON || wanted(faults & BIT(FAULT_MELTDOWN), options->pti, off);
    out->verw_mds = wanted(faults & BIT(FAULT_MDS), options->mds, off);
    out->verw_taa = wanted(faults & BIT(FAULT_TAA), options->taa, off);
    out->verw_mmio = wanted(faults & BIT(FAULT_MMIO), options->mmio, off);
    out->verw = out->verw_mds || out->verw_taa || out->verw_mmio;
    out->srbds_ctrl = (id->leaf7_d & LEAF7D_SRBDS_CTRL) != 0;
    out->md_clear = (id->leaf7_d & LEAF7D_MD_CLEAR) != 0 || (id->arch_caps & CAP_FB_CLEAR) != 0;
    if (wanted(faults & BIT(FAULT_SPECTRE_V2), options->spectre_v2, off)) {
        out->ibrs = (id->leaf7_d & LEAF7D_SPEC_CTRL) != 0 && (id->arch_caps & CAP_IBRS_ALL) != 0;
        out->auto_ibrs = !out->ibrs && (id->amd21_a & AMD21A_AUTOMATIC) != 0;
        out->ibpb = (id->leaf7_d & LEAF7D_SPEC_CTRL) != 0 || (id->amd8_b & AMD8B_IBPB) != 0;
        out->fill_rsb = true;
    }
    bool can_ssbd = (id->leaf7_d & LEAF7D_SSBD) != 0 || (id->amd8_b & AMD8B_SSBD) != 0;
    out->ssbd = can_ssbd && wanted(faults & BIT(FAULT_SSB), options->ssb, off);
    out->ssbd_always = out->ssbd && options->ssb == CHOICE_ON;
}

static const char *const names[FAULT_COUNT] = {
    [FAULT_ITLB_MULTIHIT] = "itlb_multihit",
    [FAULT_L1TF] = "l1tf",
    [FAULT_MDS] = "mds",
    [FAULT_MELTDOWN] = "meltdown",
    [FAULT_MMIO] = "mmio_stale_data",
    [FAULT_RETBLEED] = "retbleed",
    [FAULT_SSB] = "spec_store_bypass",
    [FAULT_SPECTRE_V1] = "spectre_v1",
    [FAULT_SPECTRE_V2] = "spectre_v2",
    [FAULT_SRBDS] = "srbds",
    [FAULT_TAA] = "tsx_async_abort",
};

enum x86_fault x86_fault_find(const char *name)
{
    unsigned i = 0;
    while (i < FAULT_COUNT && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

/* The three that clearing buffers helps against. */
static int describe_buffers(bool verw, const struct x86_mitigations *m, char *buf, size_t size)
{
    const char *text = !verw         ? "Vulnerable"
                       : m->md_clear ? "Mitigation: Clear CPU buffers"
                                     : "Vulnerable: Clear CPU buffers attempted, no microcode";
    const char *siblings = m->hypervisor ? "SMT Host state unknown"
                           : m->smt      ? "SMT vulnerable"
                                         : "SMT disabled";
    return snprintf(buf, size, "%s; %s\n", text, siblings);
}

static int describe_branches(const struct x86_mitigations *m, char *buf, size_t size)
{
    const char *text = m->ibrs || m->auto_ibrs ? "Mitigation: Enhanced IBRS" : "Vulnerable";
    return snprintf(
        buf, size, "%s%s%s%s\n", text, m->ibpb ? ", IBPB: always-on" : ", IBPB: disabled",
        m->ibrs || m->auto_ibrs ? "" : ", STIBP: disabled", m->fill_rsb ? ", RSB filling" : "");
}

int x86_fault_describe(enum x86_fault fault, const struct x86_mitigations *m, char *buf,
                       size_t size)
{
    const char *text = "Vulnerable";
    if ((m->faults & BIT(fault)) == 0 && !(fault == FAULT_MELTDOWN && m->pti)) {
        return snprintf(buf, size, "Not affected\n");
    }
    switch (fault) {
    case FAULT_MDS:
        return describe_buffers(m->verw_mds, m, buf, size);
    case FAULT_TAA:
        return describe_buffers(m->verw_taa, m, buf, size);
    case FAULT_MMIO:
        return describe_buffers(m->verw_mmio, m, buf, size);
    case FAULT_SPECTRE_V2:
        return describe_branches(m, buf, size);
    case FAULT_SPECTRE_V1:
        text = "Mitigation: usercopy/swapgs barriers and __user pointer sanitization";
        break;
    case FAULT_MELTDOWN:
        text = m->pti ? "Mitigation: PTI" : text;
        break;
    case FAULT_L1TF:
        text = "Mitigation: PTE Inversion";
        break;
    case FAULT_ITLB_MULTIHIT:
        text = "Processor vulnerable"; /* as a Linux without KVM */
        break;
    case FAULT_RETBLEED:
        text = m->ibrs ? "Mitigation: Enhanced IBRS" : text;
        break;
    case FAULT_SSB:
        text = m->ssbd_always ? "Mitigation: Speculative Store Bypass disabled"
               : m->ssbd      ? "Mitigation: Speculative Store Bypass disabled via prctl"
                              : text;
        break;
    default: /* SRBDS */
        text = m->hypervisor   ? "Unknown: Dependent on hypervisor status"
               : m->srbds_ctrl ? "Mitigation: Microcode" /* which is on unless it is turned off */
                               : "Vulnerable: No microcode";
        break;
    }
    return snprintf(buf, size, "%s\n", text);
}
