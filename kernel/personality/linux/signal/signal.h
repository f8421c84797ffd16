/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Signals: numbers, pending sets, sending. Semantics of signal(7). */
#include "kernel/base/refcount.h"
#include "lib/list.h"

enum {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGRTMIN,
    SIGRTMAX = 64,
};
#define SIGNAL_BIT(sig) (1ull << ((sig)-1))

enum { SI_USER = 0, SI_KERNEL = 128, SI_QUEUE = -1, SI_TIMER = -2, SI_TKILL = -6 };
enum { ILL_ILLOPN = 2, FPE_INTDIV = 1, TRAP_BRKPT = 1, TRAP_TRACE = 2 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2 };
enum { CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED };

/* siginfo_t without its padding; signal code turns it into the ABI's layout. */
struct linux_siginfo {
    int signo, error, code;
    int pid; /* sender or child */
    uint32_t uid;
    int status;            /* SIGCHLD */
    uint64_t utime, stime; /* SIGCHLD, clock ticks */
    uintptr_t addr;        /* faults */
    uint64_t value;        /* sigqueue, timers */
    int timer_id, overrun;
};

struct linux_pending {
    uint64_t set;
    struct list queue; /* struct signal_record: one for each standard signal, all real-time ones */
};

struct linux_handlers; /* struct of 64 actions: signal_state.h */
struct linux_process;
struct linux_thread;

/* Sends without permission checks: to a process (any thread that does not block it), or one thread.
 * 0, or -EAGAIN when a real-time signal cannot be queued. Any context but not with signal_lock
 * held. */
int signal_send_process(struct linux_process *process, const struct linux_siginfo *info);
int signal_send_thread(struct linux_thread *thread, const struct linux_siginfo *info);
/* To all members of a process group; code SI_KERNEL; 0 or -ESRCH. For the terminal. */
int signal_send_pgrp(int pgrp, int signo);
/* The current thread would get signo now and neither ignores nor blocks it (terminal's SIGTTIN
 * rule). */
bool signal_ignored_or_blocked(int signo);
/* A fault of the current thread: cannot be ignored or blocked; it dies if it tries. */
void signal_force(const struct linux_siginfo *info);
