# SPDX-License-Identifier: GPL-2.0-or-later
# Configuration: Kconfig -> $(O)/.config -> $(O)/include/generated/autoconf.h
# The tools write where they stand, so they run in $(O).

KCONFIG_DEPS := $(wildcard Kconfig */Kconfig)
AUTOCONF     := $(O)/include/generated/autoconf.h
DEFCONFIG    := scripts/configs/$(if $(filter 1,$(DEBUG)),debug,release)_defconfig
kconfig       = cd $(O) && srctree=$(CURDIR) KCONFIG_CONFIG=.config kconfig-$(1)

# A configuration stays as it is: DEBUG=1 would silently build something else.
ifeq ($(DEBUG)-$(filter defconfig menuconfig,$(MAKECMDGOALS)),1-)
ifeq ($(shell grep -cE '^CONFIG_(ASSERT|DEBUG_[A-Z_]*)=y' $(O)/.config 2>&1),0)
$(error $(O)/ has the release configuration: add O=build-debug, or \
	take the other with `make DEBUG=1 defconfig`)
endif
endif

.PHONY: menuconfig defconfig
menuconfig: $(O)/.config ## Change the configuration in a menu
	$(Q)$(call kconfig,mconf) Kconfig

defconfig: | $(O)/include/config ## Take the default configuration (DEBUG=1: the debug one)
	$(Q)$(call kconfig,conf) --defconfig=$(CURDIR)/$(DEFCONFIG) Kconfig >/dev/null

$(O)/include/config:
	$(Q)command -v kconfig-conf >/dev/null || scripts/setup
	$(Q)mkdir -p $@ $(O)/include/generated

$(O)/.config: $(DEFCONFIG) | $(O)/include/config
	$(Q)$(call kconfig,conf) --defconfig=$(CURDIR)/$(DEFCONFIG) Kconfig >/dev/null

# Options that are new since .config was written get their defaults.
$(AUTOCONF): $(O)/.config $(KCONFIG_DEPS) | $(O)/include/config
	$(Q)$(call kconfig,conf) --olddefconfig Kconfig >/dev/null
	$(Q)$(call kconfig,conf) --silentoldconfig Kconfig >/dev/null
	$(Q)touch $@
