# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that models the cards and the switch."""
import json
import os
import subprocess
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
        self.control = self.path('ctl')   # the socket that takes orders

    def start(self):
        """Returns when QEMUs can attach."""
        self.launch([self.program, '--log', self.path('log'), '--control',
                     self.control, *self.options, *self.sockets], 'out')
        deadline = time.monotonic() + 20
        while not all(map(os.path.exists, [*self.sockets, self.control])):
            if not self.is_running():
                raise BrickError('the fabric ended at once: see '
                                 + self.path('log'))
            if time.monotonic() > deadline:
                raise BrickError('the fabric made no sockets: see '
                                 + self.path('log'))
            time.sleep(0.02)

    def client(self, *order):
        """The command that gives an order: `brick-fabric ctl --help`."""
        return [self.program, 'ctl', self.control, *order]

    def order(self, text):
        """Have one order carried out; its answer."""
        done = subprocess.run(self.client(*text.split()), check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise BrickError(f'the fabric: {text}: {done.stderr.strip()}')
        return done.stdout

    def counters(self):
        """What the cards and links counted: a list, a dict for each port."""
        return json.loads(self.order('counters --json'))
