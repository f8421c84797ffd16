/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio-mmio devices in a DSDT, found by their constant parts (ACPI 6.4, chapter 20 for the bytes
 * of AML, 6.4 for resource descriptors): Name (_HID, "LNRO0005"), and within the next bytes Name
 * (_CRS, Buffer () {...}) with a 32-bit fixed memory range and an extended interrupt. See
 * mmio_option.h.
 */
#include "kernel/dev/virtio/mmio_option.h"
#include "lib/string.h"

#define NEAR                                                                                       \
    160u /* _CRS lies within so many bytes of _HID: between are _UID, _CCA and the like            \
          */

#define AML_BUFFER         0x11u
#define AML_BYTE_PREFIX    0x0au
#define AML_WORD_PREFIX    0x0bu

#define RESOURCE_LARGE     0x80u
#define RESOURCE_MEMORY32  0x86u /* 6.4.3.4: flags, base, length */
#define RESOURCE_INTERRUPT 0x89u /* 6.4.3.6: flags, count, numbers */
#define INTERRUPT_EDGE     0x02u
#define INTERRUPT_LOW      0x04u

/* Both with the AML name operator in front. */
static const uint8_t hid_name[] = {8,   '_', 'H', 'I', 'D', 0x0d, 'L', 'N',
                                   'R', 'O', '0', '0', '0', '5',  0};
static const uint8_t crs_name[] = {8, '_', 'C', 'R', 'S', AML_BUFFER};

/* The first place of the pattern in bytes[at, end): the place behind it, or 0. */
static size_t find(const uint8_t *bytes, size_t at, size_t end, const uint8_t *pattern,
                   size_t pattern_size)
{
    for (; at + pattern_size <= end; at++) {
        if (bytes[at] == pattern[0] && memcmp(bytes + at, pattern, pattern_size) == 0) {
            return at + pattern_size;
        }
    }
    return 0;
}

static uint32_t read32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* A span of bytes inside the table. */
struct span {
    const uint8_t *bytes;
    size_t size;
};

/* The bytes of a buffer whose package length begins at `at` (20.2.4, 20.2.5.4): false: not plain.
 */
static bool open_buffer(const uint8_t *aml, size_t size, size_t at, struct span *out)
{
    if (at >= size) {
        return false;
    }
    unsigned extra = aml[at] >> 6;
    if (at + 1 + extra + 3 > size || extra > 1) {
        return false;
    }
    size_t length = extra == 0 ? aml[at] & 0x3f : (size_t)((aml[at] & 0xf) | aml[at + 1] << 4);
    size_t end = at + length;
    at += 1 + extra;
    if (aml[at] == AML_BYTE_PREFIX) {
        at += 2;
    } else if (aml[at] == AML_WORD_PREFIX) {
        at += 3;
    } else {
        return false;
    }
    if (end > size || at > end) {
        return false;
    }
    *out = (struct span){aml + at, end - at};
    return true;
}

/* Takes one descriptor of at least 3 + length bytes. */
static void take_resource(const uint8_t *bytes, size_t length, struct mmio_option *option,
                          bool *has_irq)
{
    if (bytes[0] == RESOURCE_MEMORY32 && length >= 9 && option->size == 0) {
        option->address = read32(bytes + 4);
        option->size = read32(bytes + 8);
    } else if (bytes[0] == RESOURCE_INTERRUPT && length >= 6 && bytes[4] >= 1 && !*has_irq) {
        option->trigger = ((bytes[3] & INTERRUPT_EDGE) == 0 ? ARCH_IRQ_LEVEL : 0) |
                          ((bytes[3] & INTERRUPT_LOW) != 0 ? ARCH_IRQ_LOW : 0);
        option->irq = read32(bytes + 5);
        *has_irq = true;
    }
}

static bool read_resources(struct span span, struct mmio_option *out)
{
    bool has_irq = false;

    *out = (struct mmio_option){.from_acpi = true};
    for (size_t at = 0; at < span.size;) {
        bool large = (span.bytes[at] & RESOURCE_LARGE) != 0;
        if (!large) {
            at += 1 + (size_t)(span.bytes[at] & 7);
            continue;
        }
        if (at + 3 > span.size) {
            break;
        }
        size_t length = span.bytes[at + 1] | (size_t)span.bytes[at + 2] << 8;
        if (at + 3 + length > span.size) {
            break;
        }
        take_resource(span.bytes + at, length, out, &has_irq);
        at += 3 + length;
    }
    return has_irq && mmio_option_valid(out);
}

bool mmio_next_acpi(const uint8_t *aml, size_t size, size_t *position, struct mmio_option *out)
{
    size_t at = *position;

    while ((at = find(aml, at, size, hid_name, sizeof(hid_name))) != 0) {
        struct span span;
        size_t end = MIN(size, at + NEAR);
        size_t crs = find(aml, at, end, crs_name, sizeof(crs_name));
        *position = at;
        if (crs != 0 && open_buffer(aml, size, crs, &span) && read_resources(span, out)) {
            return true;
        }
    }
    *position = size;
    return false;
}
