# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the model is: `make bench-fabric` prints it.  Figures are judged by
nobody here, only that there are some; Documentation/fabric.md has them."""
import re
import time

import pytest

from linux.pair import Pair

PORT = 18515
SECONDS = 10
NR_GUESTS = 8


def show(what, value):
    print(f'\n{what}: {value}', flush=True)


def count(pair, name):
    """A counter of all cards together."""
    return sum(port[name] for port in pair.fabric.counters())


def memory_kb(pair, field):
    with open(f'/proc/{pair.fabric.process.pid}/status',
              encoding='ascii') as f:
        return int(re.search(rf'^{field}:\s+(\d+) kB', f.read(), re.M)[1])


@pytest.mark.long
def test_rates_of_doorbells_and_reads(linux):
    for label, command in (
            ('doorbells a second (writes of 2 bytes)',
             f'ib_write_bw -s 2 -D {SECONDS} -q 1 -t 1'),
            ('RDMA reads of 4 KiB a second',
             f'ib_read_bw -s 4096 -D {SECONDS}')):
        before = count(linux, 'doorbells')
        said, _ = linux.serve(command, f'{command} 10.0.0.1', PORT, 300)
        rung = count(linux, 'doorbells') - before
        m = re.search(r'^ \d+ +(\d+) ', said, re.M)
        assert m and int(m[1]) > 0 and rung > 0, said
        show(label, f'{int(m[1]) / SECONDS:.0f} messages, '
             f'{rung / SECONDS:.0f} doorbells')


@pytest.mark.long
def test_rates_of_eight_guests():
    pair = Pair([f'g{i}' for i in range(NR_GUESTS)])
    try:
        begin = time.monotonic()
        pair.fabric.start()
        empty = memory_kb(pair, 'RssAnon')
        for guest in pair.guests:
            guest.start()
        for guest in pair.guests:
            pair.load(guest)
        show(f'seconds until {NR_GUESTS} guests are active',
             f'{time.monotonic() - begin:.0f}')
        own = memory_kb(pair, 'RssAnon') - empty
        guests = memory_kb(pair, 'RssShmem')
        show('memory for each guest', f'{own / NR_GUESTS:.0f} KiB own, '
             f'{guests / NR_GUESTS:.0f} KiB of the guest\'s touched')
        assert own > 0
    finally:
        pair.stop()
