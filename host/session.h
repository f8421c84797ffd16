/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * How the program's standard streams are connected. A stream that is a terminal here is the
 * terminal /dev/hvc0 there; any other is a port that carries bytes as they are; /dev/null and a
 * closed descriptor are /dev/null there. Standard input is the terminal only together with standard
 * output: in `alba run ls | less` the keys are less's, and this terminal is not to be touched.
 */
#include "host/options.h"
#include <stdbool.h>

enum stream_kind { STREAM_NULL, STREAM_PORT, STREAM_TTY, STREAM_CONSOLE };

struct session {
    enum stream_kind kinds[3];
    bool has_terminal;   /* some stream is one */
    bool raw;            /* keys go to the program as they come: this terminal is put in raw mode */
    int terminal_output; /* descriptor here that shows the terminal; -1: none */
    unsigned rows, columns;
};

void session_plan(struct session *session, const struct options *options);
/* Without a host: all streams are the machine's console. */
void session_plan_console(struct session *session);
/* The size of the terminal that shows the program's; false when it is none. */
bool session_size(const struct session *session, unsigned *rows, unsigned *columns);

/*
 * The text of /.alba/spec for PID 1 (user/run/spec.h): to free, *size is set. program: its path in
 * the machine, or a name to look for in its PATH.
 */
char *session_spec(const struct session *session, const struct options *options,
                   const char *program, size_t *size);
