/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The paging instructions, acting on the model of TLBs in fake/user.c. */
#include "lib/types.h"

paddr_t x86_read_cr3(void);
#define X86_CR3_NOFLUSH (1ul << 63)

void x86_write_cr3(uint64_t value);
void x86_invlpg(vaddr_t va);
void x86_flush_global(void);
bool x86_has_pcid(void);

/* No page-table isolation. */
static inline paddr_t x86_user_root_create(bool *failed)
{
    *failed = false;
    return 0;
}
static inline void x86_user_root_free(paddr_t root)
{
    (void)root;
}
static inline void x86_before_switch(void)
{
}
static inline void x86_note_roots(paddr_t kernel, paddr_t user)
{
    (void)kernel;
    (void)user;
}
