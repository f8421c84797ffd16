/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The configuration of a boot disk: which systems can be started, and how. The boot manager of the
 * BIOS door and the EFI door read it, `alba image` writes it. Lines of text; '#' begins a comment:
 *
 *   timeout=3              seconds that the menu waits; 0: no menu without a key, -1: for ever;
 *                          not given: 5 where there is a choice, else 0
 *   default=1              the entry taken then, from 1
 *
 *   title=redis-server     begins an entry
 *   kernel=/alba/kernel.img
 *   initrd=/alba/initrd.img        may be missing
 *   cmdline=quiet loglevel=4       may be missing; the rest of the line, as it is
 *   kernel_sha256=HEX              may be missing: the digests that the files must have
 *   initrd_sha256=HEX
 *
 * Paths begin with '/' and mean the system partition that the configuration was found in.
 */
#include <stddef.h>
#include <stdint.h>

#define BOOTCFG_MAX_SIZE    65536u /* bytes of the file */
#define BOOTCFG_MAX_ENTRIES 16u

/* Bytes of the file, not terminated. size 0: not given. */
struct bootcfg_text {
    const char *at;
    uint32_t size;
};

struct bootcfg_entry {
    struct bootcfg_text title, kernel, initrd, cmdline;
    uint8_t kernel_sha256[32], initrd_sha256[32];
    uint8_t has_kernel_sha256, has_initrd_sha256;
};

struct bootcfg {
    int32_t timeout;        /* seconds */
    uint32_t default_entry; /* index into entries, from 0 */
    uint32_t count;
    struct bootcfg_entry entries[BOOTCFG_MAX_ENTRIES];
};

/*
 * Parses `size` bytes of text, which must stay. Returns 0, or -EINVAL with *line (from 1) and *why
 * (a static text for people) saying what is wrong: an unknown key, an entry without a kernel, a
 * bad number or digest, too many entries, a default that there is not, no entry at all.
 */
int bootcfg_parse(struct bootcfg *config, const char *text, size_t size, uint32_t *line,
                  const char **why);
