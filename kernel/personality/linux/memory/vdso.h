/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The vDSO and the clock's page below it, in every program's space (vdso(7)). */
#include "lib/types.h"

struct space;

/* Once, at boot: finds the pages to map. */
void vdso_init(void);
/* Maps both into a space that is being made: where the vDSO's ELF header is, or -ENOMEM. */
int vdso_map(struct space *space, vaddr_t *image);
