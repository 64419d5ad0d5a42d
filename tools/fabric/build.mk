# SPDX-License-Identifier: GPL-2.0-or-later
# brick-fabric: the virtual InfiniBand fabric.
FABRIC_SRC := $(sort $(wildcard tools/fabric/*.c))
FABRIC_OBJ := $(patsubst tools/fabric/%.c,$(O)/tools/fabric/%.o,$(FABRIC_SRC))
FABRIC_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -MMD -MP

TOOLS += $(O)/tools/brick-fabric

$(O)/tools/fabric/%.o: tools/fabric/%.c
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CCACHE) $(HOSTCC) $(FABRIC_CFLAGS) -c -o $@ $<

$(O)/tools/brick-fabric: $(FABRIC_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^

-include $(FABRIC_OBJ:.o=.d)
