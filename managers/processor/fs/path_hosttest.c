/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths and the dentry cache above a file system in an array. */
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/fake_fs.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <mm/slab.h>

/* The node at the end of a walk, or the error. */
static int walk(const char *path, u32 flags)
{
	struct dentry *d;
	int ret = path_walk(NULL, path, flags, &d);

	if (ret)
		return ret;
	ret = d->vnode ? (int)fake_index(d->vnode) : -1000;
	dentry_put(d);
	return ret;
}

/* ---- a model: what POSIX says, on the array
 * ------------------------------------- */

static int model_walk(u32 at, const char *path, u32 flags, u32 *links);

static int model_step(u32 at, const char *name, u32 len, bool follow,
		      u32 *links)
{
	u32 i;

	if (!S_ISDIR(fake_nodes[at].mode))
		return -ENOTDIR;
	if (len == 1 && name[0] == '.')
		return at;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return fake_nodes[at].parent;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	i = fake_find(at, name, len);
	if (i == ~0u)
		return -ENOENT;
	if (!S_ISLNK(fake_nodes[i].mode) || !follow)
		return i;
	if (++*links > PATH_MAX_LINKS)
		return -ELOOP;
	return model_walk(at, fake_nodes[i].target, WALK_FOLLOW, links);
}

static int model_walk(u32 at, const char *path, u32 flags, u32 *links)
{
	bool must_be_dir = flags & WALK_DIRECTORY;

	if (!*path)
		return -ENOENT;
	if (*path == '/')
		at = 0;
	for (;;) {
		const char *name;
		bool is_last, slash;
		int next;

		while (*path == '/')
			path++;
		if (!*path)
			break;
		name = path;
		while (*path && *path != '/')
			path++;
		slash = *path == '/';
		is_last = path[strspn(path, "/")] == 0;
		next = model_step(at, name, path - name - (slash ? 0 : 0),
				  !is_last || slash || flags & WALK_FOLLOW,
				  links);
		if (next < 0)
			return next;
		at = next;
		if (is_last && slash)
			must_be_dir = true;
	}
	if (must_be_dir && !S_ISDIR(fake_nodes[at].mode))
		return -ENOTDIR;
	return at;
}

static const char *const names[] = {"a", "b", "c", "dir", "link", "x"};

static void random_path(struct rand *r, char *path)
{
	u32 nr = 1 + rand_below(r, 6);

	path[0] = 0;
	if (rand_below(r, 3) == 0)
		strcat(path, "/");
	for (u32 i = 0; i < nr; i++) {
		u32 k = rand_below(r, 12);

		strcat(path, k < ARRAY_SIZE(names) ? names[k]
			     : k < 8               ? ".."
			     : k < 9               ? "."
						   : names[k % 6]);
		if (i + 1 < nr || rand_below(r, 6) == 0)
			strcat(path, rand_below(r, 8) ? "/" : "//");
	}
}

static void random_tree(struct rand *r)
{
	char target[256];

	for (u32 i = 0; i < 60; i++) {
		u32 parent = rand_below(r, fake_nr_nodes);
		const char *name = names[rand_below(r, ARRAY_SIZE(names))];
		u32 kind = rand_below(r, 4);

		if (!S_ISDIR(fake_nodes[parent].mode) ||
		    fake_find(parent, name, strlen(name)) != ~0u)
			continue;
		random_path(r, target);
		fake_make(parent, name,
			  kind == 0   ? S_IFLNK | 0777
			  : kind == 1 ? S_IFREG | 0644
				      : S_IFDIR | 0755,
			  target);
	}
}

static void check_random_walks(u64 seed, u64 cache_ns)
{
	char path[256];
	struct rand r;

	rand_seed(&r, seed);
	fake_start(cache_ns);
	random_tree(&r);
	for (u32 i = 0; i < 2000; i++) {
		u32 flags = rand_below(&r, 2) ? WALK_FOLLOW : 0, links = 0;
		int want, got;

		if (rand_below(&r, 4) == 0)
			flags |= WALK_DIRECTORY;
		random_path(&r, path);
		want = model_walk(0, path, flags, &links);
		got = walk(path, flags);
		if (got != want)
			printf("    seed %lu: \"%s\" flags %x: got %d, want "
			       "%d\n",
			       seed, path, flags, got, want);
		EXPECT_EQ(got, want);
	}
	fake_stop();
}

KTEST(random_walks_end_where_the_model_says)
{
	for (u64 seed = 1; seed <= 20; seed++)
		check_random_walks(seed, seed % 2 ? ~0ull : 0);
}

KTEST(absent_names_are_asked_once)
{
	char name[32];

	fake_start(~0ull);
	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "/lib%u.so", i);
			EXPECT_EQ(walk(name, 0), -ENOENT);
		}
		EXPECT_EQ(fake_nr_lookups, 1000);
	}
	fake_stop();
}

KTEST(names_that_may_change_are_asked_each_time)
{
	fake_start(0);
	fake_make(0, "f", S_IFREG | 0644, NULL);
	EXPECT_EQ(walk("/f", 0), 1);
	fake_nodes[1].mode = 0; /* another node removed it */
	EXPECT_EQ(walk("/f", 0), -ENOENT);
	fake_stop();
}

KTEST(the_cache_is_bounded_and_keeps_what_is_held)
{
	struct dentry *held;
	u32 nr_all, nr_idle;
	char name[32], path[64];

	fake_start(~0ull);
	fake_make(0, "dir", S_IFDIR | 0755, NULL);
	fake_make(1, "held", S_IFREG | 0644, NULL);
	EXPECT_EQ(path_walk(NULL, "/dir/held", 0, &held), 0);
	for (u32 i = 0; i < 3 * DENTRY_MAX_IDLE; i++) {
		snprintf(name, sizeof(name), "/n%u", i);
		walk(name, 0);
	}
	dentry_count(&nr_all, &nr_idle);
	EXPECT_TRUE(nr_idle <= DENTRY_MAX_IDLE);
	EXPECT_TRUE(nr_all >= nr_idle + 2);
	EXPECT_EQ(dentry_path(held, NULL, path, sizeof(path)), 9);
	EXPECT_TRUE(!strcmp(path, "/dir/held"));
	dentry_put(held);
	fake_stop();
}

KTEST(names_that_are_asked_for_each_time_are_not_kept)
{
	u32 nr_all, nr_idle;

	fake_start(0);
	fake_make(0, "dir", S_IFDIR | 0755, NULL);
	fake_make(1, "f", S_IFREG | 0644, NULL);
	EXPECT_EQ(walk("/dir/f", 0), 2);
	EXPECT_EQ(walk("/dir/none", 0), -ENOENT);
	dentry_count(&nr_all, &nr_idle);
	EXPECT_EQ(nr_idle, 0);
	fake_stop();
}

KTEST(links_are_followed_forty_times)
{
	char name[16], target[16];

	fake_start(~0ull);
	fake_make(0, "l0", S_IFDIR | 0755, NULL);
	for (u32 i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		snprintf(target, sizeof(target), "l%u", i - 1);
		fake_make(0, name, S_IFLNK | 0777, target);
	}
	EXPECT_EQ(walk("/l40", WALK_FOLLOW), 1);
	EXPECT_EQ(walk("/l41", WALK_FOLLOW), -ELOOP);
	fake_stop();
}

KTEST(long_names_and_paths_are_refused)
{
	char *path = kmalloc(PATH_MAX + 2);

	fake_start(~0ull);
	memset(path, 'x', PATH_MAX + 1);
	path[PATH_MAX + 1] = 0;
	EXPECT_EQ(walk(path, 0), -ENAMETOOLONG);
	path[NAME_MAX + 1] = 0;
	EXPECT_EQ(walk(path, 0), -ENAMETOOLONG);
	path[NAME_MAX] = 0;
	EXPECT_EQ(walk(path, 0), -ENOENT);
	kfree(path);
	fake_stop();
}

static int remove_path(const char *path, bool is_dir)
{
	struct path_last last;
	int err = path_walk_parent(NULL, path, &last);

	if (err)
		return err;
	err = path_remove(last.dir, last.name, last.len, is_dir);
	path_last_put(&last);
	return err;
}

static int rename_path(const char *from, const char *to)
{
	struct path_last f, t;
	int err = path_walk_parent(NULL, from, &f);

	if (err)
		return err;
	err = path_walk_parent(NULL, to, &t);
	if (!err) {
		err = path_rename(&f, &t, 0);
		path_last_put(&t);
	}
	path_last_put(&f);
	return err;
}

KTEST(open_creates_and_unlink_removes)
{
	struct file *file;
	char path[64];

	fake_start(~0ull);
	fake_make(0, "dir", S_IFDIR | 0755, NULL);
	EXPECT_EQ(file_open(NULL, "/dir/f", O_RDWR, 0, &file), -ENOENT);
	EXPECT_EQ(file_open(NULL, "/dir/f", O_RDWR | O_CREAT, 0644, &file), 0);
	EXPECT_EQ(walk("/dir/f", 0), 2);
	EXPECT_EQ(remove_path("/dir", true), -ENOTEMPTY);
	EXPECT_EQ(remove_path("/dir/f", true), -ENOTDIR);
	EXPECT_EQ(remove_path("/dir/f", false), 0);
	EXPECT_EQ(walk("/dir/f", 0), -ENOENT);
	EXPECT_TRUE(file_path(file, path, sizeof(path)) > 0);
	EXPECT_TRUE(!strcmp(path, "/dir/f (deleted)"));
	file_put(file);
	EXPECT_EQ(file_open(NULL, "/dir/", O_RDWR, 0, &file), -EISDIR);
	EXPECT_EQ(file_open(NULL, "/dir/n/", O_RDWR | O_CREAT, 0, &file),
		  -EISDIR);
	EXPECT_EQ(remove_path("/dir", true), 0);
	EXPECT_EQ(walk("/dir", 0), -ENOENT);
	fake_stop();
}

KTEST(open_through_a_dangling_link_creates_its_target)
{
	struct file *file;

	fake_start(~0ull);
	fake_make(0, "l", S_IFLNK | 0777, "made");
	EXPECT_EQ(file_open(NULL, "/l", O_RDWR | O_CREAT | O_EXCL, 0, &file),
		  -EEXIST);
	EXPECT_EQ(file_open(NULL, "/l", O_RDONLY | O_NOFOLLOW, 0, &file),
		  -ELOOP);
	EXPECT_EQ(file_open(NULL, "/l", O_RDWR | O_CREAT, 0600, &file), 0);
	EXPECT_EQ(walk("/made", 0), 2);
	file_put(file);
	fake_stop();
}

KTEST(rename_moves_the_name_and_what_holds_it)
{
	struct dentry *d;
	char path[64];

	fake_start(~0ull);
	fake_make(0, "a", S_IFDIR | 0755, NULL);
	fake_make(1, "f", S_IFREG | 0644, NULL);
	fake_make(0, "b", S_IFDIR | 0755, NULL);
	EXPECT_EQ(walk("/b/g", 0), -ENOENT); /* a negative entry is there */
	EXPECT_EQ(path_walk(NULL, "/a/f", 0, &d), 0);
	EXPECT_EQ(rename_path("/a/f", "/b/g"), 0);
	EXPECT_EQ(walk("/a/f", 0), -ENOENT);
	EXPECT_EQ(walk("/b/g", 0), 2);
	EXPECT_TRUE(dentry_path(d, NULL, path, sizeof(path)) > 0);
	EXPECT_TRUE(!strcmp(path, "/b/g"));
	dentry_put(d);
	EXPECT_EQ(rename_path("/a", "/a/under"), -EINVAL);
	EXPECT_EQ(rename_path("/", "/x"), -EEXIST); /* the call says EBUSY */
	EXPECT_EQ(rename_path("/none", "/x"), -ENOENT);
	fake_stop();
}

/* ---- directories
 * ------------------------------------------------------------------ */

struct small_sink {
	struct dir_sink sink;
	u32 room;
	u8 seen[FAKE_MAX_NODES + 2];
	u32 nr_seen;
};

static bool small_emit(struct dir_sink *sink, const char *name, u32 len,
		       u64 ino, u32 type, u64 next)
{
	struct small_sink *s = container_of(sink, struct small_sink, sink);

	if (!s->room)
		return false;
	s->room--;
	s->nr_seen++;
	if (name[0] == 'f')
		s->seen[ino]++;
	return true;
}

KTEST(readdir_tells_each_name_once_whatever_the_buffer)
{
	static struct small_sink s;
	struct file *file;
	struct rand r;
	char name[16];
	u32 before;

	rand_seed(&r, 77);
	fake_start(~0ull);
	for (u32 i = 1; i <= 300; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		fake_make(0, name, S_IFREG | 0644, NULL);
	}
	EXPECT_EQ(file_open(NULL, "/", O_RDONLY | O_DIRECTORY, 0, &file), 0);
	s = (struct small_sink){.sink.emit = small_emit};
	do {
		before = s.nr_seen;
		s.room = 1 + rand_below(&r, 9);
		EXPECT_EQ(file->ops->readdir(file, &s.sink), 0);
	} while (s.nr_seen != before);
	EXPECT_EQ(s.nr_seen, 302); /* with . and .. */
	for (u32 i = 1; i <= 300; i++)
		EXPECT_EQ(s.seen[i + 1], 1);
	file_put(file);
	fake_stop();
}
