# SPDX-License-Identifier: GPL-2.0-or-later
"""`brick run`: boot a cluster, run one program on it, stop the cluster."""
import os
import re
import signal
import sys
import tempfile
import time

from . import counters, runreq
from .cluster import Cluster, state_root
from .config import BrickError
from .terminal import Terminal, stdio_modes

EXIT = re.compile(r'brick: exit status (\d+)')
STARTED = re.compile(r'brick: run ')
# How a node's last words begin, and how they end.
FALL = re.compile(r'^(?:brick> )?\[ *\d+\.\d+\] err +((?:panic|oops):.*)')
SAID = re.compile(r'^\[ *\d+\.\d+\] err +')
FALLEN = 'the node is stopped'
LAST_WORDS_S = 10   # a node may not come to the end of them
# A line of a trace: the program's words stand in it.
TRACED = re.compile(r'^(?:brick> )?\[ *(\d+\.\d+)\] call  (.*)')
STATUS_NO_CLUSTER = 125   # as docker and env: the tool itself failed


class Progress:
    """One line on stderr that says what is waited for; gone at the end."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.shown = False
        self.last = None

    def __call__(self, text):
        if not self.wanted or text == self.last:
            return
        self.last = text
        sys.stderr.write(f'\r\033[Kbrick: {text[:100]}')
        sys.stderr.flush()
        self.shown = True

    def clear(self):
        if self.shown:
            sys.stderr.write('\r\033[K')
            sys.stderr.flush()
            self.shown = False


def new_folder():
    root = os.path.join(state_root(), 'runs')
    os.makedirs(root, exist_ok=True)
    prune(root)
    return tempfile.mkdtemp(prefix=time.strftime('%m%d-%H%M%S-'), dir=root)


def prune(root, keep=20):
    """Old runs' folders go; the newest stay for a look at their logs."""
    folders = sorted(os.scandir(root), key=lambda e: e.stat().st_mtime)
    for entry in folders[:-keep]:
        for f in os.scandir(entry.path):
            os.unlink(f.path)
        os.rmdir(entry.path)


class LogTail:
    """New complete lines of a growing log file."""

    def __init__(self, node):
        self.path = node.path('log')
        self.offset = 0
        self.rest = ''

    def lines(self):
        try:
            with open(self.path, 'rb') as f:
                f.seek(self.offset)
                data = f.read()
        except FileNotFoundError:
            return []
        self.offset += len(data)
        text = self.rest + data.decode('utf-8', 'replace')
        *lines, self.rest = text.replace('\r', '').split('\n')
        return lines


class Fall:
    """A node's oops or panic, as its log tells it."""

    def __init__(self, node):
        self.node = node
        self.log = LogTail(node)
        self.words = None
        self.deadline = None

    def check(self):
        """Raise BrickError when the node has said why it stopped."""
        for line in self.log.lines():
            m = FALL.match(line)
            if m and self.words is None:
                self.words = [m[1].strip()]
                self.deadline = time.monotonic() + LAST_WORDS_S
            elif self.words is not None:
                self.words.append(SAID.sub('', line).strip())
        if self.words is not None and (
                FALLEN in self.words or time.monotonic() > self.deadline):
            raise BrickError(f'{self.node.name}: {self.what()}; log: '
                             + self.node.path('log'))

    def what(self):
        """Its first words; a bare "panic:" has its reason a line below."""
        bare = self.words[0].endswith(':')
        return ' '.join(self.words[:2 if bare else 1])


def waiting_for(cluster):
    """What the nodes' logs last said, for the progress line."""
    for n in cluster.nodes:
        for line in reversed(n.log_text().splitlines()[-5:]):
            if 'wait' in line:
                return f'{n.name}: ' + line.split('] ', 1)[-1]
    return 'the nodes boot'


class Run:
    """One program on one cluster."""

    def __init__(self, config, argv, env, cwd, folder, options):
        self.options = options
        self.progress = Progress(sys.stderr.isatty() or options.verbose)
        self.cluster = Cluster(config, folder, self.progress)
        self.folder = folder
        self.argv, self.env, self.cwd = argv, env, cwd
        p = self.cluster.of_role('processor')
        if not p:
            raise BrickError('the cluster has no processor node')
        self.p = p[0]
        self.log = LogTail(self.p)
        self.falls = [Fall(node) for node in self.cluster.nodes]
        self.trace = None   # where lines of --strace go
        self.started = False
        self.status = None

    def request_file(self, modes):
        size = os.terminal_size((80, 24))
        if modes[0] == 't':
            size = os.get_terminal_size(0)
        data = runreq.encode(self.argv, self.env, self.cwd,
                             {'stdio': modes, 'rows': size.lines,
                              'cols': size.columns})
        path = os.path.join(self.folder, 'run.request')
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def run(self):
        """The program's exit status, as a shell would say it."""
        modes = stdio_modes()
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGHUP, self._on_term)
        try:
            if self.options.verbose:
                print(f'brick: files of this run: {self.folder}',
                      file=sys.stderr)
            self._open_trace()
            self.cluster.start(fw_cfg=self.request_file(modes),
                               icount=self.options.icount)
            with Terminal(self.p, modes) as terminal:
                self._carry(terminal)
            if self.status is not None:
                self._report_counters()
        finally:
            self.progress.clear()
            self.cluster.stop()
        if self.status is None:
            return 128 + signal.SIGINT
        return self.status

    def _report_counters(self):
        self._report(self.options.counters, self.options.counters_file,
                     counters.collect, counters.as_table)
        self._report(self.options.faults, self.options.faults_file,
                     counters.collect_faults, counters.faults_as_table)
        if self.options.fabric_counters:
            with open(self.options.fabric_counters, 'w',
                      encoding='utf-8') as f:
                f.write(self.cluster.fabric.order('counters --json'))

    def _report(self, wants_table, path, collect, as_table):
        if not wants_table and not path:
            return
        values = collect(self.cluster)
        if wants_table:
            print(as_table(values), file=sys.stderr)
        if path:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(counters.as_json(values))

    def _open_trace(self):
        if self.options.strace_out:
            self.trace = open(self.options.strace_out, 'w', encoding='utf-8')
        elif self.options.strace or self.options.strace_summary:
            self.trace = sys.stderr

    def _print_trace(self, time_s, text):
        # Our terminal may be raw: it wants both.
        end = '\r\n' if self.trace is sys.stderr and \
            self.trace.isatty() else '\n'
        self.trace.write(f'{time_s} {text}{end}')
        self.trace.flush()

    def _on_term(self, number, _):
        raise SystemExit(128 + number)

    def _carry(self, terminal):
        deadline = None
        if self.options.timeout:
            deadline = time.monotonic() + self.options.timeout
        while self.status is None and not terminal.stopped:
            is_open = terminal.step(0.1)
            self._read_log()
            if not self.started:
                self.progress(waiting_for(self.cluster))
            elif not terminal.framed:
                terminal.is_ready = True
            if self.status is None:
                for fall in self.falls:
                    fall.check()
                self.cluster.check_alive()
                if not is_open:
                    time.sleep(0.1)
            if deadline and time.monotonic() > deadline:
                raise BrickError(
                    f'no end after {self.options.timeout} s; logs in '
                    f'{self.folder}')
        terminal.drain()

    def _read_log(self):
        for line in self.log.lines():
            m = TRACED.match(line)
            if m:
                if self.trace:
                    self._print_trace(m[1], m[2])
                continue
            if STARTED.search(line):
                self.started = True
                self.progress.clear()
            m = EXIT.search(line)
            if m:
                self.status = int(m[1])
