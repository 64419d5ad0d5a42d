/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, and the card's own management agent. */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <ib/smp.h>
#include <lib/errno.h>
#include <lib/string.h>

#define MOST_LANES     8
#define PORT_CAP_CM    (1u << 16)
#define PORT_CAP_IS_SM (1u << 1)

int mlx4_mad_ifc(struct ib_device *ib, u8 port, u16 slid, const struct mad *in,
		 struct mad *out)
{
	return mlx4_fw_mad_ifc(to_mlx4(ib), port, slid, in, out);
}

int mlx4_set_description(struct ib_device *ib)
{
	return mlx4_fw_set_node(to_mlx4(ib), ib->description);
}

/* The port keeps the capabilities it has; we say that we serve CM messages. */
static int set_port(struct mlx4_dev *m, u8 port,
		    const struct mlx4_query_port *can)
{
	struct mlx4_set_port set = {{0}};
	struct mad in, out;
	int err = -EIO;
	u32 vls;

	smp_get(&in, SMP_ATTR_PORT_INFO, port);
	err = mlx4_fw_mad_ifc(m, port, 0, &in, &out);
	if (err)
		return err;
	HW_SET(&set,
	       (smp_port_capability(&out) | PORT_CAP_CM) & ~PORT_CAP_IS_SM,
	       SPORT_CAP_MASK);
	HW_SET(&set, 1, SPORT_CHANGE_VL);
	HW_SET(&set, 1, SPORT_CHANGE_MTU);
	HW_SET(&set, HW_GET(can, QPORT_MTU_CAP), SPORT_MTU_CAP);
	/* The card refuses more lanes than it has with "exceeds limit". */
	for (vls = MOST_LANES; vls; vls /= 2) {
		HW_SET(&set, vls, SPORT_VL_CAP);
		err = mlx4_fw_set_port(m, port, &set);
		if (err != -ENOMEM)
			break;
	}
	return err;
}

int mlx4_port_open(struct ib_device *ib, u8 port)
{
	struct mlx4_dev *m = to_mlx4(ib);
	struct mlx4_query_port can;
	int err = mlx4_fw_query_port(m, port, &can);

	if (err)
		return err;
	if (!HW_GET(&can, QPORT_IB)) {
		pr_warn("port %u is an Ethernet port: not used", port);
		return 0;
	}
	err = set_port(m, port, &can);
	if (err)
		return err;
	return mlx4_cmd(m, MLX4_INIT_PORT, 0, port, 0, NULL);
}
