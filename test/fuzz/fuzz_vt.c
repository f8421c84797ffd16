/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the screen's terminal with what programs print, on screens of all sizes, and the keyboard
 * with the same bytes as scan codes. */
// sources: lib/vt.c lib/vt_grid.c lib/vt_sequence.c lib/format.c lib/keyboard.c
#include <stdlib.h>
#include <string.h>

#include "lib/keyboard.h"
#include "lib/vt.h"

static void check(bool good)
{
    if (!good) {
        abort();
    }
}

static void check_terminal(const struct vt *vt)
{
    check(vt->at.row < vt->rows && vt->at.column < vt->columns);
    check(vt->saved.row < vt->rows && vt->saved.column < vt->columns);
    check(vt->top < vt->bottom && vt->bottom <= vt->rows);
    check(vt->reply_size <= sizeof(vt->reply));
    for (unsigned row = 0; row < vt->rows; row++) {
        check(vt_look(vt, row, vt->columns - 1).mark <= VT_CURSOR);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vt vt;
    struct keyboard keyboard = {0};
    char typed[KEYBOARD_BYTES_MAX];
    if (size < 2) {
        return 0;
    }
    unsigned rows = data[0] % VT_ROWS_MAX + 1, columns = data[1] * 2 % VT_COLUMNS_MAX + 1;
    struct vt_cell *cells = malloc(rows * columns * sizeof(*cells));
    check(cells != NULL);
    vt_init(&vt, cells, rows, columns);
    for (size_t at = 2, part; at < size; at += part) {
        part = MIN(size - at, 1u + data[at] % 64);
        uint8_t *bytes = malloc(part);
        check(bytes != NULL);
        memcpy(bytes, data + at, part);
        vt_write(&vt, bytes, part);
        free(bytes);
        check_terminal(&vt);
        vt.reply_size = data[at] & 1 ? 0 : vt.reply_size;
    }
    for (size_t at = 0; at < size; at++) {
        check(keyboard_take(&keyboard, data[at], typed) <= sizeof(typed));
    }
    free(cells);
    return 0;
}
