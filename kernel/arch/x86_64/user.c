/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to user memory (kernel/arch/user.h): checks the range, opens SMAP, and leaves the touching
 * to usercopy.S, whose faults come back through x86_fixup.
 */
#include "kernel/arch/user.h"
#include "abi/errno.h"
#include "abi/layout.h"
#include "kernel/arch/x86_64/x86.h"
#include "lib/string.h"

struct fixup {
    int32_t at, to; /* relative to themselves */
};
extern const struct fixup x86_fixup_table[], x86_fixup_table_end[];

size_t x86_user_copy(void *dst, const void *src, size_t size);
size_t x86_user_clear(void *dst, size_t size);
int x86_user_load8(void *value, const void *src);
int x86_user_load4(void *value, const void *src);
int x86_user_store8(void *dst, uint64_t value);
int x86_user_store4(void *dst, uint32_t value);
int x86_user_cmpxchg4(void *addr, uint32_t expected, uint32_t desired, uint32_t *old);

bool x86_fixup(struct arch_regs *regs)
{
    for (const struct fixup *f = x86_fixup_table; f < x86_fixup_table_end; f++) {
        if ((uint64_t)&f->at + (uint64_t)(int64_t)f->at == regs->ip) {
            regs->ip = (uint64_t)&f->to + (uint64_t)(int64_t)f->to;
            return true;
        }
    }
    return false;
}

static inline bool range_ok(vaddr_t addr, size_t size)
{
    return size <= LAYOUT_USER_END && addr <= LAYOUT_USER_END - size;
}

/* For a CPU that runs ahead of the check above, addresses of the kernel are 0 (Spectre, variant 1).
 * The compiler must not know that there are none here. */
static inline void *user_only(vaddr_t addr)
{
    __asm__("" : "+r"(addr));
    return (void *)(addr & ~(vaddr_t)((int64_t)addr >> 63));
}

size_t copy_from_user_partial(void *dst, vaddr_t src, size_t size)
{
    if (!range_ok(src, size)) {
        return size;
    }
    x86_user_open();
    size_t left = x86_user_copy(dst, user_only(src), size);
    x86_user_close();
    return left;
}

size_t copy_to_user_partial(vaddr_t dst, const void *src, size_t size)
{
    if (!range_ok(dst, size)) {
        return size;
    }
    x86_user_open();
    size_t left = x86_user_copy(user_only(dst), src, size);
    x86_user_close();
    return left;
}

int copy_from_user(void *dst, vaddr_t src, size_t size)
{
    if (!range_ok(src, size)) {
        return -EFAULT;
    }
    bool failed;
    x86_user_open();
    /* These store with one instruction, which takes any alignment. */
    if (size == 8) {
        failed = x86_user_load8(dst, user_only(src)) != 0;
    } else if (size == 4) {
        failed = x86_user_load4(dst, user_only(src)) != 0;
    } else {
        failed = x86_user_copy(dst, user_only(src), size) != 0;
    }
    x86_user_close();
    return failed ? -EFAULT : 0;
}

int copy_to_user(vaddr_t dst, const void *src, size_t size)
{
    if (!range_ok(dst, size)) {
        return -EFAULT;
    }
    bool failed;
    if (size == 8) {
        uint64_t value;
        __builtin_memcpy(&value, src, 8);
        x86_user_open();
        failed = x86_user_store8(user_only(dst), value) != 0;
    } else if (size == 4) {
        uint32_t value;
        __builtin_memcpy(&value, src, 4);
        x86_user_open();
        failed = x86_user_store4(user_only(dst), value) != 0;
    } else {
        x86_user_open();
        failed = x86_user_copy(user_only(dst), src, size) != 0;
    }
    x86_user_close();
    return failed ? -EFAULT : 0;
}

int clear_user(vaddr_t dst, size_t size)
{
    if (!range_ok(dst, size)) {
        return -EFAULT;
    }
    x86_user_open();
    size_t left = x86_user_clear(user_only(dst), size);
    x86_user_close();
    return left != 0 ? -EFAULT : 0;
}

/* Has the word a zero byte? (Mycroft's test, exact for the lowest such byte.) */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
}

long strncpy_from_user(char *dst, vaddr_t src, size_t size)
{
    size_t done = 0;
    long result = -ENAMETOOLONG;
    if (src >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    x86_user_open();
    while (done < size) {
        vaddr_t at = src + done;
        size_t to_page_end = PAGE_SIZE - (at & PAGE_MASK);
        if (at >= LAYOUT_USER_END) {
            result = -EFAULT;
            break;
        }
        if (size - done >= 8 && to_page_end >= 8) {
            uint64_t word;
            if (x86_user_load8(&word, user_only(at)) != 0) {
                result = -EFAULT;
                break;
            }
            __builtin_memcpy(dst + done, &word, 8);
            uint64_t zeros = zero_bytes(word);
            if (zeros != 0) {
                result = (long)(done + (size_t)__builtin_ctzll(zeros) / 8);
                break;
            }
            done += 8;
            continue;
        }
        if (x86_user_copy(dst + done, user_only(at), 1) != 0) {
            result = -EFAULT;
            break;
        }
        if (dst[done] == 0) {
            result = (long)done;
            break;
        }
        done++;
    }
    x86_user_close();
    return result;
}

/* With preemption off a fault only ends the access. */
static inline void open_word(void)
{
    lock_check_user_word();
    x86_user_open_word();
}

int user_load_u32(vaddr_t addr, uint32_t *value)
{
    if (!IS_ALIGNED(addr, 4)) {
        return -EINVAL;
    }
    if (!range_ok(addr, 4)) {
        return -EFAULT;
    }
    open_word();
    int result = x86_user_load4(value, user_only(addr));
    x86_user_close();
    return result != 0 ? -EFAULT : 0;
}

int user_cmpxchg_u32(vaddr_t addr, uint32_t expected, uint32_t desired, uint32_t *old)
{
    if (!IS_ALIGNED(addr, 4)) {
        return -EINVAL;
    }
    if (!range_ok(addr, 4)) {
        return -EFAULT;
    }
    open_word();
    int result = x86_user_cmpxchg4(user_only(addr), expected, desired, old);
    x86_user_close();
    return result != 0 ? -EFAULT : 0;
}

int user_atomic_op_u32(vaddr_t addr, unsigned op, uint32_t arg, uint32_t *old)
{
    int error = user_load_u32(addr, old);
    while (error == 0) {
        uint32_t expected = *old;
        uint32_t desired;
        switch (op) {
        case 0:
            desired = arg;
            break;
        case 1:
            desired = expected + arg;
            break;
        case 2:
            desired = expected | arg;
            break;
        case 3:
            desired = expected & ~arg;
            break;
        case 4:
            desired = expected ^ arg;
            break;
        default:
            return -ENOSYS;
        }
        error = user_cmpxchg_u32(addr, expected, desired, old);
        if (error == 0 && *old == expected) {
            break;
        }
    }
    return error;
}
