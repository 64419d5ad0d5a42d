/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sa.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"

#include <string.h>

void sa_init(struct sa *sa, struct ib_switch *sw)
{
	sa->sw = sw;
	rmpp_init(&sa->rmpp, sw);
}

void sa_close(struct sa *sa)
{
	rmpp_close(&sa->rmpp);
}

void sa_receive(struct sa *sa, const struct packet *packet)
{
	(void)sa;
	(void)packet;
}

void sa_port_gone(struct sa *sa, unsigned int number)
{
	(void)sa;
	(void)number;
}
