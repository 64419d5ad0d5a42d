# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes come late, die, come back with other disks, and say what they should
not; programs and the other nodes live through it or are told clearly.

One cluster for all tests; each begins with the nodes and the disk that it
needs, so that any may be first.  Limits of time are only against hanging
forever.
"""
import os
import random
import re
import signal
import socket
import time

import pytest

from bricklib import monitor
from bricklib.cluster import Cluster
from bricklib.config import BrickError, ClusterConfig, NodeConfig
from bricklib.disk import make_image
from bricklib.workload import bare_root, compile_program
from conftest import KERNEL, short_folder

FOREVER_S = 300
# `make stress` restarts a memory node more often.
NR_RESTARTS = int(os.environ.get('BRICK_RESTARTS', '2'))
# Quick to notice a death.
GONE = 'peer_suspect_ms=3000 peer_gone_ms=8000'

PROGRAM = r'''
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(int fd, const char *name, off_t at)
{
	char text[64] = "";
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, at);

	if (n < 0)
		printf("%s: %s\n", name, strerror(errno));
	else
		printf("%s: %.*s\n", name, (int)strcspn(text, "\n"), text);
}

/* Keeps a file open until a line comes, then reads on. */
static void keep(const char *name)
{
	int fd = open(name, O_RDONLY);
	char line[16];

	show(fd, name, 0);
	printf("kept\n");
	fgets(line, sizeof(line), stdin);
	show(fd, name, 1 << 20);
	show(open(name, O_RDONLY), name, 0);
}

/* Goes round and round in more memory than the pcache has. */
static void churn(size_t bytes)
{
	volatile char *p = malloc(bytes);

	for (unsigned round = 0;; round++) {
		for (size_t i = 0; i < bytes; i += 4096)
			p[i] += 1;
		if (!round)
			printf("churns\n");
	}
}

/* Writes so much, while another thread opens files, and looks at it. */
static void *open_all(void *names)
{
	for (char **name = names; *name; name++)
		show(open(*name, O_RDONLY), *name, 0);
	return NULL;
}

static void fill(size_t bytes, char **names)
{
	volatile size_t *p = malloc(bytes);
	pthread_t opener;
	size_t bad = 0;

	pthread_create(&opener, NULL, open_all, names);
	for (size_t i = 0; i < bytes / 8; i += 512)
		p[i] = i;
	for (size_t i = 0; i < bytes / 8; i += 512)
		bad += p[i] != i;
	pthread_join(opener, NULL);
	printf("filled, %zu bad\n", bad);
}

/* Processes come and go, files are written: without end. */
static void *fork_all(void *arg)
{
	for (;;) {
		volatile char *p = malloc(1 << 20);
		pid_t pid = fork();

		if (!pid) {
			memset((void *)p, 1, 1 << 20);
			_exit(0);
		}
		p[4096] = 2;
		waitpid(pid, NULL, 0);
		free((void *)p);
	}
	return arg;
}

static void *write_all(void *arg)
{
	static char text[100000];

	for (unsigned i = 0;; i++) {
		char name[32];
		int fd;

		snprintf(name, sizeof(name), "/tmp/%u", i % 10);
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (write(fd, text, sizeof(text)) < 0 ||
		    pread(fd, text, sizeof(text), 0) < 0)
			perror(name);
		close(fd);
		unlink(name);
	}
	return arg;
}

static void load(size_t bytes)
{
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, fork_all, NULL);
	pthread_create(&threads[1], NULL, write_all, NULL);
	churn(bytes);
}

static void go_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void nothing(int sig)
{
	(void)sig;
}

/* The page at which the kernel stores, on its own, once a line has come, is
 * not in the pcache.  What is called then has been called before. */
static void lose(int is_rseq)
{
	char *page = mmap(NULL, 4096 * 16, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_sp = page, .ss_size = 4096 * 16};
	struct sigaction action = {.sa_handler = nothing,
				   .sa_flags = SA_ONSTACK};
	char *rseq = (char *)__builtin_thread_pointer() + __rseq_offset;
	char line[16];

	if (is_rseq) {
		if (syscall(SYS_rseq, rseq, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) ||
		    syscall(SYS_rseq, page, 32, 0, RSEQ_SIG))
			perror("rseq");
	} else {
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
	}
	for (int cpu = 0; cpu < 2; cpu++) {
		if (is_rseq)
			go_to_cpu(cpu);
		else
			raise(SIGUSR1);
		if (!cpu) {
			madvise(page, 4096 * 16, MADV_DONTNEED);
			memset(page, 0, 4096 * 16);
			puts("waits");
			read(0, line, sizeof(line));
			madvise(page, 4096 * 16, MADV_DONTNEED);
		}
	}
}

/* As who does not look at what malloc() says. */
static void allocate(void)
{
	char line[16];
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p[4096] = 1;
	puts("waits");
	read(0, line, sizeof(line));
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		p = NULL;
	p[4096] = 1;
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (argc == 3 && !strcmp(argv[1], "keep"))
		keep(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "churn"))
		churn(strtoul(argv[2], NULL, 0));
	else if (argc == 3 && !strcmp(argv[1], "load"))
		load(strtoul(argv[2], NULL, 0));
	else if (argc == 3 && !strcmp(argv[1], "lose"))
		strcmp(argv[2], "mmap") ? lose(!strcmp(argv[2], "rseq"))
					: allocate();
	else if (argc > 2 && !strcmp(argv[1], "fill"))
		fill(strtoul(argv[2], NULL, 0), argv + 3);
	else
		for (int i = 1; i < argc; i++)
			show(open(argv[i], O_RDONLY), argv[i], 0);
	printf("end\n");
	return 0;
}
'''


def until(condition, what):
    """The first true value of @condition()."""
    deadline = time.monotonic() + FOREVER_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'never: {what()}'
        time.sleep(0.1)


def disk(folder, name, files):
    root = bare_root(folder / name)
    (root / 'bin').mkdir()
    compile_program(root / 'bin/t', folder / 't.c', '-static')
    for path, text in files.items():
        (root / path).write_text(text)
    image = folder / f'{name}.ext4'
    make_image(root, image)
    return str(image)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Two disks: the same names, other contents, and a name of its own."""
    folder = tmp_path_factory.mktemp('images')
    (folder / 't.c').write_text(PROGRAM)
    return {which: disk(folder, which, {
        'version': f'{which}\n', f'only-{which}': f'{which} alone\n',
        'big': f'{which} begin\n'.ljust(1 << 20) + f'{which} far\n',
        'big2': f'{which} begin\n'.ljust(1 << 20) + f'{which} far\n',
    }) for which in ('first', 'second')}


class World:
    """A cluster of P, M and S whose nodes are started one by one."""

    def __init__(self, build, image):
        folder = short_folder()
        self.cluster = Cluster(ClusterConfig([
            NodeConfig('processor', 'p0', 2, '256M',
                       options=f'pcache=8M {GONE}'),
            NodeConfig('memory', 'm0', 1, '224M',
                       options=f'pool=96M {GONE}'),
            NodeConfig('storage', 's0', 1, '192M', image=image,
                       options=GONE),
        ], kernel=KERNEL,
            fabric=f'{build}/tools/brick-fabric'), folder)
        self.p0, self.m0, self.s0 = self.cluster.nodes
        self.run_mark = 0
        self.tty_from = 0

    def none(self):
        """The fabric runs, and no node."""
        self.cluster.stop()
        for n in self.cluster.nodes:
            if os.path.exists(n.path('hca')):
                os.unlink(n.path('hca'))
        self.cluster.start_fabric()

    def whole(self, image=None):
        """All nodes run and have joined; S has that disk, or any."""
        if self.cluster.fabric is None:
            self.cluster.start_fabric()
        if image and self.s0.config.image != image:
            if self.s0.is_running():
                self.replace(self.s0, image)
            self.s0.config.image = image
        for n in self.cluster.nodes:
            if not n.is_running():
                n.start()
        for n in self.cluster.nodes:
            until(lambda n=n: self.has_both_peers(n),
                  lambda n=n: f'both peers of {n.name}\n'
                  + self.explain())

    @staticmethod
    def has_both_peers(node):
        try:
            lines = monitor.Monitor(node).ask('peers', FOREVER_S)
        except BrickError:   # its machine has just been started
            assert node.is_running(), node.why_it_ended()
            return False
        return sum(' alive' in line for line in lines) == 2

    def replace(self, node, image=None):
        """Kill the node's machine and boot it anew."""
        others = [(n, self.mark(n)) for n in self.cluster.nodes
                  if n is not node]
        with open(node.path('pid'), encoding='ascii') as f:
            os.kill(int(f.read()), signal.SIGKILL)
        node.process.wait()
        node.config.image = image or node.config.image
        node.start()
        for n, mark in others:
            self.log(n, f'{node.config.role} node .* joined', mark)
        self.whole()

    @staticmethod
    def mark(node):
        """For log(): only what is said from now on."""
        return len(node.log_text())

    def log(self, node, pattern, since=0):
        """Until @pattern stands in the node's log; the match."""
        return until(lambda: re.search(pattern, node.log_text()[since:]),
                     lambda: f'{pattern!r} in the log of {node.name}\n'
                     + self.explain())

    def explain(self):
        return '\n'.join(f'--- {n.name}\n{n.log_text()[-1500:]}'
                         for n in self.cluster.nodes) \
            + f'\n--- terminal\n{self.tty()}\n{self.cluster.folder}'

    def tty(self):
        """What was printed since the last run began."""
        with open(self.p0.path('tty'), 'rb') as f:
            f.seek(self.tty_from)
            return f.read().decode('utf-8', 'replace').replace('\r', '')

    def run(self, *argv):
        """Start a program from the monitor."""
        self.tty_from = os.path.getsize(self.p0.path('tty'))
        self.run_mark = self.mark(self.p0)
        answer = monitor.Monitor(self.p0).ask(' '.join(['run', *argv]),
                                              FOREVER_S)
        assert not any('run:' in line for line in answer), answer
        self.log(self.p0, 'brick: run ', self.run_mark)

    def status(self):
        """Of the program that was started last, once it has ended."""
        return int(self.log(self.p0, r'brick: exit status (\d+)\s',
                            self.run_mark)[1])

    def output(self, *argv):
        """The lines of a program that ends well."""
        self.run(*argv)
        assert self.status() == 0, self.explain()
        self.printed('end\n')
        return self.tty().splitlines()

    def printed(self, text):
        until(lambda: text in self.tty(),
              lambda: f'{text!r} on the terminal\n' + self.explain())

    def type(self, text):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.p0.path('tty') + '.sock')
            s.sendall(text)

    def no_panic(self):
        for n in self.cluster.nodes:
            assert n.is_running(), n.why_it_ended()
            assert 'panic' not in n.log_text(), n.log_text()[-3000:]


@pytest.fixture(scope='module')
def world(build, images):
    w = World(build, images['first'])
    yield w
    w.cluster.stop()


def test_r40_a_program_waits_for_nodes_that_come_late(world, images):
    w = world
    w.none()
    w.s0.config.image = images['first']
    w.p0.start()
    w.log(w.p0, 'waiting: no memory node in cluster')
    w.run('/bin/t', '/version')
    w.m0.start()
    w.log(w.p0, 'memory node .* joined')
    w.log(w.p0, 'waiting: no storage node in cluster', w.mark(w.p0))
    assert 'exit status' not in w.p0.log_text()
    w.s0.start()
    assert w.status() == 0, w.explain()
    w.printed('/version: first\nend\n')


def test_r25_malformed_messages_are_counted_and_refused(world, images):
    w = world
    w.whole(images['first'])
    for sender in w.cluster.nodes:
        others = [n for n in w.cluster.nodes if n is not sender]
        before = [monitor.counters(n)['nr_rpc_bad_frame'] for n in others]
        lines = monitor.Monitor(sender).ask('rpcbad', FOREVER_S)
        sent = [int(m[1]) for line in lines if (m := re.search(
            r': (\d+) bad frames sent, then a call went well$', line))]
        assert len(sent) == 2 and sent[0] == sent[1] > 10, lines
        after = [monitor.counters(n)['nr_rpc_bad_frame'] for n in others]
        assert after == [b + sent[0] for b in before], w.explain()
    w.log(w.m0, 'bad frame from processor node .*: bad length')
    lines = monitor.Monitor(w.p0).ask('rpctest 4 20', FOREVER_S)
    assert sum(' 0 bad' in line for line in lines) == 2, lines
    assert w.output('/bin/t', '/version') == ['/version: first', 'end']
    w.no_panic()


def test_a_peer_that_floods_is_held_to_its_share(world, images):
    w = world
    w.whole(images['first'])
    before = monitor.counters(w.m0)['nr_rpc_over_limit']
    lines = monitor.Monitor(w.s0).ask('rpcflood', FOREVER_S)
    assert len(lines) == 2 and all(re.search(
        r': 192 requests sent, of which it should drop 64$', line)
        for line in lines), lines
    until(lambda: monitor.counters(w.m0)['nr_rpc_over_limit'] == before + 64,
          w.explain)
    w.log(w.m0, 'has too many requests in service')
    # The others are served all the while, and the floods end.
    assert w.output('/bin/t', '/version') == ['/version: first', 'end']
    until(lambda: monitor.counters(w.m0)['nr_rpc_in_service'] == 0,
          w.explain)
    lines = monitor.Monitor(w.p0).ask('rpctest 4 20', FOREVER_S)
    assert sum(' 0 bad' in line for line in lines) == 2, lines
    w.no_panic()


def test_r40_a_storage_node_comes_back(world, images):
    w = world
    w.whole(images['first'])
    w.run('/bin/t', 'keep', '/big')
    w.printed('/big: first begin\nkept\n')
    w.replace(w.s0)
    w.type(b'\n')
    assert w.status() == 0, w.explain()
    w.printed('kept\n\n/big: first far\n/big: first begin\nend\n')
    w.no_panic()


def test_a_storage_node_comes_back_with_another_disk(world, images):
    w = world
    w.whole(images['first'])
    assert w.output('/bin/t', '/version', '/only-first', '/only-second') == [
        '/version: first', '/only-first: first alone',
        '/only-second: No such file or directory', 'end']
    w.run('/bin/t', 'keep', '/big2')
    w.printed('/big2: first begin\nkept\n')
    w.replace(w.s0, images['second'])
    # A file that was open belongs to the disk that is no more.
    w.type(b'\n')
    assert w.status() == 0, w.explain()
    far, again = w.tty().splitlines()[-3:-1]
    assert far in ('/big2: Stale file handle', '/big2: Input/output error')
    assert again in (far, '/big2: first begin')   # cached
    # Who starts now sees the disk that is there.
    assert w.output('/bin/t', '/version', '/only-first', '/only-second') == [
        '/version: second', '/only-first: No such file or directory',
        '/only-second: second alone', 'end']
    w.no_panic()


def nr_frames_of_nobody(w):
    """Granted, as M says, and P has never heard of them."""
    return (monitor.counters(w.m0)['nr_pool_frames_granted']
            - monitor.counters(w.p0)['nr_stock_frames'])


def nr_frames_in_use(w):
    """On M, beside those that are granted and the files it keeps."""
    m = monitor.counters(w.m0)
    return (m['nr_pool_frames_used'] - m['nr_pool_frames_granted']
            - m['nr_pagecache_pages'])


def test_r7_a_program_survives_replies_that_are_lost(world, images):
    w = world
    w.whole(images['first'])
    until(lambda: nr_frames_of_nobody(w) == 0,
          lambda: f'frames known to both\n{w.explain()}')
    in_use = nr_frames_in_use(w)
    before = monitor.counters(w.p0)['nr_rpc_repeat']
    for node, message in ((w.s0, 's_fs_lookup'), (w.m0, 'm_grant')):
        lines = monitor.Monitor(node).ask(f'rpcdrop {message}', FOREVER_S)
        assert any('will not be sent' in line for line in lines), lines
    w.run('/bin/t', 'fill', str(48 << 20), '/absent', '/version')
    assert w.status() == 0, w.explain()
    w.printed('filled, 0 bad\nend\n')
    assert '/absent: No such file or directory\n/version: first\n' in w.tty()
    w.log(w.s0, 'rpc: a reply of s_fs_lookup is lost')
    w.log(w.m0, 'rpc: a reply of m_grant is lost')
    # One is repeated, the other fails in time and frames come otherwise.
    assert monitor.counters(w.p0)['nr_rpc_repeat'] > before, w.explain()
    # Those of the lost reply, one message at most, are lent as long as P lives.
    assert 0 < nr_frames_of_nobody(w) <= 512, w.explain()
    w.replace(w.p0)
    until(lambda: nr_frames_of_nobody(w) == 0,
          lambda: f'the frames of a lost reply are back\n{w.explain()}')
    assert nr_frames_in_use(w) == in_use, w.explain()
    w.no_panic()


def test_a_program_goes_on_when_a_link_was_down(world, images):
    """As long as a connection's retries last, 8 s, no call is lost, not even
    one that must not be sent twice."""
    w = world
    w.whole(images['first'])
    w.run('/bin/t', 'load', str(24 << 20))
    w.printed('churns\n')
    for _ in range(3):
        w.cluster.fabric.order('link 2 down')
        time.sleep(1)
        w.cluster.fabric.order('link 2 up')
        goes_on(w)
    assert 'retries exceeded' not in w.p0.log_text()[w.run_mark:], w.explain()
    w.type(b'\x03')
    assert w.status() == 128 + 2, w.explain()   # SIGINT
    nothing_is_in_use(w)
    w.no_panic()


def goes_on(w):
    """Until the program that was started last has forked again."""
    def forks():
        assert 'exit status' not in w.p0.log_text()[w.run_mark:], w.explain()
        return monitor.counters(w.p0)['nr_rpc_sent_m_fork']

    before = forks()
    until(lambda: forks() > before + 1, w.explain)


def nothing_is_in_use(w):
    lines = monitor.Monitor(w.p0).ask('ps', FOREVER_S)
    assert '0 processes, 0 tasks' in lines, lines
    after = monitor.counters(w.p0)
    for gauge in ('nr_processes_alive', 'nr_tasks_alive', 'nr_user_aspaces',
                  'nr_user_frames', 'nr_pcache_lines', 'nr_pcache_rmaps',
                  'nr_open_files'):
        assert after[gauge] == 0, (gauge, after[gauge], w.explain())


def test_a_program_dies_with_its_memory_node_and_p_lives_on(world, images):
    w = world
    w.whole(images['first'])
    w.run('/bin/t', 'churn', str(24 << 20))
    w.printed('churns\n')
    os.kill(w.m0.process.pid, signal.SIGKILL)
    w.m0.process.wait()
    assert w.status() == 128 + 7, w.explain()   # SIGBUS
    w.printed('Bus error')
    w.log(w.p0, 'memory node .* is gone')
    nothing_is_in_use(w)
    # Who is started now waits for a new memory node, and then all goes on.
    w.run('/bin/t', '/version')
    w.log(w.p0, 'waiting for a memory node', w.run_mark)
    mark = w.mark(w.p0)
    w.m0.start()
    w.log(w.p0, 'memory node .* joined', mark)
    assert w.status() == 0, w.explain()
    w.printed('end\n')
    w.whole()
    assert w.output('/bin/t', '/version') == ['/version: first', 'end']
    w.no_panic()


@pytest.mark.parametrize('where', ['rseq', 'frame', 'mmap'])
def test_r40_a_lost_page_is_a_bus_error_to_the_kernel_too(world, images, where):
    """Which CPU it runs on, or the frame of a signal, is stored in a page that
    went with the memory node: that is no fault of the program's addresses.
    Nor is a pointer that it could not get."""
    w = world
    w.whole(images['first'])
    w.run('/bin/t', 'lose', where)
    w.printed('waits\n')
    os.kill(w.m0.process.pid, signal.SIGKILL)
    w.m0.process.wait()
    w.log(w.p0, 'memory node .* is gone', w.run_mark)
    w.type(b'\n')
    assert w.status() == 128 + 7, w.explain()   # SIGBUS
    nothing_is_in_use(w)
    w.whole()
    w.no_panic()


@pytest.mark.parametrize('again', range(NR_RESTARTS))
def test_r40_a_memory_node_restarts_under_load(world, images, again):
    """At any moment of a load: what runs is told, what is left is freed, the
    node joins again, and all begins anew.  Every other time it is away for so
    short that P has not noticed its death before its new life joins."""
    w = world
    w.whole(images['first'])
    w.run('/bin/t', 'load', str(24 << 20))
    w.printed('churns\n')
    time.sleep(random.uniform(0, 1))
    if again % 2:
        w.replace(w.m0)
    else:
        os.kill(w.m0.process.pid, signal.SIGKILL)
        w.m0.process.wait()
        w.log(w.p0, 'memory node .* is gone', w.run_mark)
    # A call may have ended the program before its memory did.
    assert w.status() in (128 + 7, 128 + 9), w.explain()
    nothing_is_in_use(w)
    w.whole()
    assert w.output('/bin/t', '/version') == ['/version: first', 'end']
    w.no_panic()
