/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ping.h"
#include "rmpp.h"
#include <lib/string.h>

#define CLASS_VERSION 1

bool ping_answer(const struct mad *in, const char name[IB_DESCRIPTION_BYTES],
		 struct mad *out)
{
	if (HW_GET(in, MAD_CLASS) != MAD_CLASS_OPENIB_PING ||
	    HW_GET(in, MAD_CLASS_VERSION) != CLASS_VERSION ||
	    HW_GET(in, MAD_METHOD) != MAD_GET ||
	    HW_GET(in, VENDOR_OUI) != OPENIB_OUI || HW_GET(in, RMPP_ACTIVE))
		return false;
	*out = *in;
	HW_SET(out, MAD_GET | MAD_RESPONSE, MAD_METHOD);
	HW_SET(out, 0, MAD_STATUS);
	memset(out->raw + VENDOR_DATA, 0, MAD_BYTES - VENDOR_DATA);
	memcpy(out->raw + VENDOR_DATA, name, IB_DESCRIPTION_BYTES);
	return true;
}
