# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with Debian's kernel, and nodes of Brick, on one fabric."""
import os

from bricklib.fabric import Fabric
from bricklib.linux import LinuxGuest, make_initramfs, unpacked
from bricklib.node import Node
from bricklib.workload import compile_program
from conftest import BUILD, KERNEL, TOP, short_folder

PINGPONG_PORT = 18515   # of TCP, where ibv_*_pingpong listen
MODULES = ('mlx4_ib', 'ib_umad', 'ib_uverbs', 'rdma_ucm', 'ib_ipoib')


def start_opensm(guest, options=''):
    """OpenSM, with its log in /tmp/opensm.log and its pid in /tmp/opensm.pid."""
    guest.must('mkdir -p /var/cache/opensm && rm -f /tmp/opensm.log && '
               f'{{ opensm {options} -f /tmp/opensm.log >/dev/null 2>&1 & }} '
               '&& echo $! >/tmp/opensm.pid')


def stop_opensm(guest):
    """Returns when the process is gone."""
    guest.must('pid=$(cat /tmp/opensm.pid) && kill $pid && '
               'for i in $(seq 600); do [ -d /proc/$pid ] || exit 0; '
               'sleep 0.1; done; exit 1')


def pingpong_within(guest, server, client):
    """RC ping-pong of a guest with itself, with the options of both ends."""
    guest.must(f'timeout 100 ibv_rc_pingpong {server} >/tmp/server 2>&1 & '
               f'for i in $(seq 600); do grep -q ":{PINGPONG_PORT:04X} .* 0A "'
               ' /proc/net/tcp /proc/net/tcp6 && break; sleep 0.1; done; '
               f'timeout 100 ibv_rc_pingpong {client} 127.0.0.1 && wait $!',
               200)


class Pair:
    """Guests a and b, and the nodes of Brick in nodes (their configurations);
    the model's files and theirs lie in one folder."""

    def __init__(self, names=('a', 'b'), options=(), nodes=()):
        self.folder = short_folder()
        self.nodes = [Node(n, self.folder, 'tested', KERNEL) for n in nodes]
        self.cards = [f'{self.folder}/{n}.hca'
                      for n in (*names, *(n.name for n in self.nodes))]
        self.fabric = Fabric(self.cards, self.folder,
                             f'{BUILD}/tools/brick-fabric',
                             options)
        root = unpacked()
        initramfs = f'{self.folder}/initramfs'
        make_initramfs(root, initramfs, self.programs())
        self.guests = [LinuxGuest(n, self.folder, c, root, initramfs)
                       for n, c in zip(names, self.cards)]

    def programs(self):
        """Programs of ours for the guests: every .c file beside this one."""
        here = os.path.join(TOP, 'tests/linux')
        made = []
        for name in sorted(os.listdir(here)):
            if name.endswith('.c'):
                to = f'{self.folder}/{name[:-2]}'
                # The guests have Debian's libraries of the same release.
                compile_program(to, f'linux/{name}', '-Wl,--no-as-needed',
                                '-lrdmacm', '-libverbs')
                made.append((to, f'/usr/bin/{name[:-2]}'))
        return made

    def start(self):
        self.fabric.start()
        for machine in (*self.guests, *self.nodes):
            machine.start()
        for guest in self.guests:
            self.load(guest)
        for number, guest in enumerate(self.guests, 1):
            self.network(guest, number)
        return self

    def load(self, guest):
        """The modules; returns when the port is active.

        mlx4_core tells mlx4_ib of no event before mlx4_ib has registered its
        device; a subnet manager that is quicker than that leaves it without
        a path to the manager.  So the link goes down and up again."""
        guest.wait_ready()
        for module in MODULES:
            guest.must(f'modprobe {module}')
        port = self.guests.index(guest) + 1
        self.fabric.order(f'link {port} down')
        self.fabric.order(f'link {port} up')
        # What Debian's rdma-ndd does.
        guest.must(f'echo "{guest.name} mlx4_0" > '
                   '/sys/class/infiniband/mlx4_0/node_desc')
        self.manage(guest)
        self.wait_state(guest, 'ACTIVE')

    def manage(self, guest):
        """What it takes that somebody makes the port active."""

    @staticmethod
    def wait_state(guest, state, port=1):
        guest.must(f'for i in $(seq 600); do grep -q {state} '
                   f'/sys/class/infiniband/mlx4_0/ports/{port}/state && '
                   'exit 0; sleep 0.1; done; exit 1')

    @staticmethod
    def lid(guest, port=1):
        return int(guest.must(
            f'cat /sys/class/infiniband/mlx4_0/ports/{port}/lid'), 16)

    @staticmethod
    def network(guest, number):
        """IPoIB, and the address 10.0.0.NUMBER."""
        guest.must(f'ip addr add 10.0.0.{number}/24 dev ib0 && '
                   'ip link set ib0 up')
        guest.must('for i in $(seq 600); do [ "$(cat /sys/class/net/ib0/'
                   'carrier)" = 1 ] && exit 0; sleep 0.1; done; exit 1')

    def stop(self):
        for guest in self.guests:
            guest.kill()
        for node in self.nodes:
            node.stop()
        self.fabric.stop()

    def serve(self, server, client, port=None, timeout=180):
        """Run server on a and, when it listens on the TCP port, client on
        b; what client and server printed.  Both have to succeed."""
        a, b = self.guests
        a.must(f'rm -f /tmp/server.*; ({server} >/tmp/server.out 2>&1; '
               'echo $? >/tmp/server.status) &')
        if port:
            a.must(f'for i in $(seq 600); do grep -q ":{port:04X} .* 0A " '
                   '/proc/net/tcp /proc/net/tcp6 && exit 0; sleep 0.1; done; '
                   'exit 1')
        else:
            # What listens by the RDMA CM shows nowhere: ask until it answers.
            client = (f'for i in $(seq 20); do {client} && exit 0; sleep 0.5;'
                      ' done; exit 1')
        status, said = b.run(client, timeout)
        # On a busy machine the server may be far behind its client.
        server_status = a.must('for i in $(seq 1200); do [ -s '
                               '/tmp/server.status ] && break; sleep 0.1; '
                               'done; cat /tmp/server.status', 900).strip()
        server_said = a.must('cat /tmp/server.out')
        text = (f'{client}: {status}\n{said}\n'
                f'{server}: {server_status}\n{server_said}')
        assert status == 0 and server_status == '0', text
        return said, server_said


class Managed(Pair):
    """No subnet manager but OpenSM in guest a, from before its own port is
    active; all is captured."""

    def __init__(self):
        self.pcap = f'{short_folder()}/fabric.pcap'
        super().__init__(options=['--no-sm', '--pcap', self.pcap])

    def manage(self, guest):
        if guest is self.guests[0]:
            start_opensm(guest)
