/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses virtio_mmio.device=; see mmio_option.h. */
#include "kernel/dev/virtio/mmio_option.h"
#include "lib/format.h"

#define SIZE_MIN   0x104u
#define SIZE_LIMIT 0x100000u
#define IRQ_MAX    1023u

bool mmio_option_valid(const struct mmio_option *option)
{
    return option->size >= SIZE_MIN && option->size <= SIZE_LIMIT && option->irq <= IRQ_MAX &&
           option->address != 0 && (option->address & 3) == 0 &&
           option->address <= UINT64_MAX - option->size;
}

static unsigned suffix_shift(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return 0;
    }
}

bool mmio_parse_option(const char *value, struct mmio_option *out)
{
    uint64_t size, address, irq, id;

    if (parse_u64(value, &value, 0, &size) != 0 || size > UINT32_MAX) {
        return false;
    }
    unsigned shift = suffix_shift(*value);
    if (shift != 0) {
        size <<= shift;
        value++;
    }
    if (*value != '@' || parse_u64(value + 1, &value, 0, &address) != 0) {
        return false;
    }
    if (*value != ':' || parse_u64(value + 1, &value, 10, &irq) != 0) {
        return false;
    }
    if (*value == ':' && parse_u64(value + 1, &value, 10, &id) != 0) {
        return false;
    }
    if (*value != '\0' || size > UINT32_MAX || irq == 0 || irq > IRQ_MAX) {
        return false;
    }
    *out = (struct mmio_option){.address = address, .size = (uint32_t)size, .irq = (uint32_t)irq};
    return mmio_option_valid(out);
}
