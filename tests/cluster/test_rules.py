# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of Documentation/regressions.md on calls, files, pipes, clocks and
traces: one run of tests/workloads/rules*.c for all of them.
The programs hold this host's kernel to the same rules."""
import re
import subprocess

import pytest

from bricklib.disk import make_image
from bricklib.workload import bare_root
from conftest import Brick, short_folder

TRACED = re.compile(r'\] call  ')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """A tree with the programs."""
    root = bare_root(tmp_path_factory.mktemp('rules') / 'root',
                     {'rules': 'workloads/rules.c',
                      'rules_wait': 'workloads/rules_wait.c'})
    (root / 'usr/lib').mkdir(parents=True)
    return root


@pytest.fixture(scope='module')
def run(root):
    image = root.parent / 'disk'
    make_image(root, image)
    return Brick(short_folder()).run(
        '/rules', '/rules_wait', stdin=b'abc\n', image=image)


@pytest.fixture(scope='module')
def log(run):
    """What P logged while the programs ran, but for traces."""
    lines = run.log().split('brick: run ', 1)[1].splitlines()[1:]
    lines = lines[:[i for i, x in enumerate(lines) if 'exit status' in x][0]]
    return [x for x in lines if not TRACED.search(x)]


def holds(run, rule):
    lines = re.findall(rf'^{rule} .*$', run.out.decode(), re.M)
    assert lines and all(x.endswith(': ok') for x in lines), run.explain()


def test_this_hosts_kernel_keeps_the_rules(root):
    for program in ('rules', 'rules_wait'):
        done = subprocess.run([root / program], input=b'abc\n', timeout=120,
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode()


def test_r03_what_is_piped_in_arrives(run, log):
    holds(run, 'r3')
    assert not re.search(r'\] (warn|err) ', '\n'.join(log)), log


def test_r04_absent_files_cost_a_message_each_and_no_log(run, log):
    holds(run, 'r4')
    first, last = (i for number in (342, 343) for i, x in enumerate(log)
                   if f'no system call {number}' in x)
    assert last - first - 1 <= 1, log[first:last]
    for node in ('m0', 's0'):
        assert 'absent' not in run.log(node), run.log(node)


def test_r05_the_list_of_cpus_costs_no_message(run):
    holds(run, 'r5')


def test_r08_a_traced_word_count_does_the_same(run):
    holds(run, 'r8')
    results = re.findall(r'^words: .*$', run.out.decode(), re.M)
    assert len(results) == 3 and len(set(results)) == 1, run.explain()
    # It was traced: all of its threads, from their start to their end.
    assert run.log().count('+++ exited with 0 +++') == 9, run.explain()
    p = run.counters()['p0']
    assert p['nr_strace_lines'] > 1000 and not p['nr_strace_lost'], p


def test_r13_waiting_for_processes(run):
    holds(run, 'r13')


def test_r27_poll_epoll_and_accept_take_anything(run):
    holds(run, 'r27')


def test_r29_long_and_short_reads(run):
    holds(run, 'r29')


def test_r30_pipes(run):
    holds(run, 'r30')


def test_r31_clocks_never_go_back_and_agree(run):
    holds(run, 'r31')


def test_r32_vectors_to_a_file_and_back(run):
    holds(run, 'r32')


def test_r36_a_missing_call_is_logged_once_for_each_number_and_process(run,
                                                                       log):
    holds(run, 'r36')
    pairs = re.findall(r'rules\[(\d+)\]: no system call (\d+)',
                       '\n'.join(log))
    assert len(pairs) == len(set(pairs)), pairs
    # All beyond the table count as one; the last two mark the log for R4.
    assert sorted(number for _, number in pairs) == [
        '2147483647', '340', '340', '341', '342', '343'], pairs


def test_r37_the_last_page_of_a_file_is_zero_behind_its_end(run):
    holds(run, 'r37')


def test_r39_descriptors_that_are_not_open(run):
    holds(run, 'r39')
