/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-up of function names, when something is printed. The table has a count, then for each
 * function in ascending order its distance from the one before (or the image's start), then the
 * names one after the other.
 */
#include "kernel/base/symbols.h"
#include "kernel/base/log.h"
#include "lib/string.h"

extern const struct {
    uint32_t count, text_size;
    uint16_t distance[];
} kernel_symbols;
extern const char __image_start[];

const char *symbol_find(vaddr_t addr, size_t *offset)
{
    vaddr_t at = addr - (vaddr_t)__image_start;
    uint32_t count = kernel_symbols.count;
    const char *name = (const char *)&kernel_symbols.distance[count];
    if (count == 0 || at >= kernel_symbols.text_size || at < kernel_symbols.distance[0]) {
        return NULL;
    }
    at -= kernel_symbols.distance[0];
    for (uint32_t i = 1; i < count && at >= kernel_symbols.distance[i]; i++) {
        at -= kernel_symbols.distance[i];
        name += strlen(name) + 1;
    }
    *offset = at;
    return name;
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
