/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the loader's hand to a running node.
 *
 * kernel_start() runs on the boot stack, which becomes CPU 0's idle thread;
 * everything that may sleep is in init_main(), a thread.
 */
#define pr_fmt(fmt) "init: " fmt
#include <kernel/init.h>

#include <arch/x86/cpu.h>
#include <arch/x86/kernel_map.h>
#include <arch/x86/setup.h>
#include <drivers/acpi.h>
#include <drivers/pci.h>
#include <drivers/serial.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <lib/string.h>
#include <mm/phys.h>

/* boot.S calls this; in no header. */
_Noreturn void kernel_start(u32 magic, u32 info_paddr);

extern const initcall_t __start_initcalls[], __stop_initcalls[];

/* Parts of the system that an image may lack. */
__weak int pci_start(void);
__weak int ib_start(void);
__weak int verbs_service_start(void);
__weak int net_start(void);
__weak int processor_start(void);
__weak int processor_run(void);
__weak int memory_start(void);
__weak int storage_start(void);

static enum node_role role;

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_PROCESSOR] = "processor",
	[ROLE_MEMORY] = "memory",
	[ROLE_STORAGE] = "storage",
};

static int set_role(const char *value)
{
	for (u32 i = ROLE_PROCESSOR; i < ARRAY_SIZE(role_names); i++) {
		if (!strcmp(value, role_names[i])) {
			role = i;
			return 0;
		}
	}
	return -1;
}
BOOT_OPTION(role, "processor|memory|storage: what this node does", set_role);
BOOT_OPTION(cluster, "NAME: the cluster this node belongs to", NULL);
BOOT_OPTION(node_name, "NAME: what the fabric's tools show (the role)", NULL);
BOOT_OPTION(poweroff, "switch off after selftest, program end or panic", NULL);

enum node_role node_role(void)
{
	return role;
}

const char *node_role_name(void)
{
	return role_names[role];
}

const char *node_name(void)
{
	static char name[32];

	if (!name[0] &&
	    (!cmdline_get("node_name", name, sizeof(name)) || !name[0]))
		(void)strscpy(name, role_names[role], sizeof(name));
	return name;
}

const char *node_cluster(void)
{
	static char name[64];

	if (!name[0] &&
	    (!cmdline_get("cluster", name, sizeof(name)) || !name[0]))
		(void)strscpy(name, "brick", sizeof(name));
	return name;
}

static void start(const char *what, int (*fn)(void))
{
	int rc;

	if (!fn)
		return;
	rc = fn();
	if (rc)
		pr_err("%s failed to start: error %d", what, -rc);
}

static void start_role(void)
{
	switch (role) {
	case ROLE_PROCESSOR:
		start("processor manager", processor_start);
		break;
	case ROLE_MEMORY:
		start("memory manager", memory_start);
		break;
	case ROLE_STORAGE:
		start("storage manager", storage_start);
		break;
	case ROLE_NONE:
		pr_info("no role= on the command line: only the monitor runs");
	}
}

static void init_main(void *arg)
{
	smp_start_cpus();
	serial_init();
	monitor_start();
	for (const initcall_t *fn = __start_initcalls; fn < __stop_initcalls;
	     fn++)
		start("an initcall", *fn);
	start("PCI", pci_start);
	if (role != ROLE_NONE) {
		start("InfiniBand", ib_start);
		start("verbs service", verbs_service_start);
		start("network", net_start);
	}
	start_role();
	if (cmdline_has("selftest")) {
		(void)selftest_run();
		if (cmdline_has("poweroff"))
			machine_poweroff();
	}
	if (role == ROLE_PROCESSOR)
		start("program", processor_run);
}

void kernel_start(u32 magic, u32 info_paddr)
{
	arch_init_early();
	serial_init_early();
	arch_read_boot_info(magic, info_paddr);
	cmdline_init(arch_boot_cmdline());
	pr_info("Brick starts: %s", cmdline_whole());
	kernel_map_init();
	page_init();
	slab_init();
	cmdline_apply();
	acpi_init(arch_boot_rsdp());
	sched_init();
	arch_init_interrupts();
	time_init();
	random_init();
	irq_enable();
	work_init_workers();
	CHECK(thread_spawn("init", init_main, NULL));
	sched_idle_loop();
}
