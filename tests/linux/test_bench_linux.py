# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench-linux runs the same program on three sides and compares them."""
import os
import re
import subprocess

import pytest

from conftest import TOP

SIDES = ('linux-local', 'linux-swap', 'brick')


@pytest.mark.long
def test_word_count_runs_on_all_sides_and_needs_swap_on_one():
    out = subprocess.run(
        [os.path.join(TOP, 'scripts/bench-linux'), '--rounds', '1', '--runs',
         '1', '--size', '8M', '--share', '50', 'wordcount'], check=True,
        capture_output=True, text=True, timeout=3000).stdout
    for name in (*SIDES, 'brick/linux-local', 'linux-swap/linux-local',
                 'brick/linux-swap'):
        m = re.search(rf'^wordcount\.50\.{name}: ([\d.]+) ', out, re.M)
        assert m and float(m[1]) > 0, (name, out)
    swapped = re.findall(r"'pswpout': '(\d+)'", out)
    assert len(swapped) == 2, out
    assert int(swapped[0]) == 0 < int(swapped[1]), out
