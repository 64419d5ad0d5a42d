# SPDX-License-Identifier: GPL-2.0-or-later
# Host programs: tools, unit tests under sanitizers, fuzz targets.
#
# tests/unit/NAME.list names the sources of one unit-test program, one a
# line; tests/unit/main.c (the runner) is added.  tests/fuzz/NAME.list does
# the same for a libFuzzer target.  A line "-l..." or "-D..." is a flag; a
# line "folder/" stands for the sources of that program without its main.c.

HOST_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=all
HOSTCFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter \
	      -Wno-sign-compare -Wno-missing-field-initializers \
	      -fno-omit-frame-pointer -DBRICK_HOST -Iinclude -Itests/unit \
	      -I$(O)/include -I. -include include/lib/config.h -pthread
UNIT_LISTS := $(sort $(wildcard tests/unit/*.list))
UNIT_NAMES := $(patsubst tests/unit/%.list,%,$(UNIT_LISTS))
FUZZ_NAMES := $(patsubst tests/fuzz/%.list,%,$(sort $(wildcard tests/fuzz/*.list)))

expand   = $(foreach s,$(1),$(if $(filter %/,$(s)),$(filter-out \
	   %/main.c,$(sort $(wildcard $(s)*.c))),$(s)))
unit_src = $(call expand,$(shell sed -e 's/\#.*//' tests/unit/$(1).list | grep -v '^-'))
unit_flg = $(shell sed -e 's/\#.*//' tests/unit/$(1).list | grep '^-')
fuzz_src = $(call expand,$(shell sed -e 's/\#.*//' tests/fuzz/$(1).list | grep -v '^-'))
fuzz_flg = $(shell sed -e 's/\#.*//' tests/fuzz/$(1).list | grep '^-')

define unit_rule
$(O)/unit/$(1)-$(2): $(call unit_src,$(1)) tests/unit/main.c tests/unit/$(1).list $(AUTOCONF)
	$$(call say,UNIT,$$@)
	$$(Q)mkdir -p $(O)/unit
	$$(Q)$(CCACHE) $(2) $(HOSTCFLAGS) $(HOST_SAN) -o $$@ \
		$(call unit_src,$(1)) tests/unit/main.c $(call unit_flg,$(1))
UNIT_BINS += $(O)/unit/$(1)-$(2)
endef
$(foreach n,$(UNIT_NAMES),$(foreach c,gcc clang,$(eval $(call unit_rule,$(n),$(c)))))

define fuzz_rule
$(O)/fuzz/$(1): $(call fuzz_src,$(1)) tests/fuzz/$(1).list $(AUTOCONF)
	$$(call say,FUZZ,$$@)
	$$(Q)mkdir -p $(O)/fuzz
	$$(Q)clang $(HOSTCFLAGS) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $$@ $(call fuzz_src,$(1)) $(call fuzz_flg,$(1))
FUZZ_BINS += $(O)/fuzz/$(1)
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call fuzz_rule,$(n))))

.PHONY: tools unit unit-build fuzz-build fuzz
-include tools/fabric/build.mk
tools: $(TOOLS)

unit-build: $(UNIT_BINS)
unit: unit-build tools ## Run the host unit tests (gcc and clang, sanitizers)
	$(Q)for t in $(UNIT_BINS); do echo "== $$t"; timeout 300 $$t || exit 1; done

fuzz-build: $(FUZZ_BINS)
fuzz: fuzz-build ## Fuzz every parser for an hour each (FUZZ_SECONDS=N)
	$(Q)FUZZ_SECONDS=$(or $(FUZZ_SECONDS),3600) scripts/run-fuzz $(O) $(FUZZ_NAMES)
