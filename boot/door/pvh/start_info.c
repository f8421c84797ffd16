/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a PVH start info (start_info.h). */
#include "boot/door/pvh/start_info.h"

enum { MAX_ENTRIES = 1024, MAX_MODULES = 64 };

/* An array of the start info's; NULL: out of reach. */
static const void *array(pvh_memory *memory, uint64_t address, size_t size)
{
    return address % 4 == 0 ? memory(address, size) : NULL;
}

static const char *read_memory_map(pvh_memory *memory, const struct pvh_start_info *start,
                                   struct pvh_info *out)
{
    if (start->version < 1 || start->memory_map_entries == 0) {
        return "the PVH start info has no memory map (or is of version 0, which knows none)";
    }
    if (start->memory_map_entries > MAX_ENTRIES) {
        return "PVH start info: the memory map has too many entries";
    }
    out->range_count = start->memory_map_entries;
    out->ranges = array(memory, start->memory_map, out->range_count * sizeof(struct pvh_range));
    return out->ranges != NULL ? NULL : "PVH start info: the memory map is out of reach";
}

static const char *read_modules(pvh_memory *memory, const struct pvh_start_info *start,
                                struct pvh_info *out)
{
    if (start->module_count == 0) {
        return NULL;
    }
    if (start->module_count > MAX_MODULES) {
        return "PVH start info: there are too many modules";
    }
    const struct pvh_module *module = array(memory, start->modules,
                                            start->module_count * sizeof(*module));
    if (module == NULL) {
        return "PVH start info: the list of modules is out of reach";
    }
    out->initrd = module->start;
    out->initrd_size = module->size;
    return NULL;
}

const char *pvh_read(pvh_memory *memory, uint64_t address, struct pvh_info *out)
{
    *out = (struct pvh_info){0};
    const struct pvh_start_info *start = array(memory, address, sizeof(*start));
    if (start == NULL || start->magic != PVH_MAGIC) {
        return "there is no PVH start info (wrong magic); start this image by PVH or Multiboot";
    }
    out->cmdline = start->cmdline;
    out->rsdp = start->rsdp;
    const char *wrong = read_memory_map(memory, start, out);
    return wrong != NULL ? wrong : read_modules(memory, start, out);
}
