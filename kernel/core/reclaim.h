/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Memory that other CPUs keep for later. */

/* From here on it comes back when memory is out, where waiting for them is allowed. */
void reclaim_init(void);
/* Gives back everything that is kept for later, on all CPUs. Sleeps. */
void reclaim_all(void);
