# SPDX-License-Identifier: GPL-2.0-or-later
#
# Brick's build.  `make help` lists the targets.  Everything that is made
# lies in $(O) (default: build/).  Sources are found, not listed: a .c or .S
# file in a kernel folder is part of the kernel.

O        ?= build
CC       := gcc
HOSTCC   ?= gcc
V        ?= 0
CCACHE   := $(shell command -v ccache 2>/dev/null)
ifeq ($(LLVM),1)
CC       := clang
endif
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

include scripts/make/config.mk
include scripts/make/kernel.mk
include scripts/make/host.mk
include scripts/make/check.mk
include scripts/make/run.mk

.PHONY: all help clean distclean setup
all: kernel tools ## Build the kernel and the host tools (default)

setup: ## Install what building, running and testing need (idempotent)
	$(Q)scripts/setup

clean: ## Remove what was built; keep the configuration
	$(Q)rm -rf $(O)/* $(O)-debug $(O)-llvm

distclean: clean ## Remove the configuration too
	$(Q)rm -rf $(O)

help: ## Show this list
	@echo 'usage: make [TARGET] [O=DIR] [DEBUG=1] [LLVM=1] [V=1]'
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | \
	    sort | expand -t 18
