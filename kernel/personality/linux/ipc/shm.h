/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Shared memory segments, as seen by who shows what a process has mapped. */
#include "kernel/core/space.h"

/* The key and the identifier of the segment that a region maps; false: it maps none. The region
 * holds it. */
bool shm_describe(const struct region_owner *owner, int32_t *key, int *id);
