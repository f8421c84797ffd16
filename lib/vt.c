/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal's ear (lib/vt.h): bytes become characters (UTF-8), characters become text, controls
 * or parts of sequences. As in console_codes(4): controls work inside sequences, too; CAN and SUB
 * end one.
 */
#include "lib/vt.h"
#include "lib/string.h"

enum vt_state {
    TEXT,
    ESCAPE,   /* after ESC */
    SEQUENCE, /* after ESC [ */
    FUNCTION, /* ESC [ [: a key's sequence came back; one more character */
    IGNORE,   /* a sequence that means nothing, up to its final character */
    CHARSET0, /* ESC ( */
    CHARSET1, /* ESC ) */
    ENCODING, /* ESC % */
    TEST,     /* ESC # */
    COMMAND,  /* ESC ] */
    PALETTE,  /* ESC ] P */
    STRING,   /* up to BEL or ESC \ */
};

enum { BEL = 7, BS, HT, LF, VT, FF, CR, SO, SI, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, DEL = 0x7f };
enum { CSI = 0x9b };

void vt_init(struct vt *vt, struct vt_cell *cells, unsigned rows, unsigned columns)
{
    memset(vt, 0, sizeof(*vt));
    vt->cells = cells;
    vt->rows = rows;
    vt->columns = columns;
    for (unsigned i = 0; i < rows; i++) {
        vt->line[i] = (uint8_t)i;
    }
    vt_default_palette(vt);
    vt_reset(vt);
}

static void begin_sequence(struct vt *vt)
{
    vt->state = SEQUENCE;
    vt->prefix = 0;
    vt->count = 0;
    memset(vt->params, 0, sizeof(vt->params));
}

static void control(struct vt *vt, uint32_t code)
{
    struct vt_place *at = &vt->at;
    switch (code) {
    case BEL:
        vt->state = vt->state == STRING ? TEXT : vt->state;
        break;
    case BS:
        if (at->column > 0) {
            at->column--;
            at->wrap = false;
        }
        break;
    case HT:
        vt_tab(vt);
        break;
    case LF:
    case VT:
    case FF:
        vt_line_feed(vt);
        if (!vt->new_line) {
            break;
        }
        __attribute__((fallthrough));
    case CR:
        at->column = 0;
        at->wrap = false;
        break;
    case SO:
    case SI:
        at->set = code == SO;
        break;
    case CAN:
    case SUB:
        vt->state = TEXT;
        break;
    case ESC:
        vt->state = ESCAPE;
        break;
    default:
        break;
    }
}

/* The VT100's line drawing characters, from 0x60 to 0x7e, in Unicode. */
static uint32_t drawn(uint32_t code)
{
    static const uint16_t set[] = {0x2666, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
                                   0x2591, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
                                   0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
                                   0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7};
    return code - 0x60 < ARRAY_SIZE(set) ? set[code - 0x60] : code;
}

static int hex_digit(uint32_t code)
{
    if (code >= '0' && code <= '9') {
        return (int)(code - '0');
    }
    code |= 0x20;
    return code >= 'a' && code <= 'f' ? (int)(code - 'a' + 10) : -1;
}

static void palette_digit(struct vt *vt, uint32_t code)
{
    enum { DIGITS = 7 };
    int digit = hex_digit(code);
    if (digit < 0) {
        vt->state = TEXT;
        return;
    }
    vt->params[vt->count++] = (unsigned)digit;
    if (vt->count == DIGITS) {
        vt->state = TEXT;
        vt_set_colour(vt);
    }
}

static void in_escape(struct vt *vt, uint32_t code)
{
    vt->state = TEXT;
    switch (code) {
    case '[':
        begin_sequence(vt);
        break;
    case ']':
        vt->state = COMMAND;
        break;
    case '(':
        vt->state = CHARSET0;
        break;
    case ')':
        vt->state = CHARSET1;
        break;
    case '%':
        vt->state = ENCODING;
        break;
    case '#':
        vt->state = TEST;
        break;
    case 'P': /* DCS */
    case 'X': /* SOS */
    case '^': /* PM */
    case '_': /* APC */
        vt->state = STRING;
        break;
    default:
        vt_escape(vt, code);
        break;
    }
}

static void in_sequence(struct vt *vt, uint32_t code)
{
    enum { VALUE_MAX = 0xffff };
    if (code >= '0' && code <= '9') {
        vt->count = MAX(vt->count, 1);
        unsigned *value = &vt->params[vt->count - 1];
        *value = MIN(*value * 10 + (code - '0'), VALUE_MAX);
    } else if (code == ';') {
        vt->count = MAX(vt->count, 1);
        if (vt->count == VT_PARAMS) {
            vt->state = IGNORE;
        } else {
            vt->count++;
        }
    } else if (code >= '<' && code <= '?' && vt->count == 0 && vt->prefix == 0) {
        vt->prefix = (uint8_t)code;
    } else if (code == '[') {
        vt->state = FUNCTION;
    } else if (code < 0x40) {
        vt->state = IGNORE;
    } else {
        vt->state = TEXT;
        vt_sequence(vt, code);
    }
}

static void in_command(struct vt *vt, uint32_t code)
{
    vt->count = 0;
    vt->state = code == 'P' ? PALETTE : code == 'R' ? TEXT : STRING;
    if (code == 'R') {
        vt_default_palette(vt);
    }
}

/* A character that is no control. */
static void take(struct vt *vt, uint32_t code)
{
    bool graphics = vt->at.graphics[vt->at.set];
    switch (vt->state) {
    case TEXT:
        vt_put(vt, graphics ? drawn(code) : code);
        break;
    case ESCAPE:
        in_escape(vt, code);
        break;
    case SEQUENCE:
        in_sequence(vt, code);
        break;
    case IGNORE:
        vt->state = code >= 0x40 ? TEXT : IGNORE;
        break;
    case CHARSET0:
    case CHARSET1:
        vt->at.graphics[vt->state == CHARSET1] = code == '0';
        vt->state = TEXT;
        break;
    case ENCODING:
        vt->bytes = code == '@' ? true : code == 'G' || code == '8' ? false : vt->bytes;
        vt->state = TEXT;
        break;
    case TEST:
        vt->state = TEXT;
        for (unsigned i = 0; code == '8' && i < vt->rows * vt->columns; i++) {
            vt->cells[i] = (struct vt_cell){.code = 'E', .colour = vt->at.pen.colour};
        }
        vt_touch_all(vt);
        break;
    case COMMAND:
        in_command(vt, code);
        break;
    case PALETTE:
        palette_digit(vt, code);
        break;
    case STRING:
        break;
    default:
        vt->state = TEXT;
        break;
    }
}

static void character(struct vt *vt, uint32_t code)
{
    if (code == CSI) {
        begin_sequence(vt);
    } else if (code < 0x20) {
        control(vt, code);
    } else if (code != DEL && (code < 0x80 || code >= 0xa0)) {
        take(vt, code);
    }
}

/* The first byte of a sequence tells its length and how small a number it may hold (RFC 3629). */
static void begin_code(struct vt *vt, uint8_t byte)
{
    static const uint32_t smallest[] = {0x80, 0x800, 0x10000};
    unsigned more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    if (byte < 0xc2 || byte > 0xf4) {
        character(vt, VT_REPLACEMENT);
        return;
    }
    vt->code_left = (uint8_t)more;
    vt->code_min = smallest[more - 1];
    vt->code = byte & (0x3fu >> more);
}

static void take_byte(struct vt *vt, uint8_t byte)
{
    if (vt->code_left > 0) {
        if ((byte & 0xc0) == 0x80) {
            vt->code = vt->code << 6 | (byte & 0x3f);
            if (--vt->code_left == 0) {
                bool good = vt->code >= vt->code_min && vt->code <= 0x10ffff &&
                            (vt->code & ~0x7ffu) != 0xd800;
                character(vt, good ? vt->code : VT_REPLACEMENT);
            }
            return;
        }
        vt->code_left = 0;
        character(vt, VT_REPLACEMENT);
    }
    if (byte < 0x80 || vt->bytes) {
        character(vt, byte);
    } else {
        begin_code(vt, byte);
    }
}

void vt_write(struct vt *vt, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    vt->dirty[vt->at.row] = true; /* the cursor goes */
    for (size_t i = 0; i < size; i++) {
        take_byte(vt, from[i]);
    }
    vt->dirty[vt->at.row] = true;
}
