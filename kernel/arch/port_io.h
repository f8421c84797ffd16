/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: I/O ports: in8, in16, in32(port), out8, out16, out32(port, value). On machines
 * without them <machine/io.h> reads all ones and ignores writes, so PC drivers find nothing.
 */
#include <machine/io.h>
