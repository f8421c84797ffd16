/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The talk with PID 1 on the control port: lines, see user/run/main.c. What comes from the machine
 * is not trusted: unknown and overlong lines are ignored.
 */
#include <stdbool.h>
#include <stddef.h>

/* Calls that the machine refused, as many times; see abi/linux.def. */
struct refusal {
    int call, error;
    unsigned count;
};
enum { REFUSALS_MAX = 256 };

enum outcome { OUTCOME_NONE, OUTCOME_EXIT, OUTCOME_KILLED, OUTCOME_ERROR };

struct control {
    int socket; /* -1: closed */
    bool started;
    enum outcome outcome;
    int number;          /* status, signal or errno */
    char text[512];      /* of an error */
    unsigned unanswered; /* signals sent that PID 1 has not confirmed */
    char *timeline;      /* text, to free; NULL: none */
    size_t timeline_size, timeline_have;
    struct refusal refusals[REFUSALS_MAX];
    size_t refusal_count;
    char line[1024];
    size_t line_size;
};

void control_init(struct control *control, int socket);
/* Reads what is there. */
void control_read(struct control *control);
void control_send_signal(struct control *control, int number, bool to_group);
void control_send_size(struct control *control, unsigned rows, unsigned columns);
