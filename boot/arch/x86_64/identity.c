/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's own page tables (identity.h); long_mode.S makes the same ones for 32-bit doors. */
#include "boot/arch/x86_64/identity.h"
#include "boot/arch/machine.h"
#include "boot/arch/x86_64/cpu.h"
#include "boot/loader/loader.h"
#include "lib/string.h"

enum { PRESENT_WRITE = 3, LARGE = 0x80, GIB_SHIFT = 30, MIB2_SHIFT = 21, ROOT_SHIFT = 39 };

/* long_mode.S */
extern uint64_t identity_root[512], identity_gib[512], identity_mib[4][512];

/* Tables for what lies above 4 GiB; all zero at first. Owned by the one CPU that loads. */
static uint64_t spare[4][512] __attribute__((aligned(4096)));
static unsigned spare_used;

static bool has_gib_pages(void)
{
    return (cpuid(0x80000001, 0).edx & CPUID_X_1GIB) != 0;
}

static void make_first_4gib(void)
{
    identity_root[0] = (uint64_t)identity_gib | PRESENT_WRITE;
    bool gib = has_gib_pages();
    for (uint64_t i = 0; i < 4; i++) {
        identity_gib[i] = gib ? i << GIB_SHIFT | LARGE | PRESENT_WRITE
                              : (uint64_t)identity_mib[i] | PRESENT_WRITE;
    }
    for (uint64_t i = 0; i < 2048 && !gib; i++) {
        identity_mib[i / 512][i % 512] = i << MIB2_SHIFT | LARGE | PRESENT_WRITE;
    }
}

/* The table behind *entry, made of a spare one when there is none yet; NULL: none left. */
static uint64_t *table_behind(uint64_t *entry)
{
    if (*entry == 0) {
        if (spare_used == ARRAY_SIZE(spare)) {
            return NULL;
        }
        *entry = (uint64_t)spare[spare_used++] | PRESENT_WRITE;
    }
    return (uint64_t *)(*entry & ~PAGE_MASK);
}

static bool add_gib(uint64_t paddr)
{
    uint64_t *gib = table_behind(&identity_root[paddr >> ROOT_SHIFT]);
    if (gib == NULL) {
        return false;
    }
    uint64_t *entry = &gib[paddr >> GIB_SHIFT & 511];
    if (*entry != 0) {
        return true;
    }
    if (has_gib_pages()) {
        *entry = ALIGN_DOWN(paddr, 1ul << GIB_SHIFT) | LARGE | PRESENT_WRITE;
        return true;
    }
    uint64_t *mib = table_behind(entry);
    for (uint64_t i = 0; mib != NULL && i < 512; i++) {
        mib[i] = ALIGN_DOWN(paddr, 1ul << GIB_SHIFT) | i << MIB2_SHIFT | LARGE | PRESENT_WRITE;
    }
    return mib != NULL;
}

bool identity_reach(uint64_t paddr, size_t size)
{
    const uint64_t ready = 4ul << GIB_SHIFT;
    if (paddr < ready && size <= ready - paddr) {
        return true;
    }
    const uint64_t limit = 1ul << MIN(machine_address_bits(), 47u);
    if (paddr >= limit || size > limit - paddr) {
        return false;
    }
    for (uint64_t at = ALIGN_DOWN(paddr, 1ul << GIB_SHIFT); at < paddr + size;
         at += 1ul << GIB_SHIFT) {
        if (!add_gib(at)) {
            return false;
        }
    }
    return true;
}

const char *machine_cannot_adopt(void)
{
    if ((cpuid(0x80000001, 0).edx & CPUID_X_REQUIRED) != CPUID_X_REQUIRED ||
        (cpuid(1, 0).edx & CPUID_1_REQUIRED) != CPUID_1_REQUIRED) {
        return "this CPU lacks NX or another feature of x86-64; give the machine another CPU";
    }
    return NULL;
}

/* la57.S */
__attribute__((visibility("hidden"))) void la57_leave(void);
extern uint8_t la57_code[] __attribute__((visibility("hidden")));
extern uint8_t la57_code_end[] __attribute__((visibility("hidden")));

/* From 5-level tables of whoever to 4-level ones that are a copy of ours. */
static void leave_5_levels(void)
{
    static uint64_t root[512] __attribute__((aligned(4096)));
    static uint8_t saved[2 * PAGE_SIZE];
    root[0] = (uint64_t)identity_root | PRESENT_WRITE;
    write_cr3((uint64_t)root);
    uint8_t *borrowed = machine_window(LA57_BORROWED, sizeof(saved));
    memcpy(saved, borrowed, sizeof(saved));
    memcpy(borrowed, la57_code, (size_t)(la57_code_end - la57_code));
    memcpy(borrowed + PAGE_SIZE, identity_root, PAGE_SIZE);
    la57_leave();
    write_cr3((uint64_t)identity_root);
    memcpy(borrowed, saved, sizeof(saved));
}

void identity_adopt(uint64_t start, uint64_t end)
{
    const char *hindrance = machine_cannot_adopt();
    if (hindrance != NULL) {
        fail("%s", hindrance);
    }
    if (!IS_ALIGNED(start, PAGE_SIZE)) {
        fail("the boot loader put the kernel not at a multiple of 4 KiB, as its header asks");
    }
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
    make_first_4gib();
    if (!identity_reach(start, end - start)) {
        fail("the image was loaded out of reach");
    }
    if (read_cr4() & CR4_LA57) {
        leave_5_levels();
    } else {
        write_cr3((uint64_t)identity_root);
    }
}
