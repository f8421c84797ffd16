/* SPDX-License-Identifier: BSD-2-Clause */
/* Pseudo terminals of sessions: control, hang-ups, keys, jobs, window size; packet mode. */
#include "test/linux/pty.h"

#include <pty.h>

/* --- sessions ----------------------------------------------------------------------------------
 */

static volatile int seen[65];
static void on_signal(int number)
{
    seen[number]++;
}

static void watch(int number)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(number, &action, NULL);
}

/* Sleeps until the signal has come, or a while. */
static int came(int number)
{
    for (int i = 0; i < 500 && seen[number] == 0; i++) {
        sleep_ms(10);
    }
    return seen[number];
}

CASE(controlling)
{
    struct pair pair = make_pair();
    pid_t pid;
    CHILD(pid)
    {
        CALL(setsid() == getpid());
        CALL(open("/dev/tty", O_RDWR));
        int slave = open(pair.name, O_RDWR | O_NOCTTY);
        CALL(open("/dev/tty", O_RDWR));
        CALL(tcgetpgrp(slave));
        close(slave);
        slave = open(pair.name, O_RDWR);
        TRUTH(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
        TRUTH(tcgetpgrp(pair.master) == getpid() && tcgetsid(pair.master) == getpid());
        int tty = open("/dev/tty", O_RDWR);
        write(tty, "through /dev/tty", 16);
        CALL(ioctl(slave, TIOCSCTTY, 0));
        CALL(tcsetpgrp(slave, 999999));
        CALL(tcsetpgrp(slave, getpid()));
        signal(SIGHUP, SIG_IGN);
        CALL(ioctl(tty, TIOCNOTTY));
        CALL(open("/dev/tty", O_RDWR));
        CALL(ioctl(slave, TIOCSCTTY, 0));
    }
    say_end("leader", pid);
    say_reads("master", pair.master, 16);
}

CASE(two_sessions)
{
    struct pair pair = make_pair();
    int go[2], stop[2];
    pipe(go);
    pipe(stop);
    pid_t first, second;
    CHILD(first)
    {
        setsid();
        CALL(ioctl(pair.slave, TIOCSCTTY, 0));
        pass(go[1]);
        await(stop[0]);
    }
    await(go[0]);
    CHILD(second)
    {
        setsid();
        CALL(ioctl(pair.slave, TIOCSCTTY, 0));
        CALL(open("/dev/tty", O_RDWR));
    }
    say_end("second", second);
    pass(stop[1]);
    say_end("first", first);
    /* Who else has it open goes on after the leader's end. */
    CALL(write(pair.slave, "still there", 11));
    say_read("master", pair.master);
}

CASE(hangup)
{
    struct pair pair = make_master(0);
    int ready[2];
    pipe(ready);
    pid_t pid;
    CHILD(pid)
    {
        setsid();
        int slave = open(pair.name, O_RDWR);
        close(pair.master);
        watch(SIGHUP);
        watch(SIGCONT);
        pass(ready[1]);
        SHOW(came(SIGHUP) > 0);
        SHOW(came(SIGCONT) > 0);
        char byte;
        CALL(read(slave, &byte, 1));
        CALL(open("/dev/tty", O_RDWR));
    }
    await(ready[0]);
    close(pair.master);
    say_end("leader", pid);
}

/* Only the leader is told; its end tells the job. */
CASE(hangup_of_a_job)
{
    struct pair pair = make_master(0);
    int ready[2], order[2];
    pipe(ready);
    pipe(order);
    pid_t leader;
    CHILD(leader)
    {
        setsid();
        int slave = open(pair.name, O_RDWR);
        close(pair.master);
        signal(SIGTTOU, SIG_IGN);
        watch(SIGHUP);
        pid_t job;
        CHILD(job)
        {
            watch(SIGCONT);
            pass(ready[1]);
            SHOW(came(SIGHUP) > 0);
            SHOW(came(SIGCONT) > 0);
            pass(order[1]);
        }
        setpgid(job, job);
        CALL(tcsetpgrp(slave, job));
        pass(ready[1]);
        SHOW(came(SIGHUP) > 0);
        sleep_ms(100);
        say("the leader ends\n");
    }
    await(ready[0]);
    await(ready[0]);
    close(pair.master);
    await(order[0]);
    say_end("leader", leader);
}

CASE(window)
{
    struct pair pair = make_master(0);
    int ready[2];
    pipe(ready);
    pid_t pid;
    CHILD(pid)
    {
        setsid();
        int slave = open(pair.name, O_RDWR);
        watch(SIGWINCH);
        pass(ready[1]);
        SHOW(came(SIGWINCH));
        struct winsize size;
        ioctl(slave, TIOCGWINSZ, &size);
        say("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
        size.ws_row = 50;
        CALL(ioctl(slave, TIOCSWINSZ, &size));
    }
    await(ready[0]);
    struct winsize size = {24, 80, 1, 2};
    CALL(ioctl(pair.master, TIOCSWINSZ, &size));
    CALL(ioctl(pair.master, TIOCSWINSZ, &size)); /* no change, no signal */
    say_end("child", pid);
    ioctl(pair.master, TIOCGWINSZ, &size);
    say("%d %d\n", size.ws_row, size.ws_col);
}

CASE(keys)
{
    struct pair pair = make_master(0);
    int ready[2];
    pipe(ready);
    pid_t pid;
    CHILD(pid)
    {
        setsid();
        open(pair.name, O_RDWR);
        watch(SIGINT);
        watch(SIGQUIT);
        watch(SIGTSTP);
        pass(ready[1]);
        SHOW(came(SIGINT));
        seen[SIGINT] = 0;
        pass(ready[1]);
        SHOW(came(SIGQUIT));
        pass(ready[1]);
        SHOW(came(SIGTSTP));
        pass(ready[1]);
        SHOW(came(SIGINT));
    }
    await(ready[0]);
    write(pair.master, "\x03", 1);
    await(ready[0]);
    write(pair.master, "\x1c", 1);
    await(ready[0]);
    write(pair.master, "\x1a", 1);
    await(ready[0]);
    CALL(ioctl(pair.master, SEND, SIGINT));
    CALL(ioctl(pair.master, SEND, SIGTERM));
    say_end("child", pid);
    say_reads("echo", pair.master, 6);
}

CASE(jobs)
{
    struct pair pair = make_master(0);
    pid_t leader;
    CHILD(leader)
    {
        setsid();
        int slave = open(pair.name, O_RDWR), status;
        signal(SIGTTOU, SIG_IGN);
        pid_t job;
        CHILD(job)
        {
            setpgid(0, 0);
            signal(SIGTTOU, SIG_DFL);
            raise(SIGSTOP);
            say_read("job", slave);
        }
        setpgid(job, job);
        waitpid(job, &status, WUNTRACED);
        say("%s\n", status_text(status));
        kill(job, SIGCONT);
        waitpid(job, &status, WUNTRACED);
        say("%s\n", status_text(status));
        CALL(tcsetpgrp(slave, job));
        TRUTH(tcgetpgrp(slave) == job);
        kill(job, SIGCONT);
        waitpid(job, &status, WUNTRACED);
        say("%s\n", status_text(status));
        CALL(tcsetpgrp(slave, getpid()));
    }
    write(pair.master, "for the job\n", 12);
    say_end("leader", leader);
}

CASE(fork_pty)
{
    int master;
    struct winsize size = {10, 20, 0, 0};
    pid_t pid = forkpty(&master, NULL, NULL, &size);
    if (pid == 0) {
        ioctl(0, TIOCGWINSZ, &size);
        printf("%d %d %d %d %d", isatty(0) + isatty(1) + isatty(2), tcgetpgrp(0) == getpid(),
               getsid(0) == getpid(), size.ws_row, size.ws_col);
        fflush(stdout);
        _exit(3);
    }
    say_reads("master", master, 11);
    say_end("child", pid);
    say_read("master", master);
}

/* --- packet mode -------------------------------------------------------------------------------
 */

/* Waits for something, then one read. */
static void say_packet(int master)
{
    say("events %d ", input_of(master, 1000));
    say_read("packet", master);
}

CASE(packets)
{
    struct pair pair = make_pair();
    int on = 1, value = 7;
    CALL(ioctl(pair.master, GET_PACKET, &value));
    SHOW(value);
    CALL(ioctl(pair.master, TIOCPKT, &on));
    CALL(ioctl(pair.master, GET_PACKET, &value));
    SHOW(value);
    write(pair.slave, "data", 4);
    say_packet(pair.master);
    tcflush(pair.slave, TCIFLUSH);
    say_packet(pair.master);
    tcflush(pair.slave, TCOFLUSH);
    say_packet(pair.master);
    tcflow(pair.slave, TCOOFF);
    say_packet(pair.master);
    tcflow(pair.slave, TCOON);
    say_packet(pair.master);
    set_flags(pair.slave, IXON, 0);
    say_packet(pair.master);
    make_raw(pair.slave);
    write(pair.slave, "more", 4);
    say_packet(pair.master);
    struct termios t;
    tcgetattr(pair.slave, &t);
    t.c_iflag |= IXON;
    tcsetattr(pair.slave, TCSANOW, &t);
    say_packet(pair.master);
    fcntl(pair.master, F_SETFL, O_NONBLOCK);
    say_read("none", pair.master);
    on = 0;
    CALL(ioctl(pair.master, TIOCPKT, &on));
    write(pair.slave, "plain", 5);
    say_packet(pair.master);
}

CASE(flow)
{
    struct pair pair = make_pair();
    set_flags(pair.slave, 0, ECHO);
    fcntl(pair.master, F_SETFL, O_NONBLOCK);
    write(pair.master, "\x13", 1);
    sleep_ms(50);
    pid_t pid;
    CHILD(pid)
    {
        write(pair.slave, "held", 4);
    }
    SHOW(input_of(pair.master, 100));
    write(pair.master, "\x11", 1);
    SHOW(input_of(pair.master, 5000));
    say_read("master", pair.master);
    say_end("writer", pid);
}

int main(void)
{
    return RUN(ENTRY(controlling), ENTRY(two_sessions), ENTRY(hangup), ENTRY(hangup_of_a_job),
               ENTRY(window), ENTRY(keys), ENTRY(jobs), ENTRY(fork_pty), ENTRY(packets),
               ENTRY(flow));
}
