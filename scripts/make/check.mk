# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks.
.PHONY: check
check: ## Check format, layers, sizes, contracts; cppcheck and sparse
	$(Q)scripts/check-layers.py
