/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE and AVX state of user programs; the kernel itself uses none. A thread that has run in
 * user mode has an XSAVE area; it is saved and loaded at every switch. Sources: Intel SDM vol. 1,
 * ch. 13 (XSAVE); the signal frame's layout: Linux, arch/x86/include/uapi/asm/sigcontext.h.
 */
#include "abi/errno.h"
#include "abi/layout.h"
#include "kernel/arch/user.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/panic.h"
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
static_assert(sizeof(struct fp_software) == 48, "x86_fpu_save_user copies six words");
#define FP_SOFTWARE_OFFSET 464u

int x86_fpu_load(const void *area, uint32_t low, uint32_t high);
int x86_fpu_load_legacy(const void *area);
int x86_fpu_save_legacy(void *area);
int x86_fpu_save_user(void *area, uint32_t low, uint32_t high, const struct fp_software *software);

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

/* The state of a program that has not used it: XRSTOR takes everything but MXCSR from the bits of
 * the header that are clear, FXRSTOR all of it from the bytes (SDM vol. 1, 13.8.1 and 10.5.1). */
static const union {
    struct {
        uint16_t control;
        uint8_t unused[22];
        uint32_t mxcsr;
    };
    uint8_t bytes[XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE];
} clean __attribute__((aligned(64))) = {{.control = 0x37f, .mxcsr = MXCSR_DEFAULT}};

/* Interrupts may be on: the registers are saved and loaded as they are by a switch. */
void arch_fpu_reset(void)
{
    int error = load(&clean);
    assert(error == 0);
}

size_t arch_fpu_frame_size(void)
{
    return x86_features.xsave_size + (x86_features.xsave ? sizeof(uint32_t) : 0);
}

/* The frame's area with what follows it is far below the end of user memory. */
static bool user_area_ok(vaddr_t addr)
{
    return IS_ALIGNED(addr, 64) && addr < LAYOUT_USER_END - 4 * PAGE_SIZE;
}

/*
 * The state goes straight to the frame and comes straight from it: the registers are the user's
 * own, and the CPU checks what is loaded (SDM vol. 1, 13.8.1), so that there is nothing to copy.
 */
int arch_fpu_save_user(vaddr_t dst)
{
    const struct x86_features *f = &x86_features;
    const struct fp_software software = {.magic1 = FP_XSTATE_MAGIC1,
                                         .extended_size = (uint32_t)arch_fpu_frame_size(),
                                         .features = f->xcr0,
                                         .state_size = f->xsave_size};
    if (!user_area_ok(dst)) {
        return -EFAULT;
    }
    x86_user_open();
    int error = f->xsave ? x86_fpu_save_user((void *)dst, (uint32_t)f->xcr0,
                                             (uint32_t)(f->xcr0 >> 32), &software)
                         : x86_fpu_save_legacy((void *)dst);
    x86_user_close();
    if (error == 0 && f->xsave) {
        const uint32_t magic2 = FP_XSTATE_MAGIC2;
        error = put_user(magic2, dst + f->xsave_size);
    }
    return error != 0 ? -EFAULT : 0;
}

/* Loads the components in `features` and gives the others their initial values. */
static int load_registers(vaddr_t src, uint64_t features)
{
    if (x86_features.xsave && features != x86_features.xcr0) {
        arch_fpu_reset();
    }
    x86_user_open();
    int error = !x86_features.xsave || features == (XSTATE_X87 | XSTATE_SSE)
                    ? x86_fpu_load_legacy((const void *)src)
                    : x86_fpu_load((const void *)src, (uint32_t)features,
                                   (uint32_t)(features >> 32));
    x86_user_close();
    return error;
}

int arch_fpu_load_user(vaddr_t src)
{
    if (!user_area_ok(src)) {
        return -EINVAL;
    }
    struct fp_software software;
    uint32_t magic2 = 0;
    uint64_t features = XSTATE_X87 | XSTATE_SSE;
    int error = copy_from_user(&software, src + FP_SOFTWARE_OFFSET, sizeof(software));
    if (error == 0 && x86_features.xsave && software.magic1 == FP_XSTATE_MAGIC1 &&
        software.state_size == x86_features.xsave_size &&
        get_user(magic2, src + software.state_size) == 0 && magic2 == FP_XSTATE_MAGIC2) {
        features = x86_features.xcr0;
    }
    if (error == 0 && load_registers(src, features) != 0) {
        error = -EINVAL; /* bits that must be zero, or memory that is not there */
    }
    if (error != 0) {
        arch_fpu_reset();
    }
    return error;
}
