/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C3: a CPU's descriptor tables, control registers and system-call entry, and what it is called.
 * Everything a CPU needs for itself lies in its per-CPU block. Sources: Intel SDM vol. 3, ch.
 * 2, 3.4, 6.14 (IST), 7.7 (64-bit TSS); AMD APM vol. 2, 6.1 (SYSCALL).
 */
#include "kernel/arch/cpu.h"
#include "abi/bootinfo.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/base/percpu.h"
#include "lib/format.h"
#include "lib/string.h"

#define GDT_KERNEL_CS 0x10
#define GDT_KERNEL_DS 0x18
#define GDT_TSS       0x40
#define GDT_CPU       0x50 /* its limit is the CPU's number: user/vdso */
#define GDT_ENTRIES   11

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map; /* beyond the limit: no user port access */
} __attribute__((packed));
static_assert(sizeof(struct tss) == 104, "hardware layout");

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

enum ist_index { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG };

/* A stack for one exception; the CPU starts below `tcb`, where entry.S finds the control block. */
struct ist_stack {
    char bytes[2048 - 16];
    struct arch_tcb *tcb __attribute__((aligned(16)));
    uint64_t pad;
};
struct double_fault_stack {
    char bytes[4096 - 16];
    struct arch_tcb *tcb __attribute__((aligned(16)));
    uint64_t pad;
};

/* What the CPU itself uses, and the first instructions of the kernel: pages of their own, as they
 * are seen while programs run (isolate.c). */
struct x86_cpu_entry {
    struct double_fault_stack double_fault;
    struct ist_stack nmi, machine_check, debug;
    char entry_stack[512];
    struct tss tss __attribute__((aligned(16)));
    uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(16)));
};
PERCPU(struct x86_cpu_entry, cpu_entry) __attribute__((aligned(4096)));

static struct gate idt[256] RO_AFTER_INIT __attribute__((aligned(16))); /* the same for all CPUs */

struct arch_tcb *arch_cpu_tcb[BOOT_MAX_CPUS + 1] RO_AFTER_INIT; /* the last one: NULL */
struct x86_features x86_features RO_AFTER_INIT;
static char vendor_text[16] RO_AFTER_INIT;
static char model_text[49] RO_AFTER_INIT;

static INIT_TEXT void detect_features(void)
{
    struct x86_features *f = &x86_features;
    struct cpuid c0 = cpuid(0, 0), c1 = cpuid(1, 0);
    struct cpuid c7 = c0.a >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    memcpy(vendor_text, &c0.b, 4);
    memcpy(vendor_text + 4, &c0.d, 4);
    memcpy(vendor_text + 8, &c0.c, 4);
    f->pge = c1.d >> 13 & 1;
    f->pcid = c1.c >> 17 & 1;
    f->x2apic = c1.c >> 21 & 1;
    f->tsc_deadline = c1.c >> 24 & 1;
    f->xsave = c1.c >> 26 & 1;
    f->rdrand = c1.c >> 30 & 1;
    f->hypervisor = c1.c >> 31 & 1;
    f->fsgsbase = c7.b & 1;
    f->smep = c7.b >> 7 & 1;
    f->rdseed = c7.b >> 18 & 1;
    f->smap = c7.b >> 20 & 1;
    f->umip = c7.c >> 2 & 1;
    if (f->xsave && c0.a >= 0xd) {
        f->xsaveopt = cpuid(0xd, 1).a & 1;
    }
    uint32_t extended = cpuid(0x80000000u, 0).a;
    f->rdtscp = extended >= 0x80000001u && (cpuid(0x80000001u, 0).d >> 27 & 1);
    f->invariant_tsc = extended >= 0x80000007u && (cpuid(0x80000007u, 0).d >> 8 & 1);
    for (uint32_t i = 0; extended >= 0x80000004u && i < 3; i++) {
        struct cpuid brand = cpuid(0x80000002u + i, 0);
        memcpy(model_text + (size_t)16 * i, &brand, 16);
    }
}

static INIT_TEXT void make_idt(void)
{
    for (unsigned v = 0; v < 256; v++) {
        uint64_t stub = (uint64_t)(x86_trap_stubs + (size_t)16 * v);
        bool user = v == VECTOR_BREAKPOINT || v == VECTOR_OVERFLOW;
        unsigned ist = v == VECTOR_DOUBLE_FAULT    ? IST_DOUBLE_FAULT
                       : v == VECTOR_NMI           ? IST_NMI
                       : v == VECTOR_MACHINE_CHECK ? IST_MACHINE_CHECK
                       : v == VECTOR_DEBUG         ? IST_DEBUG
                                                   : 0;
        /* Interrupt gates: they turn interrupts off, so that SWAPGS comes first. */
        idt[v] = (struct gate){.offset_low = (uint16_t)stub,
                               .selector = GDT_KERNEL_CS,
                               .ist = (uint8_t)ist,
                               .type = user ? 0xee : 0x8e,
                               .offset_middle = (uint16_t)(stub >> 16),
                               .offset_high = (uint32_t)(stub >> 32)};
    }
}

static void load_tables(void)
{
    struct x86_cpu_entry *entry = &percpu(cpu_entry);
    struct tss *tss = &entry->tss;
    uint64_t *gdt = entry->gdt;
    struct arch_tcb *tcb = ARCH_TCB_READ(self);
    entry->double_fault.tcb = entry->nmi.tcb = entry->machine_check.tcb = entry->debug.tcb = tcb;
    tss->ist[IST_DOUBLE_FAULT - 1] = (uint64_t)&entry->double_fault.tcb;
    tss->ist[IST_NMI - 1] = (uint64_t)&entry->nmi.tcb;
    tss->ist[IST_MACHINE_CHECK - 1] = (uint64_t)&entry->machine_check.tcb;
    tss->ist[IST_DEBUG - 1] = (uint64_t)&entry->debug.tcb;
    tss->io_map = sizeof(*tss);
    tcb->entry_sp = tss->rsp[0] = (uint64_t)(entry->entry_stack + sizeof(entry->entry_stack));

    uint64_t base = (uint64_t)tss;
    gdt[GDT_KERNEL_CS / 8] = 0x00af9b000000ffffull; /* 64-bit code, ring 0 */
    gdt[GDT_KERNEL_DS / 8] = 0x00cf93000000ffffull;
    gdt[4] = 0x00cffb000000ffffull;                /* 32-bit code, ring 3: SYSRET's place, unused */
    gdt[ARCH_USER_DS / 8] = 0x00cff3000000ffffull; /* data, ring 3 */
    gdt[ARCH_USER_CS / 8] = 0x00affb000000ffffull; /* 64-bit code, ring 3 */
    gdt[GDT_TSS / 8] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                       (base >> 24 & 0xff) << 56;
    gdt[GDT_TSS / 8 + 1] = base >> 32;
    gdt[GDT_CPU / 8] = 0x0040f10000000000ull | arch_cpu_number(); /* data, read only, ring 3 */

    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdtr = {GDT_ENTRIES * 8 - 1, (uint64_t)gdt},
                              idtr = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %3, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movw %4, %%ax\n\t"
                     "ltr %%ax"
                     :
                     : "m"(gdtr), "m"(idtr), "i"(GDT_KERNEL_CS), "i"(GDT_KERNEL_DS), "i"(GDT_TSS)
                     : "rax", "memory");
}

static void set_control_registers(void)
{
    const struct x86_features *f = &x86_features;
    uint64_t cr0, cr4;
    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    cr0 = (cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP | CR0_AM;
    cr4 = (cr4 & ~(CR4_TSD | CR4_PGE | CR4_PCIDE)) | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT |
          (f->pge ? CR4_PGE : 0) | (f->umip ? CR4_UMIP : 0) | (f->fsgsbase ? CR4_FSGSBASE : 0) |
          (f->pcid ? CR4_PCIDE : 0) | (f->xsave ? CR4_OSXSAVE : 0) | (f->smep ? CR4_SMEP : 0) |
          (f->smap ? CR4_SMAP : 0);
    __asm__ volatile("movq %0, %%cr0" : : "r"(cr0) : "memory");
    __asm__ volatile("movq %0, %%cr4" : : "r"(cr4) : "memory");
    /* CLAC is an undefined instruction without SMAP. */
    if (f->smap) {
        __asm__ volatile("clac" : : : "cc");
    }
}

static void set_syscall_entry(void)
{
    wrmsr(MSR_STAR, (uint64_t)(ARCH_USER_CS - 16) << 48 | (uint64_t)GDT_KERNEL_CS << 32);
    wrmsr(MSR_LSTAR, (uint64_t)x86_syscall_entry);
    wrmsr(MSR_SFMASK, 0x257fd5 & ~0x200000ul); /* all flags but ID and the fixed one */
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    if (x86_features.rdtscp) {
        wrmsr(MSR_TSC_AUX, arch_cpu_number());
    }
}

INIT_TEXT void arch_cpu_tables(const struct bootinfo *info)
{
    const struct boot_cpu *cpus = (const void *)(info->direct_map_va + info->cpus);
    for (uint32_t i = 0; i < info->cpu_count && i < BOOT_MAX_CPUS; i++) {
        arch_cpu_tcb[i] = (struct arch_tcb *)cpus[i].tls_va;
        arch_cpu_tcb[i]->cpu = i;
        arch_cpu_tcb[i]->stack_top = cpus[i].stack_top_va;
        arch_cpu_tcb[i]->apic_id = cpus[i].hw_id;
    }
}

void arch_cpu_init(unsigned cpu)
{
    if (cpu == 0) {
        detect_features();
        x86_protect_choose(vendor_text);
        make_idt();
    }
    load_tables();
    /* Entry 1 combines writes instead of writing through, for frame buffers; the others are what
     * they are at reset (SDM volume 3, 12.12.4). */
    wrmsr(MSR_PAT, 0x0007040600070106);
    set_control_registers();
    set_syscall_entry();
    x86_fpu_init();
    x86_protect_cpu();
}

/* The stack that exceptions from user mode and SYSCALL start on. */
void x86_set_kernel_stack(uint64_t top)
{
    if (likely(!x86_protect.pti)) { /* else they start on the entry stack */
        percpu(cpu_entry).tss.rsp[0] = top;
    }
    __asm__ volatile("movq %0, %%gs:%c1"
                     :
                     : "r"(top), "i"(offsetof(struct arch_tcb, kernel_sp))
                     : "memory");
}

void x86_cpu_entry_range(unsigned cpu, vaddr_t *start, vaddr_t *end)
{
    *start = (vaddr_t)&percpu_of(cpu, cpu_entry);
    *end = *start + sizeof(struct x86_cpu_entry);
}

const void *x86_idt(void)
{
    return idt;
}

size_t arch_cpu_random(void *buf, size_t size)
{
    unsigned char *out = buf;
    size_t done = 0;
    while (done < size && x86_features.rdrand) {
        uint64_t value;
        bool ok;
        /* RDSEED may be dry for a while; RDRAND is enough for a seed (SDM vol. 1, 7.3.17). */
        __asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(ok));
        if (!ok) {
            break;
        }
        size_t n = MIN(size - done, sizeof(value));
        memcpy(out + done, &value, n);
        done += n;
    }
    return done;
}

const char *arch_cpu_features(void)
{
    static char text[128]; /* the caller is the boot CPU's init, and panic */
    const struct x86_features *f = &x86_features;
    snprintf(text, sizeof(text), "nx%s%s%s%s%s%s%s%s", f->smep ? " smep" : "",
             f->smap ? " smap" : "", f->umip ? " umip" : "", f->pge ? " pge" : "",
             f->pcid ? " pcid" : "", f->fsgsbase ? " fsgsbase" : "", f->xsave ? " xsave" : "",
             f->x2apic ? " x2apic" : "");
    return text;
}

/* The flags that programs look for, by Linux's names (arch/x86/include/asm/cpufeatures.h lists). */
struct flag_name {
    uint32_t leaf;
    uint8_t reg, bit;
    const char *name;
};
static const struct flag_name flag_names[] = {
    {1, 3, 0, "fpu"},
    {1, 3, 3, "pse"},
    {1, 3, 4, "tsc"},
    {1, 3, 5, "msr"},
    {1, 3, 6, "pae"},
    {1, 3, 8, "cx8"},
    {1, 3, 9, "apic"},
    {1, 3, 13, "pge"},
    {1, 3, 15, "cmov"},
    {1, 3, 16, "pat"},
    {1, 3, 19, "clflush"},
    {1, 3, 23, "mmx"},
    {1, 3, 24, "fxsr"},
    {1, 3, 25, "sse"},
    {1, 3, 26, "sse2"},
    {1, 2, 0, "pni"},
    {1, 2, 1, "pclmulqdq"},
    {1, 2, 9, "ssse3"},
    {1, 2, 12, "fma"},
    {1, 2, 13, "cx16"},
    {1, 2, 19, "sse4_1"},
    {1, 2, 20, "sse4_2"},
    {1, 2, 21, "x2apic"},
    {1, 2, 22, "movbe"},
    {1, 2, 23, "popcnt"},
    {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},
    {1, 2, 28, "avx"},
    {1, 2, 29, "f16c"},
    {1, 2, 30, "rdrand"},
    {1, 2, 31, "hypervisor"},
    {7, 1, 0, "fsgsbase"},
    {7, 1, 3, "bmi1"},
    {7, 1, 5, "avx2"},
    {7, 1, 7, "smep"},
    {7, 1, 8, "bmi2"},
    {7, 1, 9, "erms"},
    {7, 1, 18, "rdseed"},
    {7, 1, 19, "adx"},
    {7, 1, 20, "smap"},
    {7, 1, 23, "clflushopt"},
    {7, 1, 24, "clwb"},
    {7, 2, 2, "umip"},
    {0x80000001u, 3, 11, "syscall"},
    {0x80000001u, 3, 20, "nx"},
    {0x80000001u, 3, 26, "pdpe1gb"},
    {0x80000001u, 3, 27, "rdtscp"},
    {0x80000001u, 3, 29, "lm"},
    {0x80000001u, 2, 0, "lahf_lm"},
    {0x80000001u, 2, 5, "abm"},
    {0x80000001u, 2, 6, "sse4a"},
};

int arch_cpu_describe(unsigned cpu, unsigned online, char *buf, size_t size)
{
    struct cpuid c1 = cpuid(1, 0);
    unsigned family = c1.a >> 8 & 15, model = c1.a >> 4 & 15;
    if (family == 6 || family == 15) {
        model |= (c1.a >> 16 & 15) << 4;
    }
    if (family == 15) {
        family += c1.a >> 20 & 255;
    }
    const char *name = model_text;
    while (*name == ' ') {
        name++; /* Intel pads the brand string in front */
    }
    uint64_t khz = arch_clock_khz();
    int n = scnprintf(
        buf, size,
        "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
        "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %u.%03u\n"
        "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n"
        "apicid\t\t: %u\ninitial apicid\t: %u\n"
        "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:",
        cpu, vendor_text, family, model, name, c1.a & 15, (unsigned)(khz / 1000),
        (unsigned)(khz % 1000), online, cpu, online, arch_cpu_tcb[cpu]->apic_id,
        arch_cpu_tcb[cpu]->apic_id, cpuid(0, 0).a);
    for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
        struct cpuid c = cpuid(flag_names[i].leaf, 0);
        uint32_t regs[4] = {c.a, c.b, c.c, c.d};
        if (regs[flag_names[i].reg] >> flag_names[i].bit & 1) {
            n += scnprintf(buf + n, size - (size_t)n, " %s", flag_names[i].name);
        }
    }
    n += scnprintf(buf + n, size - (size_t)n,
                   "\nbogomips\t: %u.%02u\nclflush size\t: %u\ncache_alignment\t: 64\n"
                   "address sizes\t: %u bits physical, 48 bits virtual\n\n",
                   (unsigned)(khz / 500), (unsigned)(khz / 5 % 100), (c1.b >> 8 & 255) * 8,
                   cpuid(0x80000008u, 0).a & 255);
    return n;
}
