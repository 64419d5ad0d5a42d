# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cards in one guest, with BlueFlame; then the same by the interrupt pin."""
import re

import pytest

from bricklib.fabric import Fabric
from bricklib.linux import LinuxGuest, make_initramfs, unpacked
from conftest import BUILD, short_folder
from linux.pair import MODULES, pingpong_within

pytestmark = pytest.mark.long


class Twin:
    """One guest, two cards."""

    def __init__(self):
        self.folder = short_folder()
        cards = [f'{self.folder}/card{n}' for n in (1, 2)]
        self.fabric = Fabric(cards, self.folder, f'{BUILD}/tools/brick-fabric',
                             ['--blueflame'])
        root = unpacked()
        initramfs = f'{self.folder}/initramfs'
        make_initramfs(root, initramfs)
        self.guest = LinuxGuest('twin', self.folder, cards, root, initramfs)

    def start(self):
        self.fabric.start()
        self.guest.start()
        self.guest.wait_ready()
        self.guest.must('ip link set lo up')
        self.load()
        return self

    def load(self):
        """As Pair.load(): the links train again when all drivers are there."""
        for module in MODULES:
            self.guest.must(f'modprobe {module}')
        for port in (1, 2):
            self.fabric.order(f'link {port} down')
            self.fabric.order(f'link {port} up')
        for card in (0, 1):
            self.guest.must(
                'for i in $(seq 600); do grep -q ACTIVE '
                f'/sys/class/infiniband/mlx4_{card}/ports/1/state && exit 0; '
                'sleep 0.1; done; exit 1')

    def pingpong(self, options):
        """From one card to the other."""
        pingpong_within(self.guest, f'-d mlx4_0 {options}',
                        f'-d mlx4_1 {options}')

    def stop(self):
        self.guest.kill()
        self.fabric.stop()


@pytest.fixture(scope='module')
def twin():
    made = Twin()
    try:
        yield made.start()
    finally:
        made.stop()


def test_two_cards_in_one_guest_are_two_devices(twin):
    said = twin.guest.must('ibstat')
    guids = re.findall(r'Port GUID: (0x\w+)', said)
    lids = re.findall(r'Base lid: (\d+)', said)
    assert said.count('State: Active') == 2, said
    assert len(set(guids)) == 2 and len(set(lids)) == 2, said
    twin.pingpong('-n 200')


def test_blueflame_brings_requests_and_they_arrive(twin):
    """Requests that are small enough to be copied into the WQE."""
    def count():
        return twin.fabric.counters()[0]['blueflame_doorbells']
    before = count()
    twin.pingpong('-n 200 -s 16 -c')
    assert count() - before >= 200


def test_the_interrupt_pin_does_for_msix(twin):
    twin.guest.must('modprobe -r ib_ipoib rdma_ucm ib_umad ib_uverbs mlx4_ib '
                    'mlx4_core 2>/dev/null; ! grep mlx4 /proc/modules')
    twin.guest.must('modprobe mlx4_core msi_x=0')
    twin.load()
    twin.pingpong('-n 200 -e')
    lines = [line for line in
             twin.guest.must('cat /proc/interrupts').splitlines()
             if 'mlx4' in line]
    assert lines and all('IO-APIC' in line for line in lines), lines
    assert all(int(line.split()[1]) >= 100 for line in lines), lines
