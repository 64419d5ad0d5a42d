# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that models the cards and the switch."""
import os
import socket
import time

from .config import TOP, BrickError
from .process import Process


class Fabric(Process):
    """A brick-fabric whose cards are these sockets."""

    def __init__(self, sockets, folder, program='', options=()):
        super().__init__('fabric', folder)
        self.sockets = list(sockets)
        self.program = program or os.path.join(TOP, 'build/tools/brick-fabric')
        self.options = list(options)

    def start(self):
        """Returns when QEMUs can attach."""
        self.launch([self.program, '--log', self.path('log'), *self.options,
                     *self.sockets], 'out')
        deadline = time.monotonic() + 20
        while not all(map(os.path.exists, self.sockets)):
            if not self.is_running():
                raise BrickError('the fabric ended at once: see '
                                 + self.path('log'))
            if time.monotonic() > deadline:
                raise BrickError('the fabric made no sockets: see '
                                 + self.path('log'))
            time.sleep(0.02)

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
