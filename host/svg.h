/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Pieces of SVG 1.1 pictures. Texts are measured, so that whoever places them can keep them apart:
 * widths are those of DejaVu Sans, which is as wide as Verdana and wider than Helvetica and Arial.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SVG_FONT "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg_style {
    double size; /* pixels */
    const char *colour;
    enum svg_anchor anchor;
    bool bold;
};

/* Pixels that a text takes at most; bytes that are not UTF-8 count as one character each. */
double svg_width(const char *text, const struct svg_style *style);
/* Puts a text with its base line at y. */
void svg_text(FILE *file, const struct svg_style *style, double x, double y, const char *text);
/* The text with what XML does not allow or reads otherwise replaced. */
void svg_escape(FILE *file, const char *text);
/* The same text, cut to fit that many pixels; to free. */
char *svg_fit(const char *text, const struct svg_style *style, double width);

struct svg_box {
    double x, y, width, height;
    const char *fill;
    double opacity, radius;
};
void svg_box(FILE *file, const struct svg_box *box);
