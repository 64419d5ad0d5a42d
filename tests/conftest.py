# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by all tests: where things are, how a cluster is run, the last line.
"""
import dataclasses
import json
import os
import subprocess
import sys
import tempfile

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('O', os.path.join(TOP, 'build'))
# What the nodes boot; `make test-debug` chooses the debug build.
KERNEL = os.environ.get('BRICK_KERNEL', f'{BUILD}/brick.elf')
sys.path.insert(0, os.path.join(TOP, 'scripts'))

# What must be 0 on each node when no program runs.
IN_USE = {
    'p0': ('nr_pcache_lines', 'nr_pcache_rmaps', 'nr_user_frames',
           'nr_user_aspaces', 'nr_processes_alive', 'nr_tasks_alive',
           'nr_open_files', 'nr_page_table_pages'),
    'm0': ('nr_aspaces', 'nr_memory_vmas', 'nr_memory_tables'),
}


@dataclasses.dataclass
class Result:
    """How a program ended, and what the cluster left behind."""
    status: int
    out: bytes
    err: bytes
    folder: str

    def counters(self):
        """{node: {counter: value}} at the program's end."""
        with open(os.path.join(self.folder, 'counters.json'),
                  encoding='utf-8') as f:
            return json.load(f)

    def nothing_in_use(self):
        """The counters, after a look that the program left nothing behind."""
        counters = self.counters()
        left = {(node, gauge): counters[node][gauge]
                for node, gauges in IN_USE.items() for gauge in gauges
                if counters[node][gauge]}
        assert not left, (left, self.explain())
        return counters

    def log(self, node='p0'):
        with open(os.path.join(self.folder, f'{node}.log'), 'rb') as f:
            return f.read().decode('utf-8', 'replace')

    def explain(self):
        tail = '\n'.join(self.log().splitlines()[-25:])
        return (f'status {self.status}; files: {self.folder}\n'
                f'--- stdout\n{self.out[-2000:].decode(errors="replace")}\n'
                f'--- stderr\n{self.err[-2000:].decode(errors="replace")}\n'
                f'--- log of p0\n{tail}')


class Brick:
    """Runs programs on fresh clusters."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def run(self, *argv, stdin=b'', timeout=900, **options):
        """brick run; options become flags (append=[...] may repeat)."""
        self.count += 1
        where = os.path.join(self.folder, str(self.count))
        command = [os.path.join(TOP, 'scripts/brick'), 'run', '--dir', where,
                   '--timeout', str(timeout), '--counters-file',
                   os.path.join(where, 'counters.json')]
        for key, value in options.items():
            for v in value if isinstance(value, list) else [value]:
                flag = '--' + key.replace('_', '-')
                command += [flag] if v is True else [flag, str(v)]
        done = subprocess.run([*command, '--', *argv], input=stdin,
                              capture_output=True, check=False,
                              timeout=timeout + 120)
        return Result(done.returncode, done.stdout, done.stderr, where)

    def python(self, code, **options):
        return self.run('/usr/bin/python3', '-c', code, **options)


def short_folder():
    """A new folder for a cluster's files."""
    # Socket paths must be short, so not below pytest's own long names.
    base = os.environ.get('BRICK_TEST_TMP', '/tmp')
    return tempfile.mkdtemp(prefix='bt-', dir=base)


@pytest.fixture
def brick():
    yield Brick(short_folder())


@pytest.fixture(scope='session')
def build():
    return BUILD


@pytest.fixture(scope='session')
def linux():
    """Two guests with Debian's kernel, shared by the tests that leave them
    as they were."""
    from linux.pair import Pair
    pair = Pair()
    try:
        yield pair.start()
    finally:
        pair.stop()


@pytest.fixture(scope='session')
def managed():
    """Likewise, with OpenSM in a guest as the subnet manager."""
    from linux.pair import Managed
    pair = Managed()
    try:
        yield pair.start()
    finally:
        pair.stop()


def pytest_configure(config):
    config.addinivalue_line(
        'markers', 'long: takes minutes; runs with BRICK_TESTS=all')


def pytest_collection_modifyitems(config, items):
    """Without BRICK_TESTS=all the long tests are left out."""
    if os.environ.get('BRICK_TESTS') == 'all':
        return
    long = [i for i in items if i.get_closest_marker('long')]
    config.hook.pytest_deselected(items=long)
    items[:] = [i for i in items if i not in long]


def pytest_unconfigure(config):
    """The closing line that `.ci/run` ends with; in CI a skip is a failure."""
    reporter = config.pluginmanager.get_plugin('terminalreporter')
    if reporter is None or not hasattr(reporter, 'stats'):
        return
    stats = {k: len(v) for k, v in reporter.stats.items()}
    failed = stats.get('failed', 0) + stats.get('error', 0)
    if os.environ.get('CI'):
        failed += stats.get('skipped', 0)
    print(f'\n{stats.get("passed", 0)} passed, {failed} failed')
    with open(os.path.join(BUILD, 'test-result.json'), 'w',
              encoding='utf-8') as f:
        json.dump(stats, f)
