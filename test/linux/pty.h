/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the programs about pseudo terminals share: pairs, and saying what comes out of them. */
#include "test/linux/check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#define GET_PEER   0x5441      /* TIOCGPTPEER */
#define GET_LOCK   0x80045439u /* TIOCGPTLCK, TIOCGPKT, TIOCSIG: not in every header */
#define GET_PACKET 0x80045438u
#define SEND       0x40045436u

struct pair {
    int master, slave;
    char name[64];
};

/* A new pair; the slave is not opened yet. */
static UNUSED struct pair make_master(int flags)
{
    struct pair pair = {posix_openpt(O_RDWR | O_NOCTTY | flags), -1, ""};
    if (grantpt(pair.master) != 0 || unlockpt(pair.master) != 0 ||
        ptsname_r(pair.master, pair.name, sizeof pair.name) != 0) {
        say("no terminal: %s\n", error_name(errno));
        _exit(1);
    }
    return pair;
}

static UNUSED struct pair make_pair(void)
{
    struct pair pair = make_master(0);
    pair.slave = open(pair.name, O_RDWR | O_NOCTTY);
    return pair;
}

static UNUSED void make_raw(int fd)
{
    struct termios t;
    tcgetattr(fd, &t);
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

static UNUSED void set_flags(int fd, unsigned iflag_off, unsigned lflag_off)
{
    struct termios t;
    tcgetattr(fd, &t);
    t.c_iflag &= ~iflag_off;
    t.c_lflag &= ~lflag_off;
    tcsetattr(fd, TCSANOW, &t);
}

/* One read. */
static UNUSED void say_read(const char *who, int fd)
{
    char bytes[256];
    say_bytes(who, bytes, read(fd, bytes, sizeof bytes));
}

/* Exactly so many bytes, in as many reads as it takes. */
static UNUSED void say_reads(const char *who, int fd, size_t size)
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

static UNUSED short events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/* What there is to read, waiting for it. */
static UNUSED short input_of(int fd, int timeout)
{
    struct pollfd p = {fd, POLLIN | POLLPRI, 0};
    poll(&p, 1, timeout);
    return p.revents;
}
