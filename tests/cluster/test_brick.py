# SPDX-License-Identifier: GPL-2.0-or-later
"""The brick command as a user meets it: a cluster that stays, a terminal, and
that nothing is left running, however it ends.

Limits of time here are only against hanging forever; nothing is judged by
how long it takes.
"""
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios
import time

import pytest

from conftest import TOP, short_folder

BRICK = os.path.join(TOP, 'scripts/brick')
PYTHON = '/usr/bin/python3'
FOREVER_S = 300
PIDS = ('fabric.pid', 'p0.pid', 'm0.pid', 's0.pid')


def until(condition, what):
    """The first true value of @condition()."""
    deadline = time.monotonic() + FOREVER_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'never: {what}'
        time.sleep(0.1)


def lives(pid):
    """Is it a process, and not only one whose parent has not looked yet?"""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii',
                  errors='replace') as f:
            return f.read().rpartition(')')[2].split()[0] not in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_in(folder, names=PIDS):
    """{name: pid}, or None while a file is not written."""
    try:
        found = {}
        for name in names:
            with open(os.path.join(folder, name), encoding='ascii') as f:
                found[name] = int(f.read())
        return found
    except (FileNotFoundError, ValueError):
        return None


def nothing_lives(pids):
    until(lambda: not any(map(lives, pids.values())),
          f'the end of {[n for n, p in pids.items() if lives(p)]}')


def read(folder, name):
    try:
        with open(os.path.join(folder, name), 'rb') as f:
            return f.read().decode('utf-8', 'replace')
    except FileNotFoundError:
        return ''


# -- a cluster that stays ---------------------------------------------------

class Standing:
    """brick with one state folder and one cluster name."""

    def __init__(self):
        self.state = os.path.join(short_folder(), 'state')
        self.folder = os.path.join(self.state, 'stay')
        self.env = {**os.environ, 'BRICK_STATE': self.state}

    def brick(self, command, *args, check=True, **how):
        name = [] if command == 'ps' else ['--name', 'stay']
        done = subprocess.run([BRICK, command, *name, *args], text=True,
                              capture_output=True, check=False, env=self.env,
                              timeout=FOREVER_S, **how)
        if check:
            assert done.returncode == 0, done
            return done.stdout
        return done

    def popen(self, command, *args, **how):
        return subprocess.Popen([BRICK, command, '--name', 'stay', *args],
                                env=self.env, **how)

    def until_log(self, node, pattern, count=1):
        until(lambda: len(re.findall(pattern, read(self.folder,
                                                   f'{node}.log'))) >= count,
              f'{pattern} in the log of {node}: '
              + read(self.folder, f'{node}.log')[-1500:])

    def pids(self):
        return pids_in(self.folder, (*PIDS, 'supervisor.pid'))


@pytest.fixture(scope='module')
def standing():
    s = Standing()
    s.brick('up')
    for node in ('p0', 'm0', 's0'):
        s.until_log(node, ' joined ', 2)
    yield s
    s.brick('down', check=False)


def test_state_is_private(standing):
    mode = os.stat(standing.state).st_mode
    assert stat.S_IMODE(mode) == 0o700


def test_a_state_folder_that_others_may_write_is_refused(standing, tmp_path):
    tmp_path.chmod(0o777)
    done = subprocess.run([BRICK, 'ps'], capture_output=True, check=False,
                          env={**os.environ, 'BRICK_STATE': str(tmp_path)})
    assert done.returncode == 125
    assert b'not a folder that is ours alone' in done.stderr


def test_ps_lists_the_nodes(standing):
    rows = [line.split() for line in standing.brick('ps').splitlines()]
    pids = standing.pids()
    assert [r[:3] + r[5:] for r in rows[1:]] == [
        ['stay', name, role, str(pids[f'{name}.pid']), 'up']
        for name, role in (('p0', 'processor'), ('m0', 'memory'),
                           ('s0', 'storage'))]


def test_a_second_up_is_refused(standing):
    before = standing.pids()
    done = standing.brick('up', check=False)
    assert done.returncode == 125
    assert "cluster 'stay' is up already" in done.stderr
    assert standing.pids() == before and all(map(lives, before.values()))


def test_log_shows_one_node_or_all(standing):
    assert 'memory node' in standing.brick('log', 'p0')
    lines = standing.brick('log').splitlines()
    assert {line.split(':')[0] for line in lines} == {'p0', 'm0', 's0'}
    done = standing.brick('log', 'x9', check=False)
    assert done.returncode == 125
    assert "no node 'x9' in this cluster; there are p0, m0, s0" in done.stderr


def test_counters_in_three_forms(standing):
    head, *rows = standing.brick('counters').splitlines()
    assert head.split() == ['counter', 'p0', 'm0', 's0']
    joined = [r.split() for r in rows if r.startswith('nr_peer_joined ')]
    assert joined == [['nr_peer_joined', '2', '2', '2']]
    values = json.loads(standing.brick('counters', '--json'))
    assert [values[n]['nr_peer_joined'] for n in ('p0', 'm0', 's0')] \
        == [2, 2, 2]
    text = standing.brick('counters', '--prometheus')
    assert 'brick_nr_peer_joined{node="m0"} 2\n' in text
    assert re.fullmatch(r'(# TYPE brick_\w+ untyped\n'
                        r'(brick_\w+\{node="[pms]0"\} -?\d+\n)+)+', text)


def test_a_command_piped_into_the_monitor_is_answered(standing):
    out = standing.brick('console', '--monitor', 'm0', input='mem\npeers\n')
    assert 'processor node' in out and 'storage node' in out


def test_a_program_run_from_the_monitor_has_the_console(standing):
    console = standing.popen('console', stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        code = 'print(6*7,input())'
        standing.brick('console', '--monitor',
                       input=f'run {PYTHON} -c {code}\n')
        standing.until_log('p0', r'brick: run /usr/bin/python3')
        # The prompt is usable meanwhile, and the terminal is not shared.
        out = standing.brick('console', '--monitor',
                             input='ps\nrun /usr/bin/true\n')
        assert 'a program has the terminal' in out
        console.stdin.write('a line\n')
        console.stdin.flush()
        standing.until_log('p0', r'brick: exit status 0')
        console.stdin.write('\x1d')
        console.stdin.close()
        assert '42 a line' in console.stdout.read()
        assert console.wait(FOREVER_S) == 0
    finally:
        console.kill()
        console.wait()


def test_a_node_is_switched_off_and_on(standing):
    pids = standing.pids()
    standing.brick('stop', 's0')
    assert not lives(pids['s0.pid'])
    assert re.search(r' s0 .* - +down', standing.brick('ps'))
    done = standing.brick('stop', 's0', check=False)
    assert done.returncode == 125 and 's0 does not run' in done.stderr
    standing.brick('start', 's0')
    assert re.search(r' s0 .* up', standing.brick('ps'))
    standing.until_log('p0', 'storage node .* joined', 2)
    done = standing.brick('start', 's0', check=False)
    assert done.returncode == 125 and 's0 runs already' in done.stderr


def test_down_ends_all_and_up_works_again(standing):
    pids = standing.pids()
    standing.brick('down')
    assert not any(map(lives, pids.values()))
    assert standing.brick('ps').count('\n') == 1
    done = standing.brick('down', check=False)
    assert done.returncode == 125
    assert "no cluster 'stay' is up" in done.stderr
    standing.brick('up')
    assert standing.brick('ps').count(' up') == 3


def test_all_die_with_a_killed_supervisor(standing):
    pids = standing.pids() or (standing.brick('up') and standing.pids())
    os.kill(pids['supervisor.pid'], signal.SIGKILL)
    nothing_lives(pids)
    assert standing.brick('ps').count(' down') == 3
    standing.brick('down')
    assert standing.brick('ps').count('\n') == 1
    standing.brick('up')
    again = standing.pids()
    standing.brick('down')
    assert not any(map(lives, again.values()))


# -- brick run on a terminal ------------------------------------------------

class OnTerminal:
    """brick run with a pseudo-terminal as its standard streams."""

    def __init__(self, code, rows=33, columns=101):
        self.folder = short_folder()
        self.seen = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (rows, columns))
            os.execv(BRICK, [BRICK, 'run', '--dir', self.folder, '--timeout',
                             str(FOREVER_S), '--', PYTHON, '-c', code])

    def expect(self, text):
        """Read on until @text was printed; what came before it."""
        until(lambda: text in self.seen or not self.more(),
              f'{text!r} in {self.seen[-2000:]}')
        assert text in self.seen, (self.seen, self.folder)
        before, _, self.seen = self.seen.partition(text)
        return before

    def more(self):
        if not select.select([self.fd], [], [], 0.5)[0]:
            return True
        try:
            data = os.read(self.fd, 4096)
        except OSError:   # the other side is closed
            return False
        self.seen += data
        return bool(data)

    def send(self, data):
        os.write(self.fd, data)

    def status(self):
        while self.more():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_terminal_echo_size_and_interrupt():
    t = OnTerminal('import os, time\n'
                   'print("size", *os.get_terminal_size())\n'
                   'print("got", input("name? "))\n'
                   'while True: time.sleep(1)')
    t.expect(b'size 101 33\r\n')
    t.expect(b'name? ')
    pids = pids_in(t.folder)
    t.send(b'brick\r')
    assert t.expect(b'got brick\r\n') == b'brick\r\n'
    t.send(b'\x03')
    t.expect(b'^C')
    t.expect(b'KeyboardInterrupt\r\n')
    assert t.status() == 128 + signal.SIGINT
    nothing_lives(pids)


def test_two_interrupts_stop_a_program_that_ignores_them():
    t = OnTerminal('import signal, time\n'
                   'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
                   'print("ready", flush=True)\n'
                   'while True: time.sleep(1)')
    t.expect(b'ready\r\n')
    pids = pids_in(t.folder)
    t.send(b'\x03\x03')
    assert t.status() == 128 + signal.SIGINT
    nothing_lives(pids)


# -- brick run otherwise ----------------------------------------------------

@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_killed(number):
    folder = short_folder()
    brick = subprocess.Popen([BRICK, 'run', '--dir', folder, '--', PYTHON,
                              '-c', 'import time; time.sleep(1000)'],
                             stdin=subprocess.DEVNULL)
    pids = until(lambda: pids_in(folder), 'all pids')
    brick.send_signal(number)
    assert brick.wait(FOREVER_S) == (-number if number == signal.SIGKILL
                                     else 128 + number)
    nothing_lives(pids)


NODES = '''
cluster = "named"
[[node]]
role = "processor"
name = "left"
pcache = "32M,4way"
memory = "256M"
[[node]]
role = "memory"
name = "ram1"
memory = "256M"
options = "pool=128M"
[[node]]
role = "memory"
name = "ram2"
memory = "256M"
options = "pool=128M"
[[node]]
role = "storage"
name = "disk"
memory = "192M"
'''


def test_nodes_of_a_file_environment_folder_streams_and_status(brick,
                                                               tmp_path):
    (tmp_path / 'nodes.toml').write_text(NODES)
    result = brick.python(
        'import os, signal, sys\n'
        'print(os.getcwd(), os.environ["ONE"], os.environ["TWO"])\n'
        'sys.stdout.flush()\n'
        'print("to stderr", file=sys.stderr)\n'
        'os.kill(os.getpid(), signal.SIGUSR1)',
        nodes=tmp_path / 'nodes.toml', env=['ONE=1 1', 'TWO=zwei=2'],
        cwd='/usr/lib', counters=True)
    assert result.status == 128 + signal.SIGUSR1, result
    assert result.out == b'/usr/lib 1 1 zwei=2\n', result
    lines = result.err.decode().splitlines()
    assert lines[0] == 'to stderr', result
    heads = [line.split() for line in lines if line.startswith('counter ')]
    assert heads == [['counter', 'left', 'ram1', 'ram2', 'disk']]
    assert any(re.match(r'nr_pgfault +[1-9]', line) for line in lines)
    assert set(result.counters()) == {'left', 'ram1', 'ram2', 'disk'}


def test_a_folder_whose_name_is_too_long_is_refused(tmp_path):
    folder = tmp_path / ('long' * 25)
    done = subprocess.run([BRICK, 'run', '--dir', folder, '--', PYTHON],
                          capture_output=True, check=False, text=True,
                          timeout=FOREVER_S)
    assert done.returncode == 125
    assert f'folder name too long: {folder}' in done.stderr
    assert not pids_in(folder, ['fabric.pid'])


def test_a_program_of_ours_finds_the_data_added_with_it(brick, tmp_path):
    build = os.path.join(TOP, 'tests/workloads/mapreduce/build')
    subprocess.run([build, tmp_path], check=True)
    (tmp_path / 'data').mkdir()
    subprocess.run([tmp_path / 'wordcount', 'generate', '64K',
                    tmp_path / 'data/text'], check=True)
    command = ['./wordcount', 'threads', '2', 'data/text']
    native = subprocess.run(command, cwd=tmp_path, check=True,
                            capture_output=True).stdout
    result = brick.run(*command, add=[tmp_path / 'wordcount',
                                      tmp_path / 'data'])
    assert (result.status, result.out) == (0, native), result.explain()
