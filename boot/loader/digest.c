/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Digests that the command line names: what was loaded is what was meant, or nothing is started
 * (doc/doors.md, "Digests"). It takes about 65 instructions a byte, and nobody else pays for it.
 */
#include "boot/loader/loader.h"
#include "lib/sha256.h"
#include "lib/string.h"

void digest_check(const struct loader *loader, const char *option, const char *what,
                  uint64_t address, uint64_t size)
{
    const char *text;
    size_t length;
    if (!loader_text(loader, option, &text, &length)) {
        return;
    }
    uint8_t wanted[SHA256_BYTES], found[SHA256_BYTES];
    if (sha256_parse(text, length, wanted) != 0) {
        fail("%s is not followed by a SHA-256 digest (64 hexadecimal digits)", option);
    }
    const void *bytes = size > 0 ? machine_window(address, size) : NULL;
    if (bytes == NULL) {
        fail("%s is given, but the %s is %s", option, what, size > 0 ? "out of reach" : "missing");
    }
    sha256(bytes, size, found);
    if (memcmp(found, wanted, sizeof(found)) != 0) {
        char hex[SHA256_HEX + 1];
        sha256_format(found, hex);
        fail("the %s is not what %s names: its SHA-256 is %s", what, option, hex);
    }
}
