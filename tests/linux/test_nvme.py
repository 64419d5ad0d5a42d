# SPDX-License-Identifier: GPL-2.0-or-later
"""NVMe over RDMA between two guests: fast registration, invalidation by key,
big transfers, and a file system that has to survive them."""
import re

import pytest

TARGET = '/sys/kernel/config/nvmet'


def export_disk(guest):
    """A RAM disk of 48 MiB as subsystem `disk` at port 4420."""
    for line in (
            'modprobe brd rd_nr=1 rd_size=49152', 'modprobe nvmet-rdma',
            'mount -t configfs none /sys/kernel/config',
            f'mkdir {TARGET}/subsystems/disk',
            f'echo 1 >{TARGET}/subsystems/disk/attr_allow_any_host',
            f'mkdir {TARGET}/subsystems/disk/namespaces/1',
            f'printf /dev/ram0 >{TARGET}/subsystems/disk/namespaces/1/'
            'device_path',
            f'echo 1 >{TARGET}/subsystems/disk/namespaces/1/enable',
            f'mkdir {TARGET}/ports/1',
            f'cd {TARGET}/ports/1; echo ipv4 >addr_adrfam; '
            'echo rdma >addr_trtype; echo 10.0.0.1 >addr_traddr; '
            'echo 4420 >addr_trsvcid; '
            f'ln -s {TARGET}/subsystems/disk subsystems/disk'):
        guest.must(line)


def withdraw_disk(guest):
    for line in (f'rm {TARGET}/ports/1/subsystems/disk',
                 f'rmdir {TARGET}/ports/1',
                 f'rmdir {TARGET}/subsystems/disk/namespaces/1',
                 f'rmdir {TARGET}/subsystems/disk',
                 'umount /sys/kernel/config', 'rmmod nvmet_rdma nvmet brd'):
        guest.must(line)


@pytest.fixture
def disk(linux):
    """Guest a's disk is /dev/nvme0n1 of guest b."""
    a, b = linux.guests
    export_disk(a)
    try:
        b.must('modprobe nvme-rdma && modprobe crc32c_generic && '
               'modprobe ext4')
        b.must('nvme connect -t rdma -n disk -a 10.0.0.1 -s 4420 -i 1 '
               '--hostnqn=nqn.2014-08.org.nvmexpress:uuid:'
               '11111111-2222-3333-4444-555555555555 '
               '--hostid=11111111-2222-3333-4444-555555555555', 300)
        b.must('for i in $(seq 300); do [ -b /dev/nvme0n1 ] && exit 0; '
               'sleep 0.1; done; exit 1')
        yield '/dev/nvme0n1'
    finally:
        b.must('umount /mnt 2>/dev/null; nvme disconnect -n disk; '
               'rmmod nvme_rdma', 300)
        withdraw_disk(a)


@pytest.mark.long
def test_file_system_over_nvme(linux, disk):
    b = linux.guests[1]
    # Not busybox's mke2fs, which its shell prefers.
    b.must(f'/sbin/mke2fs -q -t ext4 {disk} && mount {disk} /mnt', 300)
    b.must('dd if=/dev/urandom of=/tmp/data bs=64k count=320 && '
           'cp /tmp/data /mnt/data && cp -r /usr/bin /mnt/bin && umount /mnt',
           600)
    b.must(f'echo 3 >/proc/sys/vm/drop_caches; mount {disk} /mnt && '
           'cmp /tmp/data /mnt/data && diff -r /usr/bin /mnt/bin && '
           'umount /mnt && rm /tmp/data', 600)
    b.must(f'/sbin/e2fsck -f -n {disk}', 300)
    for guest in linux.guests:
        said = guest.must('dmesg')
        for bad in ('I/O error', 'EXT4-fs error', 'mlx4_core.*failed',
                    'reconnect'):
            assert not re.search(bad, said), said[-3000:]
