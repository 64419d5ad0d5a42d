/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UAPI_SOCKET_H
#define UAPI_SOCKET_H

/* socket(2), unix(7), cmsg(3): x86-64 ABI. */
#include <lib/types.h>

#define AF_UNSPEC 0
#define AF_UNIX   1

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_SEQPACKET 5
#define SOCK_TYPE_MASK 0xf
#define SOCK_NONBLOCK  04000u
#define SOCK_CLOEXEC   02000000u

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define MSG_PEEK         0x2u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_WAITALL      0x100u
#define MSG_NOSIGNAL     0x4000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SOL_SOCKET     1
#define SO_DEBUG       1
#define SO_REUSEADDR   2
#define SO_TYPE        3
#define SO_ERROR       4
#define SO_BROADCAST   6
#define SO_SNDBUF      7
#define SO_RCVBUF      8
#define SO_KEEPALIVE   9
#define SO_LINGER      13
#define SO_PASSCRED    16
#define SO_PEERCRED    17
#define SO_RCVTIMEO    20
#define SO_SNDTIMEO    21
#define SO_ACCEPTCONN  30
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33
#define SO_PROTOCOL    38
#define SO_DOMAIN      39

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2

#define UNIX_PATH_MAX 108u

struct uapi_sockaddr_un {
	u16 family;
	char path[UNIX_PATH_MAX];
};

struct uapi_ucred {
	u32 pid;
	u32 uid;
	u32 gid;
};

struct uapi_msghdr {
	u64 name;
	u32 name_len;
	u32 pad0;
	u64 iov;
	u64 iov_len;
	u64 control;
	u64 control_len;
	u32 flags;
	u32 pad1;
};
_Static_assert(sizeof(struct uapi_msghdr) == 56, "struct msghdr");

struct uapi_mmsghdr {
	struct uapi_msghdr hdr;
	u32 len;
	u32 pad;
};

struct uapi_cmsghdr {
	u64 len; /* with this header */
	s32 level;
	s32 type;
};
#define CMSG_ALIGN(n) (((n) + 7ul) & ~7ul)

#endif /* UAPI_SOCKET_H */
