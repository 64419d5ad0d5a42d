# SPDX-License-Identifier: GPL-2.0-or-later
"""Talking to the monitor prompt on a node's ttyS1."""
import re
import select
import socket
import time

from .config import BrickError

PROMPT = b'brick> '
# Log lines may come between the lines of an answer.
LOG_LINE = re.compile(r'^\[ *\d+\.\d+\] ')


class Monitor:
    """A connection to one node's log port, for one command at a time."""

    def __init__(self, node):
        self.node = node

    def ask(self, command, timeout_s=20):
        """The lines that @command prints; BrickError if none come."""
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.node.path('log') + '.sock')
            except OSError as e:
                raise BrickError(
                    f'node {self.node.name}: no monitor: {e}') from e
            s.setblocking(False)
            self._send_line(s, b'')
            self._until_prompt(s, timeout_s)
            self._drain(s)
            self._send_line(s, command.encode())
            text = self._until_prompt(s, timeout_s)
        lines = text.decode('utf-8', 'replace').replace('\r', '').split('\n')
        lines = [line for line in lines[:-1] if not LOG_LINE.match(line)]
        if lines and lines[0].strip().endswith(command):
            lines = lines[1:]
        return lines

    @staticmethod
    def _send_line(s, line):
        # Slowly enough for a UART's 16 bytes of buffer.
        data = line + b'\n'
        while data:
            select.select([], [s], [], 5)
            sent = s.send(data[:16])
            data = data[sent:]

    @staticmethod
    def _drain(s):
        while select.select([s], [], [], 0.05)[0]:
            if not s.recv(65536):
                return

    def _until_prompt(self, s, timeout_s):
        deadline = time.monotonic() + timeout_s
        got = b''
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BrickError(f'node {self.node.name}: its monitor does '
                                 'not answer; is a console joined to it? '
                                 f'(log: {self.node.path("log")})')
            if select.select([s], [], [], left)[0]:
                data = s.recv(65536)
                if not data:
                    raise BrickError(f'node {self.node.name} is gone')
                got += data
                # A log line may come behind the prompt.
                if PROMPT in got:
                    return got[:got.rindex(PROMPT)]


def counters(node):
    """The counters of one node: {name: value}."""
    result = {}
    for line in Monitor(node).ask('counters -a'):
        m = re.match(r'^\s*(\w+)[:= ]+(-?\d+)\b', line)
        if m:
            result[m[1]] = int(m[2])
    return result


def parse_faults(lines):
    """{kind: {phase: {bucket: count}}}, and under 'slowest' what that was."""
    result = {}
    for line in lines:
        m = re.match(r'slowest (\w+) (\d+) ns at ([0-9a-f]+) pid (\d+)(.*)',
                     line)
        if m:
            phases = {p: int(ns) for p, ns in re.findall(r'(\w+):(\d+)', m[5])}
            result['slowest'] = {'kind': m[1], 'ns': int(m[2]),
                                 'vaddr': int(m[3], 16), 'pid': int(m[4]),
                                 'phases': phases}
            continue
        m = re.match(r'(\w+) (\w+) \d+((?: \d+:\d+)+)$', line)
        if m:
            buckets = result.setdefault(m[1], {}).setdefault(m[2], {})
            for b, count in re.findall(r'(\d+):(\d+)', m[3]):
                buckets[int(b)] = int(count)
    return result


def faults(node):
    """The phases of one node's page faults; see parse_faults()."""
    return parse_faults(Monitor(node).ask('faults'))
