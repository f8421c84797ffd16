/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The random generator (C2): ChaCha20 keyed from bootinfo's entropy, the CPU's random source and
 * timing, re-keyed after every use; each CPU derives its own generator from the root one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *buf, size_t size); /* any context */
uint64_t random_u64(void);
/* Mixes in bytes, which may be known to anybody. Any context. */
void random_add(const void *bytes, size_t size);
/* Mixes in bytes that nobody else knows (a hardware source), which count for random_ready. */
void random_add_secret(const void *bytes, size_t size);
/* True once seeded with at least 256 bits from a source that counts (CPU, host). When the machine
 * has none, the first call gathers them from the jitter of its own timing. */
bool random_ready(void);

/* C2: seeds the root from bootinfo's entropy (which may be weak), the CPU's source and the clock.
 * Needs this CPU's per-CPU block. */
void random_init(const void *seed, size_t size);
