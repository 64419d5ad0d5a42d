# SPDX-License-Identifier: GPL-2.0-or-later
"""`brick console`: our terminal joined to a serial port of a node."""
import os
import select
import socket
import sys
import termios
import tty

from .config import BrickError

DETACH = b'\x1d'   # Ctrl-]


def attach(node, port):
    """Until Ctrl-] or end of input; 0."""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(node.path(port) + '.sock')
        except OSError as e:
            raise BrickError(f'node {node.name} does not run: {e}') from e
        is_tty = os.isatty(0)
        saved = termios.tcgetattr(0) if is_tty else None
        if is_tty:
            print(f'joined {node.name}; Ctrl-] leaves', file=sys.stderr)
            tty.setraw(0)
        try:
            _carry(s)
        finally:
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
    return 0


def _carry(s):
    inputs = [s, 0]
    while True:
        # After the end of our input: a second for the last answer.
        ready, _, _ = select.select(inputs, [], [],
                                    None if 0 in inputs else 1)
        if not ready:
            return
        if s in ready:
            data = s.recv(65536)
            if not data:
                return
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 1024)
            if DETACH in data:
                return
            if not data:
                inputs.remove(0)
            s.sendall(data)
