/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Terminal settings as Linux programs see them (termios(3), ioctl_tty(2); the numbers are those of
 * asm-generic/termbits.h and asm-generic/ioctls.h, for x86_64, arm64 and riscv64 alike).
 */
#include "lib/types.h"

/* Indices of c_cc. */
enum {
    VINTR,
    VQUIT,
    VERASE,
    VKILL,
    VEOF,
    VTIME,
    VMIN,
    VSWTC,
    VSTART,
    VSTOP,
    VSUSP,
    VEOL,
    VREPRINT,
    VDISCARD,
    VWERASE,
    VLNEXT,
    VEOL2,
    TERMIOS_NCC = 19,
};

/* c_iflag */
enum {
    IGNBRK = 0000001,
    BRKINT = 0000002,
    IGNPAR = 0000004,
    PARMRK = 0000010,
    INPCK = 0000020,
    ISTRIP = 0000040,
    INLCR = 0000100,
    IGNCR = 0000200,
    ICRNL = 0000400,
    IUCLC = 0001000,
    IXON = 0002000,
    IXANY = 0004000,
    IXOFF = 0010000,
    IMAXBEL = 0020000,
    IUTF8 = 0040000,
};

/* c_oflag */
enum {
    OPOST = 0000001,
    OLCUC = 0000002,
    ONLCR = 0000004,
    OCRNL = 0000010,
    ONOCR = 0000020,
    ONLRET = 0000040,
    TABDLY = 0014000,
    XTABS = 0014000,
};

/* c_cflag */
enum {
    CBAUD = 0010017,
    B0 = 0000000,
    B9600 = 0000015,
    B38400 = 0000017,
    BOTHER = 0010000,
    B115200 = 0010002,
    CSIZE = 0000060,
    CS8 = 0000060,
    CSTOPB = 0000100,
    CREAD = 0000200,
    PARENB = 0000400,
    PARODD = 0001000,
    HUPCL = 0002000,
    CLOCAL = 0004000,
};

/* c_lflag */
enum {
    ISIG = 0000001,
    ICANON = 0000002,
    XCASE = 0000004,
    ECHO = 0000010,
    ECHOE = 0000020,
    ECHOK = 0000040,
    ECHONL = 0000100,
    NOFLSH = 0000200,
    TOSTOP = 0000400,
    ECHOCTL = 0001000,
    ECHOPRT = 0002000,
    ECHOKE = 0004000,
    FLUSHO = 0010000,
    PENDIN = 0040000,
    IEXTEN = 0100000,
    EXTPROC = 0200000,
};

/* TCGETS, TCSETS: the first 36 bytes; TCGETS2, TCSETS2: all. */
struct termios {
    uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
    uint8_t c_line;
    uint8_t c_cc[TERMIOS_NCC];
    uint32_t c_ispeed, c_ospeed;
};
#define TERMIOS_SIZE_OLD 36u
static_assert(sizeof(struct termios) == 44, "struct termios2 of the ABI");
static_assert(offsetof(struct termios, c_ispeed) == TERMIOS_SIZE_OLD, "struct termios of the ABI");

/* TCGETA, TCSETA: System V's. */
struct termio {
    uint16_t c_iflag, c_oflag, c_cflag, c_lflag;
    uint8_t c_line;
    uint8_t c_cc[8];
};

struct winsize {
    uint16_t ws_row, ws_col, ws_xpixel, ws_ypixel;
};

enum {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSETAW,
    TCSETAF,
    TCSBRK,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSCTTY,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCSTI,
    TIOCGWINSZ,
    TIOCSWINSZ,
    FIONREAD = 0x541b,
    TIOCPKT = 0x5420,
    FIONBIO = 0x5421,
    TIOCNOTTY = 0x5422,
    TIOCSETD = 0x5423,
    TIOCGETD = 0x5424,
    TCSBRKP = 0x5425,
    TIOCSBRK = 0x5427,
    TIOCCBRK = 0x5428,
    TIOCGSID = 0x5429,
    TIOCVHANGUP = 0x5437,
    TIOCGPTPEER = 0x5441,
};
#define TCGETS2    0x802c542au
#define TCSETS2    0x402c542bu
#define TCSETSW2   0x402c542cu
#define TCSETSF2   0x402c542du
#define TIOCGPTN   0x80045430u
#define TIOCSPTLCK 0x40045431u
#define TIOCSIG    0x40045436u
#define TIOCGPKT   0x80045438u
#define TIOCGPTLCK 0x80045439u
#define TIOCGEXCL  0x80045440u

/* What the first byte of a read in packet mode says (ioctl_tty(2)). */
enum {
    TIOCPKT_DATA = 0,
    TIOCPKT_FLUSHREAD = 1,
    TIOCPKT_FLUSHWRITE = 2,
    TIOCPKT_STOP = 4,
    TIOCPKT_START = 8,
    TIOCPKT_NOSTOP = 16,
    TIOCPKT_DOSTOP = 32,
    TIOCPKT_IOCTL = 64,
};

/* Arguments of TCFLSH and TCXONC. */
enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
enum { TCOOFF, TCOON, TCIOFF, TCION };
