/* SPDX-License-Identifier: BSD-2-Clause */
/* Pseudo terminals: names, both directions, closing, sessions, job control, packet mode. */
#include "test/linux/check.h"

#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#define GET_LOCK   0x80045439u /* TIOCGPTLCK, TIOCGPKT, TIOCSIG: not in every header */
#define GET_PACKET 0x80045438u
#define SEND       0x40045436u

struct pair {
    int master, slave;
    char name[64];
};

/* A new pair; the slave is not opened yet. */
static struct pair make_master(int flags)
{
    struct pair pair = {posix_openpt(O_RDWR | O_NOCTTY | flags), -1, ""};
    if (grantpt(pair.master) != 0 || unlockpt(pair.master) != 0 ||
        ptsname_r(pair.master, pair.name, sizeof pair.name) != 0) {
        say("no terminal: %s\n", error_name(errno));
        _exit(1);
    }
    return pair;
}

static struct pair make_pair(void)
{
    struct pair pair = make_master(0);
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    return pair;
}

static void make_raw(int fd)
{
    struct termios t;
    tcgetattr(fd, &t);
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

static void set_flags(int fd, unsigned iflag_off, unsigned lflag_off)
{
    struct termios t;
    tcgetattr(fd, &t);
    t.c_iflag &= ~iflag_off;
    t.c_lflag &= ~lflag_off;
    tcsetattr(fd, TCSANOW, &t);
}

/* One read. */
static void say_read(const char *who, int fd)
{
    char bytes[256];
    say_bytes(who, bytes, read(fd, bytes, sizeof bytes));
}

/* Exactly so many bytes, in as many reads as it takes. */
static void say_reads(const char *who, int fd, size_t size)
{
    char bytes[256];
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    say_bytes(who, bytes, (ssize_t)done);
}

static short events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/* What there is to read, waiting for it. */
static short input_of(int fd, int timeout)
{
    struct pollfd p = {fd, POLLIN | POLLPRI, 0};
    poll(&p, 1, timeout);
    return p.revents;
}

/* --- names -------------------------------------------------------------------------------------
 */

CASE(names)
{
    struct stat status;
    struct pair pair = make_master(0);
    unsigned number = 0;
    CALL(ioctl(pair.master, TIOCGPTN, &number));
    char expected[64], found[64] = "";
    snprintf(expected, sizeof expected, "/dev/pts/%u", number);
    TRUTH(strcmp(expected, pair.name) == 0);
    CALL(stat(pair.name, &status));
    TRUTH(S_ISCHR(status.st_mode));
    SHOW(status.st_mode & 07777);
    TRUTH(status.st_uid == geteuid() && status.st_nlink == 1);
    TRUTH(major(status.st_rdev) == 136 && minor(status.st_rdev) == number);
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    SHOW(ttyname_r(pair.slave, found, sizeof found));
    TRUTH(strcmp(found, pair.name) == 0);
    SHOW(isatty(pair.slave) + isatty(pair.master));
    CALL(fchmod(pair.slave, 0622));
    CALL(chown(pair.name, 3, 5));
    stat(pair.name, &status);
    say("%o %d %d\n", status.st_mode, (int)status.st_uid, (int)status.st_gid);
    stat("/dev/ptmx", &status);
    say("%o %u %u\n", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
    close(pair.master);
    CALL(stat(pair.name, &status));
}

CASE(directory)
{
    struct stat status;
    struct pair pair = make_master(0);
    CALL(open("/dev/pts/x", O_CREAT | O_RDWR, 0600));
    CALL(mkdir("/dev/pts/x", 0755));
    CALL(mknod("/dev/pts/x", S_IFCHR | 0600, makedev(136, 0)));
    CALL(symlink("a", "/dev/pts/x"));
    CALL(unlink(pair.name));
    CALL(rename(pair.name, "/dev/pts/x"));
    CALL(link(pair.name, "/dev/pts/x"));
    CALL(open("/dev/pts/4095", O_RDWR));
    CALL(stat("/dev/pts/ptmx", &status));
    say("%o %u %u\n", status.st_mode & S_IFMT, major(status.st_rdev), minor(status.st_rdev));
    CALL(stat("/dev/pts", &status));
    say("%o %d\n", status.st_mode, (int)status.st_nlink);
}

CASE(locked)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), lock = 7;
    char name[64];
    ptsname_r(master, name, sizeof name);
    CALL(ioctl(master, GET_LOCK, &lock));
    SHOW(lock);
    CALL(open(name, O_RDWR | O_NOCTTY));
    CALL(ioctl(master, TIOCGPTPEER, O_RDWR));
    lock = 0;
    CALL(ioctl(master, TIOCSPTLCK, &lock));
    CALL_OK(open(name, O_RDWR | O_NOCTTY));
    lock = 1;
    CALL(ioctl(master, TIOCSPTLCK, &lock));
    CALL(open(name, O_RDWR | O_NOCTTY));
}

CASE(peer)
{
    struct pair pair = make_master(0);
    char found[64];
    int slave = ioctl(pair.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    CALL(fcntl(slave, F_GETFD));
    SHOW(fcntl(slave, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    TRUTH(ttyname_r(slave, found, sizeof found) == 0 && strcmp(found, pair.name) == 0);
    write(slave, "peer", 4);
    say_read("master", pair.master);
    slave = ioctl(pair.master, TIOCGPTPEER, O_RDONLY | O_NOCTTY);
    CALL(write(slave, "x", 1));
}

CASE(many)
{
    enum { MANY = 40 };
    struct pair pairs[MANY];
    int distinct = 0;
    for (int i = 0; i < MANY; i++) {
        pairs[i] = make_pair();
        distinct++;
        for (int k = 0; k < i; k++) {
            distinct -= strcmp(pairs[i].name, pairs[k].name) == 0;
        }
    }
    SHOW(distinct);
    int right = 0;
    for (int i = 0; i < MANY; i++) {
        char text[16], back[16] = "";
        snprintf(text, sizeof text, "%d", i);
        write(pairs[i].slave, text, strlen(text));
        read(pairs[i].master, back, sizeof back - 1);
        right += strcmp(text, back) == 0;
    }
    SHOW(right);
}

/* --- both directions ---------------------------------------------------------------------------
 */

CASE(lines)
{
    struct pair pair = make_pair();
    write(pair.master, "first\nsecond\n", 13);
    say_read("slave", pair.slave);
    say_read("slave", pair.slave);
    say_reads("echo", pair.master, 15);
    write(pair.slave, "one\ntwo\n", 8);
    say_reads("master", pair.master, 10);
    write(pair.master, "wrogn\x7f\x7fng\n", 10);
    say_read("slave", pair.slave);
    say_reads("echo", pair.master, 15);
    write(pair.master, "half\x04\x04", 6);
    say_read("slave", pair.slave);
    say_read("slave", pair.slave);
}

CASE(raw)
{
    struct pair pair = make_pair();
    make_raw(pair.slave);
    write(pair.master, "a\r\n\x03\x04\xff", 6);
    say_reads("slave", pair.slave, 6);
    write(pair.slave, "b\n\x01", 3);
    say_reads("master", pair.master, 3);
    struct termios t;
    CALL(tcgetattr(pair.master, &t)); /* they are the slave's */
    say("%o %o %o\n", t.c_iflag, t.c_oflag, t.c_lflag);
    t.c_lflag |= ECHO;
    t.c_cflag &= ~(tcflag_t)(CSIZE | CREAD);
    t.c_cflag |= PARENB;
    CALL(tcsetattr(pair.master, TCSANOW, &t));
    tcgetattr(pair.slave, &t);
    say("%o %o\n", t.c_cflag, t.c_lflag);
    write(pair.master, "x", 1);
    say_read("echo", pair.master);
}

CASE(defaults)
{
    struct pair pair = make_pair();
    struct termios t;
    struct winsize size;
    tcgetattr(pair.slave, &t);
    say("%o %o %o %o\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    CALL(ioctl(pair.slave, TIOCGWINSZ, &size));
    say("%d %d\n", size.ws_row, size.ws_col);
    CALL(lseek(pair.master, 0, SEEK_SET));
    int value = -1;
    CALL(ioctl(pair.slave, TIOCGPTN, &value));
    CALL(ioctl(pair.slave, TIOCSPTLCK, &value));
    CALL(ioctl(pair.slave, TIOCGPTPEER, O_RDWR));
    CALL(ioctl(pair.slave, TIOCPKT, &value));
    CALL(ioctl(pair.master, TIOCGPTN, (void *)8));
    CALL(ioctl(pair.master, TIOCPKT, (void *)8));
    CALL(ioctl(pair.master, TIOCNOTTY));
    CALL(ioctl(pair.master, 0x5499, &value));
    CALL(tcgetpgrp(pair.slave));
    CALL(tcgetpgrp(pair.master));
    CALL(tcgetsid(pair.master));
    CALL(tcdrain(pair.slave));
    CALL(ioctl(pair.master, SEND, 65));
}

CASE(nonblocking)
{
    struct pair pair = make_pair();
    char byte;
    fcntl(pair.master, F_SETFL, O_NONBLOCK);
    fcntl(pair.slave, F_SETFL, O_NONBLOCK);
    CALL(read(pair.master, &byte, 1));
    CALL(read(pair.slave, &byte, 1));
    SHOW(events_of(pair.master));
    SHOW(events_of(pair.slave));
    write(pair.slave, "x", 1);
    SHOW(input_of(pair.master, 1000));
    int value = 0;
    CALL(ioctl(pair.master, FIONREAD, &value));
    SHOW(value);
    make_raw(pair.slave);
    char block[4096] = "";
    long sent = 0, got;
    while ((got = write(pair.slave, block, sizeof block)) > 0) {
        sent += got;
    }
    SHOW(got);
    TRUTH(sent >= 4096 && !(events_of(pair.slave) & POLLOUT));
    sent++;
    while (sent > 0 && poll(&(struct pollfd){pair.master, POLLIN, 0}, 1, 2000) == 1 &&
           (got = read(pair.master, block, sizeof block)) > 0) {
        sent -= got;
    }
    SHOW(sent);
    SHOW(events_of(pair.slave));
}

CASE(before_the_slave_opens)
{
    struct pair pair = make_master(O_NONBLOCK);
    char byte;
    CALL(read(pair.master, &byte, 1));
    CALL(write(pair.master, "early\n", 6));
    SHOW(input_of(pair.master, 1000));
    say_reads("echo", pair.master, 7);
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    say_read("slave", pair.slave);
}

CASE(much)
{
    struct pair pair = make_pair();
    make_raw(pair.slave);
    pid_t writer, reader;
    enum { MUCH = 200000 };
    CHILD(writer)
    {
        for (int i = 0, got; i < MUCH; i += got) {
            char bytes[1000];
            for (int k = 0; k < 1000; k++) {
                bytes[k] = (char)((i + k) % 251);
            }
            got = (int)write(pair.slave, bytes, MUCH - i < 1000 ? MUCH - i : 1000);
        }
    }
    CHILD(reader)
    {
        long sum = 0;
        for (int i = 0; i < MUCH;) {
            unsigned char bytes[777];
            ssize_t got = read(pair.slave, bytes, sizeof bytes);
            for (ssize_t k = 0; k < got; k++) {
                sum += bytes[k] * ((i + k) % 7 + 1);
            }
            i += (int)(got > 0 ? got : 0);
        }
        say("down: %ld\n", sum);
    }
    int right = 0, given = 0, taken = 0;
    fcntl(pair.master, F_SETFL, O_NONBLOCK);
    while (given < MUCH || taken < MUCH) {
        unsigned char bytes[3000];
        struct pollfd p = {pair.master, (short)(POLLIN | (given < MUCH ? POLLOUT : 0)), 0};
        poll(&p, 1, 1000);
        ssize_t got = read(pair.master, bytes, sizeof bytes);
        for (ssize_t k = 0; k < got; k++) {
            right += bytes[k] == (taken + k) % 251;
        }
        taken += (int)(got > 0 ? got : 0);
        for (int k = 0; k < 500; k++) {
            bytes[k] = (unsigned char)((given + k) % 251);
        }
        got = given < MUCH ? write(pair.master, bytes, MUCH - given < 500 ? MUCH - given : 500) : 0;
        given += (int)(got > 0 ? got : 0);
    }
    say_end("reader", reader);
    say_end("writer", writer);
    SHOW(right);
}

/* --- closing -----------------------------------------------------------------------------------
 */

CASE(slave_closes)
{
    struct pair pair = make_pair();
    char byte;
    int other = dup(pair.slave);
    write(pair.slave, "last words", 10);
    close(pair.slave);
    input_of(pair.master, 1000);
    SHOW(events_of(pair.master));
    close(other);
    SHOW(events_of(pair.master));
    say_read("master", pair.master);
    CALL(read(pair.master, &byte, 1));
    SHOW(events_of(pair.master));
    CALL(write(pair.master, "kept\n", 5));
    sleep_ms(50);
    say_reads("echo", pair.master, 6);
    CALL(read(pair.master, &byte, 1));
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    SHOW(events_of(pair.master));
    say_read("slave", pair.slave);
    write(pair.slave, "again", 5);
    say_read("master", pair.master);
}

CASE(master_closes)
{
    struct pair pair = make_pair();
    char again[64], byte;
    struct termios t;
    write(pair.master, "unread\n", 7);
    sleep_ms(50);
    close(pair.master);
    SHOW(events_of(pair.slave));
    CALL(read(pair.slave, &byte, 1));
    CALL(write(pair.slave, "x", 1));
    CALL(tcgetattr(pair.slave, &t));
    CALL(open(pair.name, O_RDWR | O_NOCTTY));
    snprintf(again, sizeof again, "/proc/self/fd/%d", pair.slave);
    CALL(open(again, O_RDWR | O_NOCTTY));
}

CASE(sleepers_wake)
{
    struct pair pair = make_pair();
    pid_t pid;
    char byte;
    CHILD(pid)
    {
        close(pair.master);
        CALL(read(pair.slave, &byte, 1));
    }
    sleep_ms(50);
    close(pair.master);
    say_end("reader", pid);
    close(pair.slave);

    pair = make_pair();
    CHILD(pid)
    {
        close(pair.slave);
        CALL(read(pair.master, &byte, 1));
    }
    sleep_ms(50);
    close(pair.slave);
    say_end("reader of the master", pid);

    pair = make_pair();
    int set = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.fd = 1}};
    epoll_ctl(set, EPOLL_CTL_ADD, pair.master, &event);
    SHOW(epoll_wait(set, &event, 1, 0));
    CHILD(pid)
    {
        sleep_ms(50);
        write(pair.slave, "x", 1);
    }
    SHOW(epoll_wait(set, &event, 1, 10000));
    SHOW(event.events);
    say_end("writer", pid);
}

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
        CALL(tcsetpgrp(slave, getppid()));
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
    return RUN(ENTRY(names), ENTRY(directory), ENTRY(locked), ENTRY(peer), ENTRY(many),
               ENTRY(lines), ENTRY(raw), ENTRY(defaults), ENTRY(nonblocking),
               ENTRY(before_the_slave_opens), ENTRY(much), ENTRY(slave_closes),
               ENTRY(master_closes), ENTRY(sleepers_wake), ENTRY(controlling), ENTRY(two_sessions),
               ENTRY(hangup), ENTRY(window), ENTRY(keys), ENTRY(jobs), ENTRY(fork_pty),
               ENTRY(packets), ENTRY(flow));
}
