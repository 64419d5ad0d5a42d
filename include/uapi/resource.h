/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UAPI_RESOURCE_H
#define UAPI_RESOURCE_H
/* Resource limits of the Linux x86-64 ABI that more than one node knows. */
#define RLIMIT_DATA  2
#define RLIMIT_STACK 3
#define RLIMIT_AS    9
#endif /* UAPI_RESOURCE_H */
