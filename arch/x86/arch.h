/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_ARCH_H
#define ARCH_X86_ARCH_H
/* Between the files of arch/x86. */
#include <arch/x86/cpu.h>
#include <arch/x86/user.h>
#include <lib/types.h>

/* Linker script. */
extern char __image_start[], __text_start[], __text_end[], __rodata_start[],
	__data_start[], __image_end[], __percpu_start[], __percpu_end[],
	__percpu_boot[];
extern char boot_stack[], boot_stack_end[];

/* Vectors. */
#define VECTOR_DEBUG         1
#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_GENERAL       13
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18
#define NR_EXCEPTIONS        32
#define VECTOR_DEVICE_FIRST  0x30 /* 0x20..0x2f: where a PIC might shout */
#define VECTOR_DEVICE_LAST   0xef
#define VECTOR_RESCHED       0xf0
#define VECTOR_CALL          0xf1
#define VECTOR_TIMER         0xf2
#define VECTOR_SPURIOUS      0xff

/* boot_info.c */
void boot_info_parse(u32 magic, u32 info_paddr);
const char *boot_cmdline(void);
paddr_t boot_rsdp(void); /* 0: look for it */

/* features.c */
void features_detect(void); /* once, on the boot CPU */
void features_enable(void); /* each CPU: CR4, MSRs */
void cpuinfo_record(u32 cpu, u32 apic_id);

/* percpu.c */
void percpu_init_boot(void);
int percpu_alloc(u32 cpu);

/* descriptors.c */
struct cpu_descriptors;
size_t descriptors_bytes(void);
void descriptors_init_cpu(struct cpu_descriptors *d, u32 cpu);
void descriptors_load_early(void); /* boot CPU */
void tss_set_kernel_stack(u64 top);

/* entry.S */
extern char entry_stubs[], syscall_entry[];
void entry_patch_smap(void);

/* trap.c */
void trap_dispatch(struct user_regs *regs, u64 vector, u64 error);
void irq_dispatch(struct user_regs *regs, u64 vector);

/* apic.c */
void apic_init(void);     /* boot CPU: find the mode */
void apic_init_cpu(void); /* each CPU: enable */
u32 apic_id(void);
void apic_eoi(void);
void apic_send_ipi(u32 apic_id, u8 vector);
void apic_send_nmi(u32 apic_id);
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u8 page);
void apic_timer_calibrate(void);
void ioapic_init(void);
int ioapic_route(u32 gsi, u8 vector, u32 dest);

/* irq.c */
void irq_device(u64 vector);

/* smp.c */
u32 cpu_apic_id(u32 cpu);
void smp_init_boot_cpu(void);
bool smp_is_stopping(void);

/* tsc.c */
void tsc_start(void); /* first thing: time begins */
void tsc_init(void);

/* fpu.c */
void fpu_init(void);
void fpu_init_cpu(void);
void user_state_save(struct thread *t); /* at a switch */
void user_state_load(const struct thread *t);

#endif
