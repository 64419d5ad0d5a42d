# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of `brick` and their options."""
import argparse
import os
import signal
import sys

from . import counters, runreq, standing
from .config import BrickError, default_cluster, load_cluster
from .console import attach
from .disk import image_of
from .run import STATUS_NO_CLUSTER, Run, new_folder

def config_of(args):
    if args.nodes:
        config = load_cluster(args.nodes)
        for n in config.of_role('storage'):
            n.image = n.image or image_of(args)
    else:
        config = default_cluster(args.cpus, args.pcache, args.memory,
                                 image_of(args))
    if args.kernel:
        config.kernel = args.kernel
    if args.pcap:
        config.pcap = os.path.abspath(args.pcap)
    config.orders = args.fabric
    for n in config.nodes:
        for item in args.append:
            role, _, option = item.partition(':')
            if not option:
                raise BrickError(f'--append wants ROLE:OPTION, not {item!r}')
            if role in (n.role, n.name, 'all'):
                n.options += ' ' + option
        for item in args.delay:
            role, _, seconds = item.partition(':')
            if role in (n.role, n.name):
                n.delay_s = float(seconds)
    return config


def cmd_run(args):
    if args.program and args.program[0] == '--':
        args.program = args.program[1:]
    if not args.program:
        raise BrickError('run: which program? brick run -- PROGRAM ARGS...')
    if args.strace_summary:
        args.append.append('processor:strace=summary')
    elif args.strace or args.strace_out:
        args.append.append('processor:strace')
    folder = args.dir or new_folder()
    os.makedirs(folder, mode=0o700, exist_ok=True)
    run = Run(config_of(args), args.program, runreq.environment(args.env),
              args.cwd, folder, args)
    try:
        return run.run()
    except BrickError as e:
        raise BrickError(f'{e}\nbrick: files of this run: {folder}') from e


def cmd_up(args):
    config = config_of(args)
    config.name = args.name or config.name
    folder = standing.up(config)
    print(f'cluster {config.name} is up; its files: {folder}')
    return 0


def cmd_down(args):
    standing.down(args.name)
    return 0


def cmd_stop(args):
    standing.ask_supervisor(args.name, 'stop', args.node)
    return 0


def cmd_start(args):
    standing.ask_supervisor(args.name, 'start', args.node,
                            image_of(args) if args.image else None)
    return 0


def cmd_ps(_):
    standing.ps()
    return 0


def cmd_console(args):
    return attach(standing.load(args.name).node(args.node),
                  'log' if args.monitor else 'tty')


def cmd_counters(args):
    cluster = standing.load(args.name)
    if args.faults:
        values = counters.collect_faults(cluster)
        if args.json:
            print(counters.as_json(values))
        elif args.prometheus:
            print(counters.faults_as_prometheus(values))
        else:
            print(counters.faults_as_table(values))
        return 0
    values = counters.collect(cluster)
    if args.json:
        print(counters.as_json(values))
    elif args.prometheus:
        print(counters.as_prometheus(values))
    else:
        print(counters.as_table(values, zeros=args.all))
    return 0


def cmd_fabric(args):
    command = standing.load(args.name).fabric_of_nodes().client(*args.order)
    os.execv(command[0], command)


def cmd_log(args):
    cluster = standing.load(args.name)
    nodes = [cluster.node(args.node)] if args.node else cluster.nodes
    for n in nodes:
        for line in n.log_text().replace('\r', '').splitlines():
            print(f'{n.name}: {line}' if len(nodes) > 1 else line)
    return 0


def add_cluster_options(p):
    g = p.add_argument_group('the cluster')
    g.add_argument('--nodes', metavar='FILE.toml',
                   help='the nodes (Documentation/brick.md); else one of '
                   'each role')
    g.add_argument('--pcache', default='64M', metavar='SIZE[,Nway]',
                   help="the processor's page cache (64M)")
    g.add_argument('--cpus', type=int, default=2, help='of P (2)')
    g.add_argument('--memory', default='1G', metavar='SIZE',
                   help='frames of M (1G)')
    g.add_argument('--rootfs', metavar='DIR',
                   help='files of S: an image is made of this tree')
    g.add_argument('--add', action='append', default=[],
                   metavar='SOURCE[:PATH]', help='a file or folder of this '
                   'host among them, as /PATH (/NAME)')
    g.add_argument('--image', metavar='FILE', help='the ext4 disk of S')
    g.add_argument('--kernel', metavar='FILE', help='$BRICK_KERNEL, else build/brick.elf')
    g.add_argument('--pcap', metavar='FILE', help='capture what crosses the '
                   'fabric, for tshark or Wireshark')
    g.add_argument('--fabric', action='append', default=[],
                   metavar='ORDER', help="to the fabric before the nodes "
                   "boot: 'drop all 0.001'; `brick-fabric ctl --help` lists "
                   'them')
    g.add_argument('--append', action='append', default=[],
                   metavar='ROLE:OPTION', help='more boot options, for a '
                   'role, a node or all')
    g.add_argument('--delay', action='append', default=[],
                   metavar='ROLE:SECONDS', help='boot these nodes later')


def parser():
    p = argparse.ArgumentParser(
        prog='brick', description='Boot emulated Brick clusters and run '
        'Linux programs on them.')
    sub = p.add_subparsers(dest='command', required=True, metavar='COMMAND')

    r = sub.add_parser('run', help='boot a cluster, run a program, stop it')
    add_cluster_options(r)
    r.add_argument('--env', action='append', default=[],
                   metavar='NAME=VALUE', help="added to the program's "
                   'environment')
    r.add_argument('--cwd', default='/', help='where it starts (/)')
    r.add_argument('--dir', help='folder for the files of this run')
    r.add_argument('--counters', action='store_true',
                   help='print the counters of all nodes at the end')
    r.add_argument('--counters-file', metavar='FILE',
                   help='write them there as JSON')
    r.add_argument('--strace', action='store_true',
                   help='print the system calls of the program')
    r.add_argument('--strace-summary', action='store_true',
                   help='only count them: a table for each process')
    r.add_argument('--strace-out', metavar='FILE',
                   help='trace to this file instead of stderr')
    r.add_argument('--faults', action='store_true',
                   help='print the phases of page faults at the end')
    r.add_argument('--faults-file', metavar='FILE',
                   help='write them there as JSON')
    r.add_argument('--fabric-counters', metavar='FILE',
                   help='write what the fabric counted there as JSON')
    r.add_argument('--timeout', type=float, metavar='SECONDS',
                   help='give up after this long')
    r.add_argument('--icount', metavar='SETTINGS', help="count the "
                   "processor's instructions: QEMU's -icount settings")
    r.add_argument('-v', '--verbose', action='store_true')
    r.add_argument('program', nargs=argparse.REMAINDER)
    r.set_defaults(fn=cmd_run)

    u = sub.add_parser('up', help='boot a cluster that stays')
    add_cluster_options(u)
    u.add_argument('--name', help='name of the cluster (brick)')
    u.set_defaults(fn=cmd_up)

    for name, fn, text in (
            ('down', cmd_down, 'stop a cluster'),
            ('console', cmd_console, "join a node's terminal or monitor"),
            ('counters', cmd_counters, 'counters of all nodes'),
            ('log', cmd_log, "the nodes' logs"),
            ('fabric', cmd_fabric, 'ask the fabric, cut its cables, lose '
             'its packets'),
            ('stop', cmd_stop, 'switch one node off'),
            ('start', cmd_start, 'boot a node that was switched off')):
        c = sub.add_parser(name, help=text)
        c.add_argument('--name', default='brick', help='of the cluster')
        c.set_defaults(fn=fn)
        if name == 'console':
            c.add_argument('node', nargs='?', default='processor')
            c.add_argument('--monitor', action='store_true',
                           help='the log and monitor port instead')
        if name == 'log':
            c.add_argument('node', nargs='?')
        if name == 'fabric':
            c.add_argument('order', nargs='*', default=['help'],
                           help='status (help lists the others)')
        if name in ('stop', 'start'):
            c.add_argument('node')
        if name == 'start':
            c.add_argument('--image', metavar='FILE',
                           help='with another disk')
            c.set_defaults(rootfs=None, add=[])
        if name == 'counters':
            c.add_argument('--json', action='store_true')
            c.add_argument('--prometheus', action='store_true')
            c.add_argument('--faults', action='store_true',
                           help='the phases of page faults instead')
            c.add_argument('--all', action='store_true',
                           help='those that are 0 too')
    sub.add_parser('ps', help='the clusters that are up').set_defaults(
        fn=cmd_ps)
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return args.fn(args)
    except BrickError as e:
        print(f'brick: {e}', file=sys.stderr)
        return STATUS_NO_CLUSTER
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
