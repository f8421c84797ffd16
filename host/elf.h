/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What a dynamic linker reads of an ELF file, read without running anything. The file is foreign
 * input: all offsets and sizes are checked, limits are generous but there.
 */
#include "host/text.h"
#include <stdbool.h>

enum elf_result {
    ELF_OK,
    ELF_NONE,    /* not ELF at all, or cannot be read */
    ELF_FOREIGN, /* for another kind of machine, or not a program or library */
    ELF_DAMAGED  /* offsets or sizes that cannot be */
};

struct elf {
    char *interpreter; /* PT_INTERP; NULL: static, or a library */
    char *soname, *rpath, *runpath;
    struct strings needed;
    bool no_default_dirs; /* DF_1_NODEFLIB */
    bool unwinds;         /* uses what makes glibc load libgcc_s.so.1 by itself */
};

enum elf_result elf_read(const char *path, struct elf *elf);
void elf_free(struct elf *elf);
