/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_CTL_H
#define FABRIC_CTL_H

/**
 * ctl_main - `brick-fabric ctl SOCKET [ORDER...]`: the client of a fabric's
 * control socket (control.h).
 * @argv: "ctl" and what follows it.
 *
 * Return: the exit status: 0 if the fabric did as told, 1 if it refused, 2 if
 *         it could not be asked.
 */
int ctl_main(int argc, char **argv);

#endif /* FABRIC_CTL_H */
