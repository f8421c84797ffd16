/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seed for the kernel's random numbers and for its place in the address space: the CPU's
 * generator, the boot loader's seed and the time, mixed. The kernel does not trust it alone.
 */
#include "boot/loader/loader.h"
#include "lib/string.h"

/* A permutation of 64 bits in which each bit of the input reaches all of the output (murmur3's). */
static uint64_t scramble(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static void mix(struct bootinfo *info, unsigned lane, uint64_t value)
{
    uint64_t word;
    uint8_t *at = info->entropy + lane % 4 * sizeof(word);
    memcpy(&word, at, sizeof(word));
    word = scramble(word + 0x9e3779b97f4a7c15ull) ^ value;
    memcpy(at, &word, sizeof(word));
}

void loader_add_entropy(struct loader *loader, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (unsigned lane = 0; size > 0; lane++) {
        uint64_t value = 0;
        size_t some = MIN(size, sizeof(value));
        memcpy(&value, from, some);
        mix(loader->info, lane, value);
        from += some;
        size -= some;
    }
    loader->info->entropy_size = sizeof(loader->info->entropy);
}

void seed_gather(struct loader *loader)
{
    for (unsigned lane = 0; lane < 4; lane++) {
        uint64_t value;
        if (!machine_random(&value)) {
            break;
        }
        mix(loader->info, lane, value);
    }
    mix(loader->info, 0, machine_cycles());
    loader->info->entropy_size = sizeof(loader->info->entropy);
}

uint64_t seed_draw(struct loader *loader, uint64_t limit)
{
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(loader->info->entropy); i += sizeof(value)) {
        uint64_t word;
        memcpy(&word, loader->info->entropy + i, sizeof(word));
        value = scramble(value ^ word);
    }
    /* The kernel's seed must not tell where the kernel is. */
    mix(loader->info, 3, scramble(value));
    return value % limit;
}
