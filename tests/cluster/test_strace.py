# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of system calls: what they say, that nothing is lost unsaid, and how
they are switched on and off."""
import re

import pytest

from conftest import Brick, short_folder

LINE = re.compile(r'^(?:brick> )?\[ *(\d+\.\d+)\] call +(\d+) (.*)')

# Traces itself and its first child only.
PROGRAM = r'''
import os, signal, time
me = os.getpid()
def trace(what):
    with open('/proc/brick/strace', 'w') as f:
        f.write(what)
def state():
    with open('/proc/brick/strace') as f:
        return f.read().split()
trace('on %d' % me)
print(state() == ['off', 'on', str(me)])
try:
    os.open('/nonexistent/x', os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
except OSError:
    pass
r, w = os.pipe()
os.write(w, b'brick: exit status 5\n\0"')
os.read(r, 100)
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(me, signal.SIGUSR1)
pid = os.fork()
if not pid:
    for i in range(50):
        os.getpgid(0)
    os.kill(os.getpid(), 9)
os.waitpid(pid, 0)
time.sleep(0.3)
trace('off %d' % me)
os.getsid(0)
print(state() == ['off'])
if not os.fork():
    os._exit(0)
os.wait()
try:
    trace('sometimes')
except OSError as e:
    print(e.errno)
'''


def joined(calls):
    """[(thread, text)] as texts: a call that was announced, with its end."""
    begun, whole = {}, []
    for tid, text in calls:
        end = re.match(r'<\.\.\. \w+ resumed>(.*)', text)
        if text.endswith(' <unfinished ...>'):
            begun[tid] = text.removesuffix(' <unfinished ...>')
        else:
            whole.append(begun.pop(tid, '') + end[1] if end else text)
    return whole


@pytest.fixture(scope='module')
def run():
    result = Brick(short_folder()).python(PROGRAM)
    assert result.status == 0, result.explain()
    lines = [m for m in map(LINE.match, result.log().splitlines()) if m]
    result.lines = [m[3] for m in lines]
    result.calls = joined([(m[2], m[3]) for m in lines])
    return result


def only(run, pattern, lines=None):
    found = [c for c in lines or run.calls if re.search(pattern, c)]
    assert len(found) == 1, (pattern, found, run.explain())
    return found[0]


def test_a_program_switches_its_own_trace(run):
    assert run.out == b'True\nTrue\n22\n', run.explain()
    assert only(run, r'^openat.*/nonexistent/x')
    assert not [c for c in run.calls if c.startswith('getsid')]


def test_arguments_and_results_are_decoded(run):
    only(run, r'^openat\(AT_FDCWD, "/nonexistent/x", '
         r'O_RDWR\|O_CREAT\|O_APPEND\|O_CLOEXEC, 0640\) = -1 ENOENT <0\.\d+>$')
    only(run, r'^pipe2\(\[3, 4\], O_CLOEXEC\) = 0 ')
    only(run, r'^write\(4, "brick: exit status 5\\n\\0\\"", 23\) = 23 ')
    only(run, r'^read\(3, "brick: exit status 5\\n\\0\\"", 100\) = 23 ')


def test_children_are_followed_and_their_end_is_told(run):
    assert run.calls.count('+++ killed by SIGKILL +++') == 1, run.explain()
    assert len([c for c in run.calls if c.startswith('getpgid(0)')]) == 50
    only(run, r'^wait4.*WIFSIGNALED\(s\) && WTERMSIG\(s\) == SIGKILL')
    assert not [c for c in run.calls if 'exited with' in c]  # the second child


def test_a_signal_that_is_taken_is_told(run):
    only(run, r'^--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, '
         r'si_pid=2, si_uid=0} ---$')


def test_a_call_that_waits_is_announced(run):
    begin = only(run, r'^clock_nanosleep.* <unfinished \.\.\.>$', run.lines)
    end = only(run, r'^<\.\.\. clock_nanosleep resumed>\) = 0 <\d+\.\d+>$',
               run.lines)
    assert run.lines.index(begin) < run.lines.index(end), run.explain()
    assert float(end.split('<')[-1][:-1]) > 0.2


def test_the_summary_counts_what_the_lines_show(run):
    rows = {m[3]: (int(m[1]), int(m[2] or 0)) for m in (
        re.match(r' *\d+\.\d\d +\d+\.\d+ +\d+ +(\d+) +(?:(\d+) )?(\w+)$', c)
        for c in run.calls) if m}
    assert rows['getpgid'] == (50, 0), run.explain()
    assert rows['total'][0] == sum(
        n for call, (n, _) in rows.items() if call != 'total')
    of_child = run.calls[:run.calls.index('+++ killed by SIGKILL +++')]
    assert rows['set_robust_list'][0] == len(
        [c for c in of_child if c.startswith('set_robust_list')])


@pytest.fixture(scope='module')
def to_file():
    """A trace to a file, of more calls than the rings hold and the port takes
    in that time."""
    folder = short_folder()
    result = Brick(folder).run(
        '/bin/sh', '-c', 'echo hello >&2; dd if=/dev/zero of=/dev/null bs=1 '
        'count=15000 2>&-; exit 3', **{'strace-out': f'{folder}/trace'})
    with open(f'{folder}/trace', encoding='utf-8') as f:
        result.lines = f.read().splitlines()
    result.calls = joined([x.split(maxsplit=2)[1:] for x in result.lines])
    return result


def test_a_trace_stands_apart_from_what_the_program_writes(to_file):
    assert (to_file.status, to_file.err) == (3, b'hello\n'), to_file.explain()
    only(to_file, r'^write\([12], "hello\\n", 6\) = 6 <\d+\.\d{6}>$')
    only(to_file, r'^\+\+\+ exited with 3 \+\+\+$')
    assert all(re.match(r'\d+\.\d{6} +\d+ ', x) for x in to_file.lines)


def test_lines_that_are_lost_are_said(to_file):
    p = to_file.counters()['p0']
    said = [int(m[1]) for m in
            (re.search(r' (\d+) lines left out', x) for x in to_file.lines)
            if m]
    assert p['nr_strace_lost'] > 0, to_file.explain()
    assert sum(said) == p['nr_strace_lost'], to_file.explain()
    assert len(to_file.lines) - len(said) == p['nr_strace_lines']


def test_no_summary_is_lost(to_file):
    reads = [x for x in to_file.lines if re.search(r' 1500\d +read$', x)]
    totals = [x for x in to_file.lines if x.endswith(' total')]
    assert len(reads) == 1 and len(totals) == 2, to_file.explain()
