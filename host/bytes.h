/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Numbers in formats of disks, at any address: put16 and so on little endian, put16be big endian.
 */
#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put16(void *at, uint32_t number)
{
    uint16_t value = htole16((uint16_t)number);
    memcpy(at, &value, sizeof(value));
}

static inline void put32(void *at, uint32_t number)
{
    uint32_t value = htole32(number);
    memcpy(at, &value, sizeof(value));
}

static inline void put64(void *at, uint64_t number)
{
    uint64_t value = htole64(number);
    memcpy(at, &value, sizeof(value));
}

static inline void put16be(void *at, uint32_t number)
{
    uint16_t value = htobe16((uint16_t)number);
    memcpy(at, &value, sizeof(value));
}

static inline void put32be(void *at, uint32_t number)
{
    uint32_t value = htobe32(number);
    memcpy(at, &value, sizeof(value));
}

static inline void put64be(void *at, uint64_t number)
{
    uint64_t value = htobe64(number);
    memcpy(at, &value, sizeof(value));
}
