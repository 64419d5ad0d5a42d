# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of the cluster: it ends when we do."""
import ctypes
import os
import signal
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """A preexec_fn: SIGKILL when the brick process ends, however it ends, and
    no share of the terminal's signals."""
    parent = os.getpid()

    def prepare():
        os.setsid()
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:   # it ended before we asked
            os._exit(1)
    return prepare


class Process:
    """One process; its files are folder/NAME.*"""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.process = None

    def path(self, suffix):
        return os.path.join(self.folder, f'{self.name}.{suffix}')

    def launch(self, command, output):
        """Start it; what it prints goes to the file with suffix @output."""
        with open(self.path(output), 'wb') as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=die_with_parent())
        with open(self.path('pid'), 'w', encoding='ascii') as f:
            f.write(f'{self.process.pid}\n')

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """End it; returns when it is gone."""
        if not self.is_running():
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def log_text(self):
        """Its log so far; '' before it has one."""
        try:
            with open(self.path('log'), 'rb') as f:
                return f.read().decode('utf-8', 'replace')
        except FileNotFoundError:
            return ''
