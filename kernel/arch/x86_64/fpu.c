/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX state of user programs; the kernel itself uses none. A thread that has run in
 * user mode has an XSAVE area; it is saved and loaded at every switch. Sources: Intel SDM vol. 1,
 * ch. 13 (XSAVE); the signal frame's layout: Linux, arch/x86/include/uapi/asm/sigcontext.h.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/core/thread.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define XSTATE_X87        1ull
#define XSTATE_SSE        2ull
#define XSTATE_AVX        4ull
#define XSTATE_AVX512     0xe0ull

#define XSAVE_LEGACY_SIZE 512u
#define XSAVE_HEADER_SIZE 64u
#define MXCSR_DEFAULT     0x1f80u

/* Linux's words in bytes 464..511 of the legacy area of a signal frame, and behind the area. */
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
struct fp_software {
    uint32_t magic1;
    uint32_t extended_size;
    uint64_t features;
    uint32_t state_size;
    uint32_t padding[7];
};
#define FP_SOFTWARE_OFFSET 464u

static uint32_t mxcsr_mask RO_AFTER_INIT;

int x86_fpu_load(const void *area, uint32_t low, uint32_t high);
int x86_fpu_load_legacy(const void *area);

static void xsetbv(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

void x86_fpu_init(void)
{
    struct x86_features *f = &x86_features;
    if (!f->xsave) {
        if (f->xsave_size == 0) {
            f->xsave_size = XSAVE_LEGACY_SIZE;
        }
    } else if (f->xcr0 == 0) {
        /* MPX, PKRU and AMX are left out: no program needs them, and each switch would carry them.
         */
        uint64_t supported = cpuid(0xd, 0).a;
        f->xcr0 = XSTATE_X87 | XSTATE_SSE | (supported & XSTATE_AVX);
        if ((supported & XSTATE_AVX512) == XSTATE_AVX512 && (supported & XSTATE_AVX) != 0) {
            f->xcr0 |= XSTATE_AVX512;
        }
        xsetbv(f->xcr0);
        f->xsave_size = cpuid(0xd, 0).b;
    } else {
        xsetbv(f->xcr0);
    }
    __asm__ volatile("fninit");
    uint32_t mxcsr = MXCSR_DEFAULT;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    if (mxcsr_mask == 0) {
        static char area[XSAVE_LEGACY_SIZE] INIT_DATA __attribute__((aligned(16)));
        __asm__ volatile("fxsave64 %0" : "=m"(area));
        memcpy(&mxcsr_mask, area + 28, sizeof(mxcsr_mask));
        mxcsr_mask = mxcsr_mask == 0 ? 0xffbf : mxcsr_mask; /* SDM vol. 1, 11.6.6 */
    }
}

static void save(void *area)
{
    uint32_t low = (uint32_t)x86_features.xcr0, high = (uint32_t)(x86_features.xcr0 >> 32);
    if (x86_features.xsaveopt) {
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    } else if (x86_features.xsave) {
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(high) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    }
}

static int load(const void *area)
{
    if (x86_features.xsave) {
        return x86_fpu_load(area, (uint32_t)x86_features.xcr0, (uint32_t)(x86_features.xcr0 >> 32));
    }
    return x86_fpu_load_legacy(area);
}

void x86_fpu_switch(struct arch_thread *from, struct arch_thread *to)
{
    if (from->fpu != NULL) {
        save(from->fpu);
    }
    if (to->fpu != NULL) {
        int error = load(to->fpu);
        assert(error == 0);
    }
}

/* The heap aligns to 16 bytes, XSAVE wants 64: the distance is kept in the word before the area. */
void *x86_fpu_alloc(void)
{
    char *block = kmalloc(x86_features.xsave_size + 64 + sizeof(uint64_t));
    if (block == NULL) {
        return NULL;
    }
    char *area = (char *)ALIGN_UP((uintptr_t)block + sizeof(uint64_t), 64);
    ((void **)area)[-1] = block;
    memset(area, 0, XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE);
    uint16_t control = 0x37f;
    uint32_t mxcsr = MXCSR_DEFAULT;
    memcpy(area, &control, sizeof(control));
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    return area;
}

void x86_fpu_free(void *area)
{
    if (area != NULL) {
        kfree(((void **)area)[-1]);
    }
}

void x86_fpu_save_current(void *area)
{
    /* XSAVEOPT may leave out what equals the area it last loaded from: not for another area. */
    if (x86_features.xsave) {
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(area), "a"((uint32_t)x86_features.xcr0),
                           "d"((uint32_t)(x86_features.xcr0 >> 32))
                         : "memory");
    } else {
        save(area);
    }
}

/* A clean state for the current thread; its area is there. Interrupts off. */
void x86_fpu_reset_current(void *area)
{
    memset(area, 0, XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE);
    uint16_t control = 0x37f;
    uint32_t mxcsr = MXCSR_DEFAULT;
    memcpy(area, &control, sizeof(control));
    memcpy((char *)area + 24, &mxcsr, sizeof(mxcsr));
    int error = load(area);
    assert(error == 0);
}

size_t arch_fpu_frame_size(void)
{
    return x86_features.xsave_size + (x86_features.xsave ? sizeof(uint32_t) : 0);
}

int arch_fpu_save_user(vaddr_t dst)
{
    char *area = current->arch.fpu;
    unsigned long flags = arch_irq_save();
    x86_fpu_save_current(area);
    arch_irq_restore(flags);
    struct fp_software software = {0};
    uint32_t magic2 = FP_XSTATE_MAGIC2;
    if (x86_features.xsave) {
        software = (struct fp_software){.magic1 = FP_XSTATE_MAGIC1,
                                        .extended_size = (uint32_t)arch_fpu_frame_size(),
                                        .features = x86_features.xcr0,
                                        .state_size = x86_features.xsave_size};
    }
    memcpy(area + FP_SOFTWARE_OFFSET, &software, sizeof(software));
    int error = copy_to_user(dst, area, x86_features.xsave_size);
    if (error == 0 && x86_features.xsave) {
        error = copy_to_user(dst + x86_features.xsave_size, &magic2, sizeof(magic2));
    }
    return error;
}

/* What a program may have written there is made loadable, or refused (SDM vol. 1, 13.8.1). */
static int sanitise(char *area, bool extended)
{
    uint64_t header[XSAVE_HEADER_SIZE / 8] = {0};
    uint32_t mxcsr;
    memcpy(&mxcsr, area + 24, sizeof(mxcsr));
    mxcsr &= mxcsr_mask;
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    if (!x86_features.xsave) {
        return 0;
    }
    if (extended) {
        memcpy(header, area + XSAVE_LEGACY_SIZE, sizeof(header));
    } else {
        header[0] = XSTATE_X87 | XSTATE_SSE;
    }
    uint64_t features = header[0] & x86_features.xcr0;
    memset(header, 0, sizeof(header));
    header[0] = features;
    memcpy(area + XSAVE_LEGACY_SIZE, header, sizeof(header));
    return 0;
}

int arch_fpu_load_user(vaddr_t src)
{
    char *area = current->arch.fpu;
    char *copy = x86_fpu_alloc();
    if (copy == NULL) {
        return -ENOMEM;
    }
    struct fp_software software;
    uint32_t magic2 = 0;
    int error = copy_from_user(copy, src, XSAVE_LEGACY_SIZE);
    memcpy(&software, copy + FP_SOFTWARE_OFFSET, sizeof(software));
    bool extended = error == 0 && x86_features.xsave && software.magic1 == FP_XSTATE_MAGIC1 &&
                    software.state_size == x86_features.xsave_size &&
                    copy_from_user(&magic2, src + software.state_size, sizeof(magic2)) == 0 &&
                    magic2 == FP_XSTATE_MAGIC2;
    if (error == 0 && extended) {
        error = copy_from_user(copy, src, x86_features.xsave_size);
    }
    if (error == 0) {
        sanitise(copy, extended);
        unsigned long flags = arch_irq_save();
        error = load(copy) != 0 ? -EINVAL : 0;
        x86_fpu_save_current(area);
        arch_irq_restore(flags);
    }
    x86_fpu_free(copy);
    return error;
}
