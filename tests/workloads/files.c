/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, names, descriptors, locks; on /tmp, which is the memory node's. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

/* A call's result, or minus its errno. */
static long res(long value)
{
	return value < 0 ? -errno : value;
}

static void test_open(void)
{
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0640);

	say("create", fd >= 0);
	say("create again", res(open("f", O_RDWR | O_CREAT | O_EXCL, 0640)));
	say("absent", res(open("none", O_RDONLY)));
	say("absent dir", res(open("none/f", O_RDONLY)));
	say("file as dir", res(open("f/x", O_RDONLY)));
	say("directory wanted", res(open("f", O_RDONLY | O_DIRECTORY)));
	say("write a dir", res(open(".", O_RDWR)));
	say("slash", res(open("f/", O_RDONLY)));
	say("fstat", res(fstat(fd, &st)));
	say("mode", st.st_mode);
	say("size", st.st_size);
	say("nlink", st.st_nlink);
	say("getfl", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	say("cloexec", fcntl(fd, F_GETFD));
	say("empty path", fstatat(fd, "", &st, AT_EMPTY_PATH));
	say("no path", res(open("", O_RDONLY)));
	say("bad pointer", res(syscall(SYS_open, 8, 0, 0)));
	say("close", close(fd));
	say("close again", res(close(fd)));
}

static void test_descriptors(void)
{
	static const int bad[] = {-1, 63, 64, 1024, INT_MAX};
	int fd = open("f", O_RDWR), copy, i;
	char c;

	for (i = 0; i < 5; i++)
		say("bad fd", res(read(bad[i], &c, 1)));
	copy = dup2(fd, 40);
	say("dup2", copy);
	say("dup2 same", dup2(40, 40));
	say("dup2 bad", res(dup2(63, 63)));
	say("dup3 same", res(dup3(40, 40, 0)));
	say("dupfd", fcntl(fd, F_DUPFD_CLOEXEC, 50));
	say("dupfd cloexec", fcntl(50, F_GETFD));
	write(fd, "0123456789", 10);
	say("shared position", lseek(40, 0, SEEK_CUR));
	say("close_range", syscall(SYS_close_range, 40, 60, 0));
	say("closed", res(close(50)));
	close(fd);
}

static void test_content(void)
{
	struct iovec iov[3];
	char a[4] = "", b[8] = "", big[5000];
	int fd = open("f", O_RDWR | O_TRUNC), other;
	struct stat st;

	say("write", write(fd, "hello world", 11));
	say("pread", pread(fd, b, 5, 6));
	say("pread text", !memcmp(b, "world", 5));
	say("pwrite", pwrite(fd, "W", 1, 6));
	say("position", lseek(fd, 0, SEEK_CUR));
	iov[0] = (struct iovec){a, 3};
	iov[1] = (struct iovec){NULL, 0};
	iov[2] = (struct iovec){b, 8};
	lseek(fd, 0, SEEK_SET);
	say("readv", readv(fd, iov, 3));
	say("readv text", !memcmp(a, "hel", 3) && !memcmp(b, "lo World", 8));
	say("end", read(fd, big, 10));
	iov[0] = (struct iovec){"xy", 2};
	iov[1] = (struct iovec){"z", 1};
	say("writev", writev(fd, iov, 2));
	say("sparse", pwrite(fd, "!", 1, 100000));
	fstat(fd, &st);
	say("sparse size", st.st_size);
	say("hole reads", pread(fd, big, 5000, 50000));
	say("hole is zero", big[0] == 0 && big[4999] == 0);
	say("truncate", ftruncate(fd, 5));
	say("grow", ftruncate(fd, 20));
	say("grown reads", pread(fd, big, 100, 0));
	say("grown zero", !memcmp(big, "hello\0\0\0", 8));
	other = open("f", O_WRONLY | O_APPEND);
	say("append", write(other, "end", 3));
	say("append position", lseek(other, 0, SEEK_CUR));
	say("seek end", lseek(fd, -3, SEEK_END));
	say("read end", read(fd, big, 10));
	say("seek before", res(lseek(fd, -1, SEEK_SET)));
	say("seek data", res(lseek(fd, 1000, SEEK_DATA)));
	say("bad vector", res(syscall(SYS_readv, fd, iov, -1)));
	say("read only", res(write(open("f", O_RDONLY), "x", 1)));
	say("fsync", fsync(fd));
	say("fallocate", res(posix_fallocate(fd, 0, 200)));
	fstat(fd, &st);
	say("fallocated", st.st_size);
	close(other);
	close(fd);
}

static void test_big(void)
{
	enum { N = 3 << 20 };
	char *buf = malloc(N), *back = malloc(N);
	int fd = open("big", O_RDWR | O_CREAT, 0600), out, i;
	off_t off = 0;

	for (i = 0; i < N; i++)
		buf[i] = i * 31 + (i >> 12);
	say("write big", write(fd, buf, N));
	say("read big", pread(fd, back, N, 0));
	say("same", !memcmp(buf, back, N));
	memset(back, 0, N);
	say("odd read", pread(fd, back, 700001, 12345));
	say("odd same", !memcmp(buf + 12345, back, 700001));
	out = open("copy", O_RDWR | O_CREAT, 0600);
	say("sendfile", sendfile(out, fd, &off, 1000000));
	say("offset", off);
	say("copy_file_range", copy_file_range(fd, NULL, out, NULL, 5000, 0));
	say("copied", lseek(out, 0, SEEK_END));
	close(out);
	close(fd);
	free(buf);
	free(back);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_name), i;

	printf("%s:", path);
	for (i = 0; i < n; i++) {
		printf(" %s/%d", names[i]->d_name, names[i]->d_type);
		free(names[i]);
	}
	printf("\n");
	free(names);
}

static void test_names(void)
{
	char buf[PATH_MAX];
	struct stat st;
	int i;

	say("mkdir", mkdir("d", 0755));
	say("mkdir again", res(mkdir("d", 0755)));
	say("mkdir slash", mkdir("d/e/", 0700));
	say("symlink", symlink("../f", "d/link"));
	say("readlink", readlink("d/link", buf, sizeof(buf)));
	say("lstat", lstat("d/link", &st) || !S_ISLNK(st.st_mode));
	say("stat", stat("d/link", &st) || !S_ISREG(st.st_mode));
	say("nofollow", res(open("d/link", O_RDONLY | O_NOFOLLOW)));
	say("loop", symlink("l2", "l1") || symlink("l1", "l2"));
	say("looped", res(open("l1", O_RDONLY)));
	say("link", link("f", "d/hard"));
	stat("f", &st);
	say("nlink", st.st_nlink);
	say("rename", rename("d/hard", "d/moved"));
	say("rename absent", res(rename("d/hard", "x")));
	say("rename dir into itself", res(rename("d", "d/e/x")));
	say("rename noreplace", res(renameat2(AT_FDCWD, "d/moved", AT_FDCWD,
					      "f", RENAME_NOREPLACE)));
	say("rmdir full", res(rmdir("d")));
	say("rmdir dot", res(rmdir(".")));
	say("unlink dir", res(unlink("d/e")));
	say("rmdir file", res(rmdir("f")));
	list(".");
	list("d");
	say("chdir", chdir("d/e"));
	say("getcwd",
	    getcwd(buf, sizeof(buf)) && !strcmp(buf + strlen(buf) - 4, "/d/e"));
	say("dotdot", access("../../f", R_OK));
	say("chdir back", chdir("../.."));
	for (i = 0; i < 300; i++) {
		snprintf(buf, sizeof(buf), "d/e/file-with-a-longer-name-%d", i);
		close(open(buf, O_CREAT | O_WRONLY, 0600));
	}
	i = 0;
	DIR *handle = opendir("d/e");

	while (readdir(handle))
		i++;
	closedir(handle);
	say("entries", i);
	memset(buf, 'n', 256);
	buf[256] = 0;
	say("long name", res(mkdir(buf, 0700)));
}

static void test_attributes(void)
{
	struct timespec times[2] = {{1000, 5}, {2000, 7}};
	struct statfs sf;
	struct stat st;

	say("chmod", chmod("f", 04751));
	stat("f", &st);
	say("mode", st.st_mode);
	say("utimensat", utimensat(AT_FDCWD, "f", times, 0));
	stat("f", &st);
	say("atime", st.st_atim.tv_sec + st.st_atim.tv_nsec);
	say("mtime", st.st_mtim.tv_sec + st.st_mtim.tv_nsec);
	say("access x", access("f", X_OK));
	say("umask", umask(077) == 022);
	close(open("masked", O_CREAT | O_WRONLY, 0666));
	stat("masked", &st);
	say("masked", st.st_mode);
	umask(022);
	say("statfs", statfs(".", &sf));
	say("namelen", sf.f_namelen);
	say("truncate", truncate("f", 3));
	stat("f", &st);
	say("size", st.st_size);
}

static void test_unlinked(void)
{
	int fd = open("gone", O_RDWR | O_CREAT, 0600), fd2;
	char buf[8] = "";
	struct stat st;

	unlink("gone");
	say("write unlinked", write(fd, "still", 5));
	say("read unlinked", pread(fd, buf, 8, 0));
	fstat(fd, &st);
	say("nlink", st.st_nlink);
	fd2 = open("gone", O_RDONLY);
	say("name is gone", res(fd2));
	close(fd);
	fd = syscall(SYS_memfd_create, "m", 1);
	say("memfd", fd >= 0);
	say("memfd write", write(fd, "abc", 3));
	say("memfd read", pread(fd, buf, 8, 0));
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	say("tmpfile", fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void test_shared_mapping(void)
{
	int fd = open("map", O_RDWR | O_CREAT, 0600);
	char buf[16] = "", *p;

	ftruncate(fd, 10000);
	p = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say("mmap", p != MAP_FAILED);
	strcpy(p + 5000, "stored");
	say("read sees store",
	    pread(fd, buf, 7, 5000) == 7 && !strcmp(buf, "stored"));
	pwrite(fd, "WRITTEN", 8, 6000);
	say("map sees write", !strcmp(p + 6000, "WRITTEN"));
	say("msync", msync(p, 8192, MS_SYNC));
	munmap(p, 10000);
	say("after munmap",
	    pread(fd, buf, 7, 5000) == 7 && !strcmp(buf, "stored"));
	close(fd);
}

static void test_locks(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};
	int fd = open("lock", O_RDWR | O_CREAT, 0600), fd2, status;
	pid_t pid;

	say("setlk", fcntl(fd, F_SETLK, &fl));
	pid = fork();
	if (!pid) {
		struct flock mine = {
			.l_type = F_RDLCK, .l_start = 15, .l_len = 1};

		say("child setlk", res(fcntl(fd, F_SETLK, &mine)));
		mine.l_type = F_WRLCK;
		fcntl(fd, F_GETLK, &mine);
		say("child getlk", mine.l_pid == getppid());
		say("getlk range", mine.l_start * 100 + mine.l_len);
		mine.l_type = F_WRLCK;
		mine.l_start = 30;
		say("child elsewhere", fcntl(fd, F_SETLK, &mine));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	fd2 = open("lock", O_RDWR);
	say("flock", flock(fd, LOCK_EX));
	say("flock other", res(flock(fd2, LOCK_EX | LOCK_NB)));
	say("flock un", flock(fd, LOCK_UN));
	say("flock now", flock(fd2, LOCK_SH | LOCK_NB));
	close(fd);
	close(fd2);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int lock_fd;

static void *lock_and_wait(void *arg)
{
	struct flock fl = {.l_type = F_WRLCK};

	(void)arg;
	return (void *)res(fcntl(lock_fd, F_SETLKW, &fl));
}

/* Return: the process that has @fd's file locked until @go is written to. */
static pid_t hold_lock(int fd, int go[2])
{
	struct flock fl = {.l_type = F_WRLCK};
	int held[2];
	pid_t pid;
	char c;

	if (pipe(go) || pipe(held))
		return -1;
	pid = fork();
	if (!pid) {
		fcntl(fd, F_SETLK, &fl);
		write(held[1], "x", 1);
		read(go[0], &c, 1);
		_exit(0);
	}
	read(held[0], &c, 1);
	close(held[0]);
	close(held[1]);
	return pid;
}

/* A lock that comes when its descriptor is closed already does not stay. */
static void test_lock_and_close(void)
{
	struct flock fl = {.l_type = F_WRLCK};
	pthread_t thread;
	void *result;
	int go[2], fd, status;

	lock_fd = open("locked", O_RDWR | O_CREAT, 0600);
	fd = dup(lock_fd);
	hold_lock(fd, go);
	pthread_create(&thread, NULL, lock_and_wait, NULL);
	usleep(200000); /* it is likely to wait by then */
	close(lock_fd);
	write(go[1], "x", 1);
	pthread_join(thread, &result);
	say("closed meanwhile", (long)result == -EBADF);
	wait(&status);
	if (!fork()) {
		fcntl(fd, F_GETLK, &fl);
		_exit(fl.l_type == F_UNLCK);
	}
	wait(&status);
	say("nothing stays", WEXITSTATUS(status));
	close(fd);
	close(go[0]);
	close(go[1]);
}

static void *lock_alone(void *fd)
{
	say("alone", flock(*(int *)fd, LOCK_EX) || flock(*(int *)fd, LOCK_UN));
	return NULL;
}

/* Two that share a file both want it alone: one gets it first. */
static void test_flock_upgrade(void)
{
	int a = open("locked", O_RDWR), b = open("locked", O_RDWR);
	pthread_t thread;

	flock(a, LOCK_SH);
	flock(b, LOCK_SH);
	say("not now", res(flock(a, LOCK_EX | LOCK_NB)));
	say("the other, as that one lost its own",
	    res(flock(b, LOCK_EX | LOCK_NB)));
	say("share", flock(b, LOCK_SH) || flock(a, LOCK_SH));
	pthread_create(&thread, NULL, lock_alone, &a);
	lock_alone(&b);
	pthread_join(thread, NULL);
	close(a);
	close(b);
	unlink("locked");
}

int main(void)
{
	strcpy(dir, "/tmp/files-XXXXXX");
	umask(022);
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	test_open();
	test_descriptors();
	test_content();
	test_big();
	test_names();
	test_attributes();
	test_unlinked();
	test_shared_mapping();
	test_locks();
	test_lock_and_close();
	test_flock_upgrade();
	chdir("/");
	say("removed", nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS));
	say("gone", access(dir, F_OK));
	return 0;
}
