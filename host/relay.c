/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One poll loop: streams, the control port, the kernel's serial line, QEMU's messages, and signals
 * as descriptors. Signals from the keyboard go to the program's process group, as the terminal does
 * here; those that a process sent go to the program. A machine that does not confirm a signal
 * within a time, or at the second one, is ended by force: alba can always be stopped. A signal that
 * alba was started to ignore (nohup) is left ignored. In the background of a shell the terminal is
 * left alone, and looked at again from time to time: nothing tells that it came to the foreground.
 */
#include "host/relay.h"
#include "host/control.h"
#include "host/flow.h"
#include "host/say.h"
#include "host/strace.h"
#include "host/tail.h"
#include "host/terminal.h"
#include "host/timeline.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SECOND_SIGNAL_MS = 1000, /* a second one sooner may be a key that repeats */
    ANSWER_MS = 10000,       /* for a signal to be confirmed */
    POWER_OFF_MS = 10000,    /* from the program's end to QEMU's, while nothing moves */
    ESCAPE_KEY = 0x1d,       /* Ctrl-], three times in a second */
    BACKGROUND_MS = 200,     /* between looks whether the terminal is ours */
    MAX_FLOWS = 5,
    MAX_POLL = 4 + 2 * MAX_FLOWS
};

struct relay {
    const struct session *session;
    struct control control;
    struct tail serial, errors;
    struct flow *flows[MAX_FLOWS];
    size_t count;
    pid_t process;
    bool running;
    int qemu_status; /* as waitpid gives it */
    int forced;      /* alba's status when the machine was ended by force; 0: it was not */
    int signals;     /* descriptor */
    int last_signal;
    long first_signal_ms, last_move_ms, escape_ms;
    unsigned escapes;
    bool stream_failed; /* a standard stream of ours, and that was said */
    bool reads_terminal, is_raw, in_background;
    bool waits_for_gdb;
    uint64_t memory; /* asked for; 0: alba's choice */
};

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM};

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fill_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
        struct sigaction action;
        if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(set, passed_on[i]);
        }
    }
    sigaddset(set, SIGCHLD);
    sigaddset(set, SIGWINCH);
    sigaddset(set, SIGTSTP);
}

void relay_prepare(void)
{
    sigset_t set;
    fill_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void end_by_force(struct relay *relay, int status, const char *why)
{
    if (relay->forced == 0 && relay->running) {
        relay->forced = status;
        say("%s: the machine is ended by force", why);
        kill(relay->process, SIGKILL);
    }
}

static void pass_signal(struct relay *relay, int number, bool from_keyboard)
{
    long now = now_ms();
    if (relay->waits_for_gdb && !relay->control.started) {
        end_by_force(relay, STATUS_SIGNAL + number, "it may be stopped in gdb");
        return;
    }
    if (relay->control.unanswered == 0) {
        relay->first_signal_ms = now;
    } else if (now - relay->first_signal_ms >= SECOND_SIGNAL_MS) {
        end_by_force(relay, STATUS_SIGNAL + number, "it does not answer");
        return;
    }
    relay->last_signal = number;
    control_send_signal(&relay->control, number, from_keyboard);
}

/* Ctrl-Z, or a stop from elsewhere: the machine stops with us, and the terminal is as it was. */
static void suspend(struct relay *relay)
{
    terminal_restore();
    kill(relay->process, SIGSTOP);
    raise(SIGSTOP);
    kill(relay->process, SIGCONT);
    relay->is_raw = false;
}

/* In the foreground of its shell alba reads the terminal, which is raw when all streams are it. */
static void look_at_terminal(struct relay *relay)
{
    relay->in_background = relay->reads_terminal && !terminal_is_ours();
    if (relay->session->raw && !relay->is_raw && !relay->in_background) {
        terminal_raw(relay->session->terminal_output >= 0);
        relay->is_raw = true;
    }
}

static void reap(struct relay *relay)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == relay->process) {
            relay->running = false;
            relay->qemu_status = status;
        }
    }
}

static void take_signal(struct relay *relay)
{
    struct signalfd_siginfo info;
    unsigned rows, columns;
    if (read(relay->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    switch (info.ssi_signo) {
    case SIGCHLD:
        reap(relay);
        break;
    case SIGWINCH:
        if (session_size(relay->session, &rows, &columns)) {
            control_send_size(&relay->control, rows, columns);
        }
        break;
    case SIGTSTP:
        suspend(relay);
        break;
    default:
        pass_signal(relay, (int)info.ssi_signo, info.ssi_code == SI_KERNEL);
        break;
    }
}

static void watch_keys(void *arg, const char *bytes, size_t size)
{
    struct relay *relay = arg;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != ESCAPE_KEY) {
            relay->escapes = 0;
            continue;
        }
        long now = now_ms();
        if (relay->escapes == 0 || now - relay->escape_ms > 1000) {
            relay->escapes = 0;
            relay->escape_ms = now;
        }
        if (++relay->escapes == 3) {
            end_by_force(relay, STATUS_SIGNAL + SIGKILL, "Ctrl-] three times");
        }
    }
}

static struct flow *add_flow(struct relay *relay)
{
    struct flow *flow = text_resize(NULL, sizeof(*flow));
    relay->flows[relay->count++] = flow;
    return flow;
}

static void connect_streams(struct relay *relay, const struct machine *machine)
{
    const struct session *session = relay->session;
    const int *sockets = machine->our_fds;
    if (session->kinds[0] == STREAM_PORT) {
        flow_from_host(add_flow(relay), STDIN_FILENO, sockets[CHANNEL_STDIN]);
    }
    if (session->kinds[1] == STREAM_PORT) {
        flow_to_host(add_flow(relay), sockets[CHANNEL_STDOUT], STDOUT_FILENO);
    }
    if (session->kinds[2] == STREAM_PORT) {
        flow_to_host(add_flow(relay), sockets[CHANNEL_STDERR], STDERR_FILENO);
    }
    if (session->has_terminal) {
        flow_to_host(add_flow(relay), sockets[CHANNEL_TERMINAL], session->terminal_output);
    }
    if (session->kinds[0] == STREAM_TTY) {
        struct flow *keys = add_flow(relay);
        flow_from_host(keys, STDIN_FILENO, dup(sockets[CHANNEL_TERMINAL]));
        keys->to_ours = false; /* its end must not end what is shown */
        keys->last_word = session->raw
                              ? NULL
                              : "\004\004\004"; /* Ctrl-D: ends a line, the program, its shell */
        keys->seen = session->raw ? watch_keys : NULL;
        keys->seen_arg = relay;
    }
}

/* Whether something waits for a reader of ours, who may take all the time in the world. */
static bool is_blocked(const struct relay *relay)
{
    for (size_t i = 0; i < relay->count; i++) {
        if (relay->flows[i]->from_ours && relay->flows[i]->end > relay->flows[i]->start) {
            return true;
        }
    }
    return false;
}

/* Ends a machine that hangs; returns the time until that has to be looked at again, or -1. */
static int check_limits(struct relay *relay)
{
    long now = now_ms(), left = -1;
    if (!relay->running) {
        return -1;
    }
    if (relay->control.unanswered > 0) {
        left = relay->first_signal_ms + ANSWER_MS - now;
        if (left <= 0) {
            end_by_force(relay, STATUS_SIGNAL + relay->last_signal, "it does not answer");
        }
    } else if (relay->control.outcome != OUTCOME_NONE && !is_blocked(relay)) {
        left = relay->last_move_ms + POWER_OFF_MS - now;
        if (left <= 0) {
            say_detail("the machine does not switch itself off");
            kill(relay->process, SIGKILL);
            relay->last_move_ms = now;
        }
    }
    return left < 0 ? -1 : (int)left + 1;
}

static bool is_over(const struct relay *relay)
{
    if (relay->running || relay->serial.fd >= 0 || relay->errors.fd >= 0 ||
        relay->control.socket >= 0) {
        return false;
    }
    for (size_t i = 0; i < relay->count; i++) {
        if (relay->flows[i]->from_ours && !flow_done(relay->flows[i])) {
            return false;
        }
    }
    return true;
}

/* To the program a stream of ours that fails is a closed pipe; that it was none is told here. */
static void tell_failure(struct relay *relay, struct flow *flow, int host)
{
    static const char *const doing[] = {"read standard input", "write standard output",
                                        "write standard error"};
    if (flow->error != 0) {
        say("cannot %s: %s", doing[host], strerror(flow->error));
        flow->error = 0;
        relay->stream_failed = true;
    }
}

static void turn(struct relay *relay)
{
    struct pollfd polls[MAX_POLL] = {{.fd = relay->signals, .events = POLLIN},
                                     {.fd = relay->control.socket, .events = POLLIN},
                                     {.fd = relay->serial.fd, .events = POLLIN},
                                     {.fd = relay->errors.fd, .events = POLLIN}};
    int wait_ms = check_limits(relay);
    look_at_terminal(relay);
    for (size_t i = 0; i < relay->count; i++) {
        flow_prepare(relay->flows[i], &polls[4 + 2 * i]);
        if (relay->in_background && relay->flows[i]->from == STDIN_FILENO) {
            polls[4 + 2 * i].fd = -1;
            wait_ms = wait_ms < 0 || wait_ms > BACKGROUND_MS ? BACKGROUND_MS : wait_ms;
        }
    }
    if (poll(polls, 4 + 2 * relay->count, wait_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < relay->count; i++) {
        struct flow *flow = relay->flows[i];
        int host = flow->from_ours ? flow->to : flow->from;
        if (flow_move(flow, &polls[4 + 2 * i])) {
            relay->last_move_ms = now_ms();
        }
        tell_failure(relay, flow, host);
    }
    if (polls[1].revents != 0) {
        control_read(&relay->control);
        relay->last_move_ms = now_ms();
    }
    if (polls[2].revents != 0) {
        tail_read(&relay->serial);
    }
    if (polls[3].revents != 0) {
        tail_read(&relay->errors);
    }
    if (polls[0].revents != 0) {
        take_signal(relay);
    }
}

/* The machine ended without a word about the program. */
static int explain_failure(struct relay *relay)
{
    int status = relay->qemu_status;
    if (relay->forced != 0) {
        return relay->forced;
    }
    tail_flush(&relay->errors, 5);
    tail_flush(&relay->serial, 30);
    if (WIFSIGNALED(status)) {
        say("QEMU was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        say("the machine failed%s%s",
            relay->serial.size > 0 ? "; its last words are above" : " before it said anything",
            relay->memory != 0 && !relay->control.started ? " (is --memory enough?)" : "");
    } else {
        say("the machine stopped %s", relay->control.started
                                          ? "without saying how its program ended"
                                          : "before its program started");
    }
    return STATUS_ALBA;
}

static int final_status(struct relay *relay)
{
    const struct control *control = &relay->control;
    switch (control->outcome) {
    case OUTCOME_EXIT:
        return control->number == 0 && relay->stream_failed ? STATUS_ALBA : control->number;
    case OUTCOME_KILLED:
        return STATUS_SIGNAL + control->number;
    case OUTCOME_ERROR:
        say("cannot %s: %s", control->text, strerror(control->number));
        return control->number == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
    case OUTCOME_NONE:
        break;
    }
    return explain_failure(relay);
}

int relay_run(const struct machine *machine, const struct session *session,
              const struct options *options)
{
    static struct relay relay;
    sigset_t set;
    fill_set(&set);
    relay.session = session;
    relay.process = machine->process;
    relay.running = true;
    relay.reads_terminal = session->kinds[0] != STREAM_NULL && isatty(STDIN_FILENO);
    relay.waits_for_gdb = options->gdb_port != 0;
    relay.memory = options->memory;
    relay.last_move_ms = now_ms();
    relay.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (relay.signals < 0) {
        fail(STATUS_ALBA, "cannot wait for signals: %s", strerror(errno));
    }
    control_init(&relay.control, machine->our_fds[CHANNEL_CONTROL]);
    tail_init(&relay.serial, machine->our_fds[CHANNEL_SERIAL], "",
              options->strace || !options->quiet);
    tail_init(&relay.errors, machine->errors, "alba: QEMU: ", say_verbose);
    connect_streams(&relay, machine);
    while (!is_over(&relay)) {
        turn(&relay);
    }
    terminal_restore();
    if (options->strace) {
        strace_tell(relay.control.refusals, relay.control.refusal_count);
    }
    timeline_save(relay.control.timeline, machine, options);
    for (size_t i = 0; i < relay.count; i++) {
        free(relay.flows[i]);
    }
    free(relay.control.timeline);
    return final_status(&relay);
}
