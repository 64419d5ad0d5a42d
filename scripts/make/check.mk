# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks.
.PHONY: check print-kcflags
check: $(AUTOCONF) ## Check format, layers, sizes, contracts; sparse, cppcheck
	$(Q)scripts/check

print-kcflags: $(AUTOCONF)
	@echo '$(KCFLAGS)'
