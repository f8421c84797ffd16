/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The first line of a script: "#! interpreter argument". Pure. */
#include "lib/types.h"

#define SCRIPT_LINE 256 /* bytes of a file that are looked at */

struct script_line {
    const char *interp, *arg;     /* inside the line */
    size_t interp_size, arg_size; /* arg_size 0: there is none */
};

/* Takes the first SCRIPT_LINE bytes of a file that starts with "#!", zeroes behind its end: 0, or
 * -ENOEXEC when there is no interpreter or its name may be cut off (execve(2), "Interpreter
 * scripts"). */
int script_parse(const char line[SCRIPT_LINE], struct script_line *out);
