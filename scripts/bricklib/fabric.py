# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that models the cards and the switch."""
import os
import socket
import subprocess
import time

from .config import TOP, BrickError
from .node import die_with_parent


class Fabric:
    """A brick-fabric whose cards are these sockets; its files are
    folder/fabric.*"""

    def __init__(self, sockets, folder, program='', options=()):
        self.sockets = list(sockets)
        self.folder = folder
        self.program = program or os.path.join(TOP, 'build/tools/brick-fabric')
        self.options = list(options)
        self.process = None

    def path(self, suffix):
        return os.path.join(self.folder, f'fabric.{suffix}')

    def start(self):
        """Returns when QEMUs can attach."""
        with open(self.path('out'), 'wb') as out:
            self.process = subprocess.Popen(
                [self.program, '--log', self.path('log'), *self.options,
                 *self.sockets],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=die_with_parent())
        with open(self.path('pid'), 'w', encoding='ascii') as f:
            f.write(f'{self.process.pid}\n')
        deadline = time.monotonic() + 20
        while not all(map(os.path.exists, self.sockets)):
            if not self.is_running():
                raise BrickError('the fabric ended at once: see '
                                 + self.path('log'))
            if time.monotonic() > deadline:
                raise BrickError('the fabric made no sockets: see '
                                 + self.path('log'))
            time.sleep(0.02)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def order(self, text):
        """Have one order carried out (needs option --control)."""
        at = self.options.index('--control')
        own = self.path('answer')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(own)
            try:
                s.settimeout(30)
                s.sendto(text.encode(), self.options[at + 1])
                answer = s.recv(65536).decode()
            finally:
                os.unlink(own)
        if answer.strip() != 'ok':
            raise BrickError(f'the fabric: {text}: {answer}')

    def log_text(self):
        with open(self.path('log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def stop(self):
        if not self.is_running():
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
