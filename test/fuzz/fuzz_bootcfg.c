/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the configuration of a boot disk: texts lie within the file; errors are said. */
// sources: lib/bootcfg.c
// sources: lib/sha256.c
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bootcfg.h"

static void check_text(const struct bootcfg_text *text, const char *file, size_t size)
{
    if (text->size != 0 && (text->at < file || text->at > file + size ||
                            text->size > size - (size_t)(text->at - file) ||
                            memchr(text->at, '\n', text->size) != NULL)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bootcfg config;
    uint32_t line = 0;
    const char *why = NULL;
    char *text = malloc(size + (size == 0));
    memcpy(text, data, size);
    int err = bootcfg_parse(&config, text, size, &line, &why);
    if (err != 0 && (err != -EINVAL || why == NULL)) {
        abort();
    }
    if (err == 0) {
        if (config.count == 0 || config.count > BOOTCFG_MAX_ENTRIES ||
            config.default_entry >= config.count || config.timeout < -1) {
            abort();
        }
        for (uint32_t i = 0; i < config.count; i++) {
            const struct bootcfg_entry *entry = &config.entries[i];
            check_text(&entry->title, text, size);
            check_text(&entry->kernel, text, size);
            check_text(&entry->initrd, text, size);
            check_text(&entry->cmdline, text, size);
            if (entry->kernel.size == 0 || entry->kernel.at[0] != '/') {
                abort();
            }
        }
    }
    free(text);
    return 0;
}
