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
/* Mixes in bytes, which may be known to anybody. */
void random_add(const void *bytes, size_t size);
/* True once seeded with at least 256 bits from a source that counts (CPU, host). */
bool random_ready(void);
