/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the ELF checks: what passes must lie in the file, and in the layout that is reported. */
// sources: lib/elf.c
#include <stdlib.h>
#include <string.h>

#include "lib/elf.h"

static void verify(const struct elf64_phdr *ph, unsigned count, size_t size)
{
    struct elf_layout layout;
    const char *why = NULL;
    int err = elf_check_segments(ph, count, size, &layout, &why);
    if (err != 0) {
        if (why == NULL) {
            abort();
        }
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (ph[i].p_type != ELF_PT_LOAD) {
            continue;
        }
        uint64_t end = ph[i].p_vaddr + ph[i].p_memsz;
        if (ph[i].p_offset + ph[i].p_filesz > size || ph[i].p_offset > size ||
            end < ph[i].p_vaddr || ph[i].p_vaddr < layout.low || end > layout.high) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf64_ehdr header;
    const char *why = NULL;
    if (size >= sizeof(header)) {
        memcpy(&header, data, sizeof(header));
        if (elf_check_header(&header, header.e_machine, &why) != 0 && why == NULL) {
            abort();
        }
    }
    unsigned count = (unsigned)MIN(size / sizeof(struct elf64_phdr), (size_t)ELF_MAX_PHDRS);
    struct elf64_phdr *table = malloc(count * sizeof(*table) + 1);
    memcpy(table, data, count * sizeof(*table));
    verify(table, count, size);
    free(table);
    return 0;
}
