/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc: the machine as a whole, that is: the cluster. */
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/cpuinfo.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/proc/rusage.h>

#define CPU_FLAGS_BYTES 2048u

static void show_one_cpu(struct seq *seq, u32 cpu, const char *flags)
{
	const struct cpuinfo *c = cpuinfo_get(cpu);

	seq_printf(seq,
		   "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\n"
		   "model\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
		   cpu, c->vendor, c->family, c->model, c->model_name,
		   c->stepping);
	seq_printf(seq,
		   "cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: %u\n"
		   "core id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\n"
		   "fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\n",
		   c->tsc_khz / 1000, c->tsc_khz % 1000, nr_cpus_online, cpu,
		   nr_cpus_online, c->apic_id);
	seq_printf(seq,
		   "flags\t\t: %s\nbogomips\t: %lu.%02lu\nclflush size\t: %u\n"
		   "cache_alignment\t: %u\n"
		   "address sizes\t: %u bits physical, %u bits virtual\n\n",
		   flags, c->tsc_khz / 500, c->tsc_khz / 5 % 100,
		   c->cache_line_bytes, c->cache_line_bytes, c->phys_bits,
		   c->virt_bits);
}

int proc_show_cpuinfo(struct vnode *vn, struct seq *seq)
{
	char flags[CPU_FLAGS_BYTES];

	cpuinfo_flags(flags, sizeof(flags));
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		show_one_cpu(seq, cpu, flags);
	return 0;
}

static void show_kb(struct seq *seq, const char *name, u64 bytes)
{
	seq_printf(seq, "%-16s%8lu kB\n", name, bytes / 1024);
}

int proc_show_meminfo(struct vnode *vn, struct seq *seq)
{
	u64 total, avail;

	memory_totals(&total, &avail);
	show_kb(seq, "MemTotal:", total);
	show_kb(seq, "MemFree:", avail);
	show_kb(seq, "MemAvailable:", avail);
	show_kb(seq, "Buffers:", 0);
	show_kb(seq, "Cached:", 0);
	show_kb(seq, "SwapCached:", 0);
	show_kb(seq, "Active:", total - avail);
	show_kb(seq, "Inactive:", 0);
	show_kb(seq, "SwapTotal:", 0);
	show_kb(seq, "SwapFree:", 0);
	show_kb(seq, "Dirty:", 0);
	show_kb(seq, "Shmem:", 0);
	show_kb(seq, "CommitLimit:", total);
	show_kb(seq, "Hugepagesize:", 2048 * 1024);
	return 0;
}

static void show_cpu_times(struct seq *seq, u64 busy_ns, u64 idle_ns)
{
	seq_printf(seq, " 0 0 %lu %lu 0 0 0 0 0 0\n", busy_ns / NSEC_PER_TICK,
		   idle_ns / NSEC_PER_TICK);
}

int proc_show_machine_stat(struct vnode *vn, struct seq *seq)
{
	u64 now = time_mono_ns(), idle = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		idle += sched_idle_ns(cpu);
	seq_printf(seq, "cpu ");
	show_cpu_times(seq, now * nr_cpus_online - idle, idle);
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		idle = sched_idle_ns(cpu);
		seq_printf(seq, "cpu%u", cpu);
		show_cpu_times(seq, now > idle ? now - idle : 0, idle);
	}
	seq_printf(seq,
		   "intr %lu\nctxt %lu\nbtime %lu\nprocesses %u\n"
		   "procs_running %u\nprocs_blocked 0\n",
		   counter_read(COUNTER_nr_irq), sched_nr_switches(),
		   (time_real_ns() - now) / NSEC_PER_SEC, process_count(),
		   sched_nr_running());
	return 0;
}

int proc_show_uptime(struct vnode *vn, struct seq *seq)
{
	u64 up = time_mono_ns() / NSEC_PER_TICK, idle = 0;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		idle += sched_idle_ns(cpu) / NSEC_PER_TICK;
	seq_printf(seq, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100,
		   idle % 100);
	return 0;
}

/* Averages are not kept: what runs now stands for all three. */
int proc_show_loadavg(struct vnode *vn, struct seq *seq)
{
	u32 nr = sched_nr_running();

	seq_printf(seq, "%u.00 %u.00 %u.00 %u/%u %u\n", nr, nr, nr, nr,
		   task_count(), process_count());
	return 0;
}

int proc_show_version(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "Linux version %s (brick) %s\n", PROCESSOR_RELEASE,
		   PROCESSOR_VERSION);
	return 0;
}

int proc_show_filesystems(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\n"
			"nodev\tdevtmpfs\n\text4\n");
	return 0;
}

int proc_show_boot_cmdline(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "%s\n", cmdline_whole());
	return 0;
}
