/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the timeline that a machine sends: what is read becomes a picture, too. */
// sources: host/timeline.c host/timeline_axis.c host/timeline_rows.c host/timeline_svg.c
// sources: host/svg.c host/text.c host/say.c
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/timeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct timeline timeline;
    char *text = malloc(size + 1), *picture;
    size_t picture_size;
    memcpy(text, data, size);
    text[size] = '\0';
    if (timeline_read(&timeline, text)) {
        timeline.program = text;
        FILE *file = open_memstream(&picture, &picture_size);
        timeline_svg(&timeline, file);
        fclose(file);
        free(picture);
        timeline_free(&timeline);
    }
    free(text);
    return 0;
}
