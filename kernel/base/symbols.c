/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-up of function names. The table has a count, then for each function in ascending order its
 * distance from the image's start and its name's place behind the table.
 */
#include "kernel/base/symbols.h"
#include "kernel/base/log.h"

struct symbol {
    uint32_t start; /* bytes from the image's start */
    uint32_t name;  /* bytes from the end of the table */
};
extern const struct {
    uint32_t count, text_size;
    struct symbol symbols[];
} kernel_symbols;
extern const char __image_start[];

const char *symbol_find(vaddr_t addr, size_t *offset)
{
    vaddr_t at = addr - (vaddr_t)__image_start;
    uint32_t low = 0, high = kernel_symbols.count;
    if (high == 0 || at >= kernel_symbols.text_size) {
        return NULL;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (kernel_symbols.symbols[middle].start <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *offset = at - kernel_symbols.symbols[low].start;
    return (const char *)&kernel_symbols.symbols[kernel_symbols.count] +
           kernel_symbols.symbols[low].name;
}

void symbols_log(int level, const vaddr_t *pcs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t offset = 0;
        const char *name = symbol_find(pcs[i], &offset);
        log_printf((enum log_level)level, "  [%016lx] %s+%#zx", (unsigned long)pcs[i],
                   name != NULL ? name : "?", offset);
    }
}
