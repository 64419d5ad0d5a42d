# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel image: $(O)/brick.elf (PVH and multiboot2).

KERNEL_DIRS := lib arch/x86 mm kernel drivers net managers init
# *_hosttest.c are host-only; *_test.c are in both; *_ktest.c kernel-only.
KSRCS := $(shell find $(KERNEL_DIRS) -name '*.[cS]' ! -name '*_hosttest.c' \
		! -name '*.lds.S' 2>/dev/null | sort)
KOBJS := $(patsubst %,$(O)/%.o,$(basename $(KSRCS)))

KWARN := -Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes \
	 -Wstrict-prototypes -Wold-style-definition -Wundef -Wvla \
	 -Wno-sign-compare -Wno-missing-field-initializers
KCFLAGS := -std=gnu11 -ffreestanding -fno-builtin-printf -nostdinc \
	   -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	   -O2 -g -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
	   -mno-mmx -mno-sse -mno-sse2 -mno-80387 -msoft-float \
	   -fno-strict-aliasing -fno-common -fno-stack-protector \
	   -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	   -fno-delete-null-pointer-checks -fwrapv -fcf-protection=none \
	   -Iinclude -I$(O)/include -I. -include include/lib/config.h \
	   -DBRICK_KERNEL $(KWARN)
ifeq ($(CC),clang)
KLDFLAGS_CC := -Wno-unused-command-line-argument
KCFLAGS += -Wno-gnu-variable-sized-type-not-at-end \
	   -Wno-address-of-packed-member
endif
KLDFLAGS := $(KLDFLAGS_CC) -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 \
	    -Wl,-z,noexecstack -Wl,--build-id=none -Wl,--no-warn-rwx-segments

.PHONY: kernel
kernel: $(O)/brick.elf ## Build the kernel image

$(O)/%.o: %.c $(AUTOCONF)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CCACHE) $(CC) $(KCFLAGS) -MMD -MP -c -o $@ $<

$(O)/%.o: %.S $(AUTOCONF)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

KLDS := $(O)/arch/x86/kernel.lds
$(KLDS): arch/x86/kernel.lds.S $(AUTOCONF)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp \
		-MMD -MP -MT $@ -MF $(@).d -o $@ $<

# Linked twice: the second time with the symbol table that the oops prints.
$(O)/brick.elf: $(KOBJS) $(KLDS) scripts/mksyms
	$(call say,LD,$@)
	$(Q)scripts/mksyms --empty > $(O)/syms0.S
	$(Q)$(CC) -c -o $(O)/syms0.o $(O)/syms0.S
	$(Q)$(CC) $(KLDFLAGS) -T $(KLDS) -o $(O)/brick.pass1 $(KOBJS) \
		$(O)/syms0.o
	$(Q)nm -n $(O)/brick.pass1 | scripts/mksyms > $(O)/syms.S
	$(Q)$(CC) -c -o $(O)/syms.o $(O)/syms.S
	$(Q)$(CC) $(KLDFLAGS) -T $(KLDS) -o $@ $(KOBJS) $(O)/syms.o

-include $(patsubst %.o,%.d,$(KOBJS)) $(KLDS).d
