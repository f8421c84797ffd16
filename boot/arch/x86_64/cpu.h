/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Instructions of x86_64 that C has no words for, and the bits of its registers that the loader
 * uses. Source: "Intel 64 and IA-32 Architectures Software Developer's Manual" (SDM).
 */
#define CR0_PE           0x1
#define CR0_MP           0x2
#define CR0_EM           0x4
#define CR0_NE           0x20
#define CR0_WP           0x10000
#define CR0_PG           0x80000000
#define CR4_PAE          0x20
#define CR4_PGE          0x80
#define CR4_OSFXSR       0x200
#define CR4_OSXMMEXCPT   0x400
#define CR4_LA57         0x1000
#define MSR_EFER         0xc0000080
#define MSR_GS_BASE      0xc0000101
#define EFER_LME         0x100
#define EFER_NXE         0x800

#define CPUID_1_RDRAND   0x40000000 /* ECX */
#define CPUID_7_RDSEED   0x40000    /* EBX */
#define CPUID_X_REQUIRED 0x20100000 /* EDX: LM, NX */
#define CPUID_X_SYSCALL  0x800     /* EDX; Intel's say so in 64-bit mode only (SDM vol. 2, CPUID) */
#define CPUID_X_1GIB     0x4000000 /* EDX: 1 GiB pages */
/* EDX of leaf 1: FPU PSE TSC MSR PAE CX8 APIC PGE CMOV FXSR SSE SSE2, all part of x86-64. */
#define CPUID_1_REQUIRED 0x0700a379

/* Port of QEMU's paravirtual panic device and its event "panicked" (QEMU docs/specs/pvpanic). */
#define PVPANIC_PORT     0x505
#define PVPANIC_PANICKED 1
/* First serial port, a 16550 UART. */
#define SERIAL_PORT 0x3f8

/* Selectors of the loader's GDT, as the Linux boot protocol has them (BOOT_CS, BOOT_DS). */
#define SELECTOR_CODE32 0x10
#define SELECTOR_DATA   0x18
#define SELECTOR_CODE64 0x20
#define GDT_SIZE        0x28

/* Two pages of conventional memory for the way out of 5-level paging (la57.S). */
#define LA57_BORROWED 0x8000

/* Ends the image's data. */
#define IMAGE_WHOLE 0x41626c61

#ifndef __ASSEMBLER__
#include <stdint.h>

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void write_cr3(uint64_t root)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

static inline uint64_t read_msr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}
#endif
