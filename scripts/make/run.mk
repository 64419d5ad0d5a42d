# SPDX-License-Identifier: GPL-2.0-or-later
# Running and testing on the emulated cluster.

ROOTFS := $(O)/rootfs/usr/bin/python3
IMAGE  := $(O)/rootfs.ext4

.PHONY: image run bench bench-linux stress test test-linux test-matrix \
	test-debug selftest ready bench-fabric
ready:
	$(Q)scripts/setup --check 2>/dev/null || scripts/setup

$(ROOTFS): scripts/make-rootfs
	$(Q)scripts/make-rootfs $(O)/rootfs
	$(Q)touch $@

$(IMAGE): $(ROOTFS) scripts/make-image tests/demo/hello.py
	$(Q)install -D -m 644 tests/demo/hello.py $(O)/rootfs/usr/share/brick/hello.py
	$(Q)scripts/make-image $(O)/rootfs $@

image: $(IMAGE) ## Make the disk: ext4 with Debian's python3

run: ready ## Boot P, M and S and run Python across them
	$(Q)$(MAKE) kernel tools image
	$(Q)scripts/brick run -v --counters -- \
		/usr/bin/python3 /usr/share/brick/hello.py

bench: ready ## What system calls, faults and evictions cost, in instructions
	$(Q)$(MAKE) kernel tools $(ROOTFS)
	$(Q)$(MAKE) O=$(O)-debug DEBUG=1 kernel
	$(Q)scripts/bench

bench-linux: ready ## Word count and k-means on Brick and on Debian's kernel (ARGS)
	$(Q)$(MAKE) kernel tools $(ROOTFS)
	$(Q)scripts/bench-linux $(ARGS)

test: ready ## Run every test (see also: make unit, make check)
	$(Q)$(MAKE) kernel tools image unit-build fuzz-build
	$(Q)$(MAKE) O=$(O)-debug DEBUG=1 kernel
	$(Q)$(MAKE) O=$(O)-llvm LLVM=1 kernel
	$(Q)/usr/bin/python3 -m pytest -q tests

# The nodes boot what BRICK_KERNEL names; figures of the release build and what
# runs on the host need no second look.
test-debug: ready ## Run every cluster test on the debug kernel (ARGS: for pytest)
	$(Q)$(MAKE) kernel tools image
	$(Q)$(MAKE) O=$(O)-debug DEBUG=1 kernel
	$(Q)$(MAKE) O=$(O)-llvm LLVM=1 kernel
	$(Q)BRICK_KERNEL=$(abspath $(O)-debug/brick.elf) /usr/bin/python3 -m pytest \
		-q --ignore=tests/cluster/test_bench.py $(ARGS) tests/cluster

test-matrix: ready ## All map-reduce programs, versions, threads and sizes of pcache
	$(Q)$(MAKE) kernel tools $(ROOTFS)
	$(Q)BRICK_MATRIX=full /usr/bin/python3 -m pytest -q $(ARGS) \
		tests/cluster/test_matrix.py

test-linux: ready ## Debian's kernel and RDMA programs on the fabric, all tests
	$(Q)$(MAKE) kernel tools image
	$(Q)BRICK_TESTS=all /usr/bin/python3 -m pytest -q $(ARGS) tests/linux

bench-fabric: ready ## Doorbells, reads, guests and memory of the fabric
	$(Q)$(MAKE) tools
	$(Q)BRICK_TESTS=all /usr/bin/python3 -m pytest -q -s \
		tests/linux/test_rates.py

stress: ready ## Half an hour of what `make test` does for a minute
	$(Q)$(MAKE) kernel tools
	$(Q)$(MAKE) O=$(O)-debug DEBUG=1 kernel
	$(Q)BRICK_STRESS_SECONDS=600 BRICK_RPC_CALLS=1000000 BRICK_RESTARTS=20 \
		/usr/bin/python3 -m pytest -q -k '16_sets or r6_ or restarts' \
		tests/cluster/test_memory.py tests/cluster/test_net.py \
		tests/cluster/test_membership.py
