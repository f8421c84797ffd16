/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of tests of the screen: shows a picture of text, colours and lines on its terminal, tells
 * on the serial line what that terminal is, and waits for a line to be typed. Any other argument
 * than "wait" ends it then, which is a panic.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

static const char picture[] =
    "\033[2J\033[H"
    "plain \033[1mbold\033[m \033[7mreverse\033[m \033[31mred\033[m \033[1;33;44myellow\033[m\r\n"
    "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90 \xc3\xa4\xc3\x9f\xc3\xa9 \033(0lqk\033(B "
    "\xe2\x96\x84\xe2\x96\x80\r\n"
    "\033[5;10Hhere\033[7;1Hgone\033[1K\033[3;4r\033[4;1Htop\nnext\033[r\033[8;1H";

int main(int argc, char **argv)
{
    char text[64];
    struct winsize size = {0};
    mount("none", "/dev", "devtmpfs", 0, "");
    int serial = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);
    ioctl(1, TIOCGWINSZ, &size);
    dprintf(1, "%s", picture);
    dprintf(serial, "\nsize %d %d\n", size.ws_row, size.ws_col);
    ssize_t count = read(0, text, sizeof text - 1);
    text[count > 0 ? count : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    dprintf(serial, "typed <%s>\n", text);
    while (argc > 1 && strcmp(argv[1], "wait") == 0) {
        pause();
    }
    return 3;
}
