/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines to and from PID 1. Its timeline is a line with a size and then that many bytes. */
#include "host/control.h"
#include "host/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_TIMELINE = 1 << 20 };

void control_init(struct control *control, int socket)
{
    *control = (struct control){.socket = socket};
}

static void set_outcome(struct control *control, enum outcome outcome, int number)
{
    if (control->outcome == OUTCOME_NONE) { /* an error is followed by the end of the process */
        control->outcome = outcome;
        control->number = number;
    }
}

/* False: it is no such line. */
static bool take_refusal(struct control *control, const char *line)
{
    struct refusal refusal;
    if (sscanf(line, "refused %d %d %u", &refusal.call, &refusal.error, &refusal.count) != 3) {
        return false;
    }
    if (control->refusal_count < REFUSALS_MAX) {
        control->refusals[control->refusal_count++] = refusal;
    }
    return true;
}

static void obey(struct control *control, const char *line)
{
    int number, text = 0;
    if (take_refusal(control, line)) {
        return;
    }
    if (strncmp(line, "started ", 8) == 0) {
        control->started = true;
    } else if (sscanf(line, "exit %d", &number) == 1) {
        set_outcome(control, OUTCOME_EXIT, number & 0xff);
    } else if (sscanf(line, "killed %d", &number) == 1) {
        set_outcome(control, OUTCOME_KILLED, number & 0x7f);
    } else if (sscanf(line, "error %d %n", &number, &text) == 1 && text > 0) {
        set_outcome(control, OUTCOME_ERROR, number);
        snprintf(control->text, sizeof(control->text), "%s", line + text);
    } else if (strncmp(line, "signalled ", 10) == 0) {
        control->unanswered = 0;
    } else if (sscanf(line, "timeline %d", &number) == 1 && number > 0 && number <= MAX_TIMELINE &&
               control->timeline == NULL) {
        control->timeline = text_resize(NULL, (size_t)number + 1);
        control->timeline_size = (size_t)number;
    }
}

/* Bytes of a timeline that is under way; returns how many were used. */
static size_t take_timeline(struct control *control, const char *bytes, size_t size)
{
    size_t left = control->timeline_size - control->timeline_have;
    size_t taken = size < left ? size : left;
    if (taken > 0) {
        memcpy(control->timeline + control->timeline_have, bytes, taken);
        control->timeline_have += taken;
        control->timeline[control->timeline_have] = '\0';
    }
    return taken;
}

void control_read(struct control *control)
{
    char bytes[4096];
    ssize_t size = read(control->socket, bytes, sizeof(bytes));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        close(control->socket);
        control->socket = -1;
        return;
    }
    for (size_t at = 0; at < (size_t)size;) {
        size_t taken = take_timeline(control, bytes + at, (size_t)size - at);
        at += taken;
        if (taken > 0) {
            continue;
        }
        char byte = bytes[at++];
        if (byte != '\n' && control->line_size < sizeof(control->line) - 1) {
            control->line[control->line_size++] = byte;
        } else if (byte == '\n') {
            control->line[control->line_size] = '\0';
            control->line_size = 0;
            obey(control, control->line);
        }
    }
}

static void send_line(struct control *control, const char *word, int a, int b)
{
    char line[64];
    int size = b < 0 ? snprintf(line, sizeof(line), "%s %d\n", word, a)
                     : snprintf(line, sizeof(line), "%s %d %d\n", word, a, b);
    if (control->socket >= 0) {
        /* A machine that has not read hundreds of lines will not miss this one. */
        send(control->socket, line, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void control_send_signal(struct control *control, int number, bool to_group)
{
    send_line(control, to_group ? "group" : "signal", number, -1);
    control->unanswered++;
}

void control_send_size(struct control *control, unsigned rows, unsigned columns)
{
    send_line(control, "winsize", (int)rows, (int)columns);
}
