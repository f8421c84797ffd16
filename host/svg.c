/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of SVG. Numbers are written with a point whatever the locale: alba sets none. */
#include "host/svg.h"
#include "host/text.h"
#include <stdlib.h>
#include <string.h>

/* Advance widths of DejaVu Sans from ' ' to '~', in thousandths of the size; of the bold face no
 * character is wider by more than BOLD. Any other character is taken to be as wide as it is high.
 */
enum { BOLD = 135, OTHER = 1000 };
static const uint16_t widths[] = {
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};

/* Length of the character of UTF-8 at `text` (RFC 3629), 0: it is none that XML 1.0 allows. */
static size_t character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80) {
        return c[0] >= ' ' && c[0] != 127;
    }
    size_t length = c[0] >= 0xf0 && c[0] < 0xf5   ? 4
                    : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
                    : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                                                  : 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool surrogate = c[0] == 0xed && c[1] >= 0xa0;
    bool beyond = c[0] == 0xf4 && c[1] >= 0x90;
    bool none = c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe;
    return overlong || surrogate || beyond || none ? 0 : length;
}

static double character_width(const char *text, const struct svg_style *style)
{
    double width = *text >= ' ' && *text <= '~' ? widths[*text - ' '] : OTHER;
    return (width + (style->bold ? BOLD : 0)) * style->size / 1000;
}

double svg_width(const char *text, const struct svg_style *style)
{
    double width = 0;
    while (*text != '\0') {
        size_t length = character(text);
        width += character_width(text, style);
        text += length == 0 ? 1 : length;
    }
    return width;
}

char *svg_fit(const char *text, const struct svg_style *style, double width)
{
    static const char dots[] = "…";
    if (svg_width(text, style) <= width) {
        return text_copy(text);
    }
    const char *at = text;
    double taken = svg_width(dots, style);
    while (*at != '\0' && (taken += character_width(at, style)) <= width) {
        size_t length = character(at);
        at += length == 0 ? 1 : length;
    }
    return text_format("%.*s%s", (int)(at - text), text, dots);
}

void svg_escape(FILE *file, const char *text)
{
    while (*text != '\0') {
        size_t length = character(text);
        if (length == 0) {
            fputc('?', file);
        } else if (*text == '<' || *text == '>' || *text == '&' || *text == '"') {
            fprintf(file, "&#%d;", *text);
        } else {
            fwrite(text, 1, length, file);
        }
        text += length == 0 ? 1 : length;
    }
}

void svg_text(FILE *file, const struct svg_style *style, double x, double y, const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\" fill=\"%s\"", x, y, style->size,
            style->colour);
    if (style->anchor != SVG_START) {
        fprintf(file, " text-anchor=\"%s\"", anchors[style->anchor]);
    }
    fprintf(file, "%s>", style->bold ? " font-weight=\"bold\"" : "");
    svg_escape(file, text);
    fprintf(file, "</text>\n");
}

void svg_box(FILE *file, const struct svg_box *box)
{
    fprintf(file, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"", box->x,
            box->y, box->width, box->height, box->fill);
    if (box->opacity > 0) {
        fprintf(file, " fill-opacity=\"%g\"", box->opacity);
    }
    if (box->radius > 0) {
        fprintf(file, " rx=\"%g\"", box->radius);
    }
    fprintf(file, "/>\n");
}
