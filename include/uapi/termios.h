/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UAPI_TERMIOS_H
#define UAPI_TERMIOS_H

/* termios(3) and the terminal's ioctls: x86-64 ABI. */
#include <lib/types.h>

#define TCGETS     0x5401u
#define TCSETS     0x5402u
#define TCSETSW    0x5403u
#define TCSETSF    0x5404u
#define TCSBRK     0x5409u
#define TCXONC     0x540au
#define TCFLSH     0x540bu
#define TIOCSCTTY  0x540eu
#define TIOCGPGRP  0x540fu
#define TIOCSPGRP  0x5410u
#define TIOCOUTQ   0x5411u
#define TIOCGWINSZ 0x5413u
#define TIOCSWINSZ 0x5414u
#define FIONREAD   0x541bu
#define FIONBIO    0x5421u
#define TIOCNOTTY  0x5422u
#define TIOCGSID   0x5429u
#define FIONCLEX   0x5450u
#define FIOCLEX    0x5451u

#define NCCS 19

struct uapi_termios {
	u32 c_iflag;
	u32 c_oflag;
	u32 c_cflag;
	u32 c_lflag;
	u8 c_line;
	u8 c_cc[NCCS];
};
_Static_assert(sizeof(struct uapi_termios) == 36, "struct termios");

struct uapi_winsize {
	u16 ws_row;
	u16 ws_col;
	u16 ws_xpixel;
	u16 ws_ypixel;
};

/* c_cc */
#define VINTR    0
#define VQUIT    1
#define VERASE   2
#define VKILL    3
#define VEOF     4
#define VTIME    5
#define VMIN     6
#define VSTART   8
#define VSTOP    9
#define VSUSP    10
#define VEOL     11
#define VREPRINT 12
#define VDISCARD 13
#define VWERASE  14
#define VLNEXT   15
#define VEOL2    16

/* c_iflag */
#define ISTRIP 0000040u
#define INLCR  0000100u
#define IGNCR  0000200u
#define ICRNL  0000400u
#define IXON   0002000u
#define IXANY  0004000u
#define IXOFF  0010000u
#define IUTF8  0040000u

/* c_oflag */
#define OPOST 0000001u
#define ONLCR 0000004u
#define OCRNL 0000010u
#define ONOCR 0000020u

/* c_cflag */
#define B38400 0000017u
#define CS8    0000060u
#define CREAD  0000200u
#define HUPCL  0002000u

/* c_lflag */
#define ISIG    0000001u
#define ICANON  0000002u
#define ECHO    0000010u
#define ECHOE   0000020u
#define ECHOK   0000040u
#define ECHONL  0000100u
#define NOFLSH  0000200u
#define TOSTOP  0000400u
#define ECHOCTL 0001000u
#define ECHOKE  0004000u
#define IEXTEN  0100000u

#endif /* UAPI_TERMIOS_H */
