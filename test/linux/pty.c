/* SPDX-License-Identifier: BSD-2-Clause */
/* Pseudo terminals: their names, both directions, and what closing one side does to the other. */
#include "test/linux/pty.h"

#include <sys/epoll.h>
#include <sys/sysmacros.h>

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
    CALL(ioctl(master, GET_PEER, O_RDWR));
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
    int slave = ioctl(pair.master, GET_PEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    CALL(fcntl(slave, F_GETFD));
    SHOW(fcntl(slave, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    TRUTH(ttyname_r(slave, found, sizeof found) == 0 && strcmp(found, pair.name) == 0);
    write(slave, "peer", 4);
    say_read("master", pair.master);
    slave = ioctl(pair.master, GET_PEER, O_RDONLY | O_NOCTTY);
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
    CALL(ioctl(pair.slave, GET_PEER, O_RDWR));
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
    TRUTH(sent >= 4096);
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

int main(void)
{
    return RUN(ENTRY(names), ENTRY(directory), ENTRY(locked), ENTRY(peer), ENTRY(many),
               ENTRY(lines), ENTRY(raw), ENTRY(defaults), ENTRY(nonblocking),
               ENTRY(before_the_slave_opens), ENTRY(much), ENTRY(slave_closes),
               ENTRY(master_closes), ENTRY(sleepers_wake));
}
