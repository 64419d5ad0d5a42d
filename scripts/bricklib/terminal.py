# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs' terminal: a node's ttyS0, joined to ours.

If our standard streams are all terminals, the node's tty is used as it is:
its line discipline echoes and turns Ctrl-C into SIGINT.  Otherwise the
program gets real streams (a pipe for what is not a terminal here), carried
over the same serial line by a small framing, so that every byte arrives as it
was written and stdout and stderr stay apart:

    0xff 0x00         what follows belongs to the terminal
    0xff 0x01         what follows is stdin (to the node), stdout (from it)
    0xff 0x02         what follows is stderr (from the node)
    0xff 0x04         end of file on stdin (to the node)
    0xff 0xff         one byte 0xff

Nothing is sent to the node before it is ready for it: framed, it says so with a
first frame; else the log says that the program runs.
"""
import errno
import os
import select
import signal
import socket
import termios
import time
import tty

from .config import BrickError

ESC = 0xff
CHANNEL_TTY, CHANNEL_STREAM, CHANNEL_STDERR, STREAM_EOF = 0, 1, 2, 4
INTERRUPT = b'\x03'
SECOND_CTRL_C_S = 1.0


class Deframer:
    """Splits what the node sent into (channel, bytes)."""

    def __init__(self):
        self.channel = CHANNEL_TTY
        self.escaped = False
        self.seen_frame = False

    def feed(self, data):
        out, plain = [], bytearray()

        def flush():
            if plain:
                out.append((self.channel, bytes(plain)))
                plain.clear()

        for b in data:
            if self.escaped:
                self.escaped = False
                if b == ESC:
                    plain.append(b)
                else:
                    flush()
                    self.channel = b
                    self.seen_frame = True
            elif b == ESC:
                self.escaped = True
            else:
                plain.append(b)
        flush()
        return out


def frame(channel, data):
    return bytes([ESC, channel]) + data.replace(b'\xff', b'\xff\xff')


def stdio_modes():
    """'t' or 'p' for each of our stdin, stdout, stderr."""
    return ''.join('t' if os.isatty(fd) else 'p' for fd in (0, 1, 2))


class Terminal:
    """Carries bytes between our streams and a node's ttyS0 until told."""

    def __init__(self, node, modes):
        self.framed = 'p' in modes
        self.modes = modes
        self.deframer = Deframer()
        self.stdin_open = True
        self.to_node = bytearray()
        self.is_ready = False   # the node takes what we send
        self.last_interrupt = None
        self.saved = None
        self.stopped = False
        deadline = time.monotonic() + 30
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(node.path('tty') + '.sock')
                break
            except OSError as e:
                self.sock.close()
                if time.monotonic() > deadline or not node.is_running():
                    raise BrickError(f'cannot reach the terminal of '
                                     f'{node.name}: {e}') from e
                time.sleep(0.05)
        self.sock.setblocking(False)

    def __enter__(self):
        if self.modes[0] == 't':
            self.saved = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)
        self.old_sigint = signal.signal(signal.SIGINT, self._on_sigint)
        return self

    def __exit__(self, *exc):
        if self.saved:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
        signal.signal(signal.SIGINT, self.old_sigint)
        self.sock.close()

    def _on_sigint(self, *_):
        self._interrupt()

    def _interrupt(self):
        """One Ctrl-C goes to the program; a second soon after ends it all."""
        now = time.monotonic()
        if (self.last_interrupt is not None
                and now - self.last_interrupt < SECOND_CTRL_C_S):
            self.stopped = True
        self.last_interrupt = now
        self.to_node += (frame(CHANNEL_TTY, INTERRUPT) if self.framed
                         else INTERRUPT)

    def step(self, timeout_s):
        """Move what there is to move; False when the node hung up."""
        reads = [self.sock]
        if self.stdin_open and len(self.to_node) < 65536:
            reads.append(0)
        if self.framed and self.deframer.seen_frame:
            self.is_ready = True
        writes = [self.sock] if self.to_node and self.is_ready else []
        ready, writable, _ = select.select(reads, writes, [], timeout_s)
        if 0 in ready:
            self._read_stdin()
        if writable:
            try:
                sent = self.sock.send(self.to_node[:4096])
                del self.to_node[:sent]
            except OSError as e:
                if e.errno not in (errno.EAGAIN, errno.EINTR):
                    return False
        return self._read_node() if self.sock in ready else True

    def drain(self, quiet_s=0.2, most_s=5):
        """Take what the node still has to say."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            if not select.select([self.sock], [], [], quiet_s)[0]:
                return
            if not self._read_node():
                return

    def _read_stdin(self):
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b''
        if not data:
            self.stdin_open = False
            if self.framed:
                self.to_node += bytes([ESC, STREAM_EOF])
            return
        if self.modes[0] == 't':
            for byte in data:
                if byte == INTERRUPT[0]:
                    self._interrupt()
                elif self.framed:
                    self.to_node += frame(CHANNEL_TTY, bytes([byte]))
                else:
                    self.to_node.append(byte)
        else:
            self.to_node += frame(CHANNEL_STREAM, data)

    def _read_node(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        if not self.framed:
            write_all(1, data)
            return True
        for channel, part in self.deframer.feed(data):
            self._write_channel(channel, part)
        return True

    def _write_channel(self, channel, data):
        if channel == CHANNEL_TTY:
            fd = 1 if self.modes[1] == 't' else 2
            if self.modes[fd] != 't':
                data = data.replace(b'\r\n', b'\n')
        else:
            fd = 2 if channel == CHANNEL_STDERR else 1
        write_all(fd, data)


def write_all(fd, data):
    while data:
        try:
            data = data[os.write(fd, data):]
        except BlockingIOError:
            select.select([], [fd], [], 10)
        except BrokenPipeError:
            return
