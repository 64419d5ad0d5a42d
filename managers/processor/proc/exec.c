/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * execve(2): the current process runs another program.
 *
 *	load_program()	   the file, "#!" lines, the ELF interpreter's file
 *	aspace_exec()	   the memory node makes a new address space of them
 *	become_single()	   the other tasks of the process end
 *	install()	   from here on there is no way back: new address space,
 *			   signal actions, descriptors, registers
 *
 * Set-user-ID bits are ignored, as on a file system mounted nosuid.
 */
#define pr_fmt(fmt) "exec: " fmt
#include "exec.h"

#include <arch/x86/user.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpuinfo.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <lib/elf.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/vnode.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/page.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigframe.h"

#define MAX_SCRIPT_DEPTH  4u
#define STACK_MIN_BYTES   (128ull << 10)
#define STACK_MAX_BYTES   (256ull << 20)
#define ADDR_NO_RANDOMIZE 0x0040000u

int exec_strings_alloc(struct exec_strings *s)
{
	*s = (struct exec_strings){.max_bytes = RPC_EXEC_MAX_STRINGS};
	s->buf = kmalloc(s->max_bytes);
	return s->buf ? 0 : -ENOMEM;
}

void exec_strings_free(struct exec_strings *s)
{
	kfree(s->buf);
	s->buf = NULL;
}

/* ---- the files of a program -------------------------------------------- */

/* What is being started.  Freed with free_program(). */
struct program {
	struct file *exe;
	struct file *interp; /* NULL: statically linked */
	u8 *head;            /* one page: the start of a file */
	size_t head_len;
	struct elf_image image;
	char *interp_path; /* the same page of paths */
};

static void free_program(struct program *program)
{
	if (!program)
		return;
	if (program->exe)
		file_put(program->exe);
	if (program->interp)
		file_put(program->interp);
	kfree(program->interp_path);
	kfree(program->head);
	kfree(program);
}

static struct program *alloc_program(void)
{
	struct program *program = kzalloc(sizeof(*program));

	if (!program)
		return NULL;
	program->head = kmalloc(PAGE_SIZE);
	program->interp_path = kmalloc(ELF_PATH_MAX);
	if (program->head && program->interp_path)
		return program;
	free_program(program);
	return NULL;
}

/* A regular file that the current process may execute. */
static int open_executable(struct dentry *base, const char *path,
			   struct file **out)
{
	struct dentry *dentry;
	int err = path_walk(base, path, WALK_FOLLOW, &dentry);

	if (err)
		return err;
	if (!S_ISREG(vnode_type(dentry->vnode)))
		err = -EACCES;
	else
		err = vnode_permission(dentry->vnode, X_OK);
	if (!err)
		err = file_alloc(dentry, O_RDONLY, NULL, NULL, out);
	dentry_put(dentry);
	return err;
}

static int read_head(struct program *program)
{
	ssize_t n = vnode_read_kernel(program->exe->vnode, 0, program->head,
				      PAGE_SIZE);

	if (n < 0)
		return (int)n;
	program->head_len = (size_t)n;
	return 0;
}

/* argv of a script: its interpreter, perhaps an argument, the script's path,
 * then the arguments proper. */
static int rewrite_argv(struct exec_strings *strings,
			const struct shebang *line, const char *path)
{
	int err;

	if (strings->argc)
		exec_strings_drop_first(strings);
	err = exec_strings_prepend(strings, path);
	if (!err && line->arg[0])
		err = exec_strings_prepend(strings, line->arg);
	if (!err)
		err = exec_strings_prepend(strings, line->interp);
	return err;
}

/* Open @path and, if it is a script, what it names instead. */
static int open_program(struct program *program, struct dentry *base,
			const char *path, struct exec_strings *strings)
{
	struct shebang *line = kmalloc(sizeof(*line));
	char *script = NULL;
	int err = line ? open_executable(base, path, &program->exe) : -ENOMEM;

	for (u32 depth = 0; !err; depth++) {
		err = read_head(program);
		if (err)
			break;
		err = shebang_parse((char *)program->head, program->head_len,
				    line);
		if (err <= 0)
			break;
		err = depth < MAX_SCRIPT_DEPTH
			      ? rewrite_argv(strings, line,
					     script ? script : path)
			      : -ELOOP;
		kfree(script);
		script = kstrdup(line->interp);
		if (!err && !script)
			err = -ENOMEM;
		file_put(program->exe);
		program->exe = NULL;
		if (!err)
			err = open_executable(NULL, script, &program->exe);
	}
	kfree(script);
	kfree(line);
	return err;
}

static int file_size(struct file *file, u64 *bytes)
{
	struct vattr attr;
	int err = vnode_getattr(file->vnode, &attr);

	if (!err)
		*bytes = attr.size_bytes;
	return err;
}

/* The ELF headers of program->exe, to learn which interpreter it wants.  The
 * memory node checks everything again: this node does not map the file. */
static int parse_elf(struct program *program)
{
	struct elf_header header;
	u64 file_bytes, phdr_bytes;
	ssize_t n;
	int err = elf_parse_header(program->head, program->head_len, &header);

	if (!err)
		err = file_size(program->exe, &file_bytes);
	if (err)
		return err;
	phdr_bytes = (u64)header.nr_phdrs * ELF_PHDR_BYTES;
	n = vnode_read_kernel(program->exe->vnode, header.phdr_offset,
			      program->head, phdr_bytes);
	if (n < 0)
		return (int)n;
	if ((u64)n != phdr_bytes)
		return -ENOEXEC;
	return elf_parse_segments(&header, program->head, file_bytes,
				  USER_VADDR_END, &program->image);
}

static int open_interpreter(struct program *program)
{
	const struct elf_image *image = &program->image;
	ssize_t n;

	if (!image->interp_bytes)
		return 0;
	n = vnode_read_kernel(program->exe->vnode, image->interp_offset,
			      program->interp_path, image->interp_bytes);
	if (n < 0)
		return (int)n;
	if ((u64)n != image->interp_bytes ||
	    program->interp_path[image->interp_bytes - 1])
		return -ENOEXEC;
	return open_executable(NULL, program->interp_path, &program->interp);
}

static int load_program(struct program *program, struct dentry *base,
			const char *path, struct exec_strings *strings)
{
	int err = open_program(program, base, path, strings);

	if (!err)
		err = parse_elf(program);
	if (!err)
		err = open_interpreter(program);
	return err;
}

/* ---- the new address space --------------------------------------------- */

static u64 stack_bytes(void)
{
	u64 limit = process_rlimit(RLIMIT_STACK);

	return ALIGN_DOWN(clamp(limit, STACK_MIN_BYTES, STACK_MAX_BYTES),
			  PAGE_SIZE);
}

static void name_file(struct aspace *aspace, struct file *file)
{
	char *path = kmalloc(PATH_MAX);

	if (path && file_path(file, path, PATH_MAX) > 0)
		aspace_name_file(aspace, file_fid(file), path);
	kfree(path);
}

/* The limits that the memory node enforces outlive the address space. */
static int limit_aspace(struct aspace *aspace)
{
	static const u32 ids[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK};
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(ids) && !err; i++) {
		u64 limit = process_rlimit(ids[i]);

		/* That of the stack was in the request, within bounds. */
		if (ids[i] == RLIMIT_STACK ? limit != stack_bytes()
					   : limit != RLIM_INFINITY)
			err = aspace_set_rlimit(aspace, ids[i], limit);
	}
	return err;
}

static int make_aspace(const struct program *program,
		       const struct exec_strings *strings,
		       struct rpc_m_exec_reply *rep, struct aspace **out)
{
	struct process *process = current_process();
	struct rpc_m_exec req = {
		.exe = *file_fid(program->exe),
		.stack_bytes = le64_make(stack_bytes()),
		.hwcap = le64_make(cpuinfo_get(0)->hwcap),
		.argc = le32_make(strings->argc),
		.envc = le32_make(strings->envc),
		.strings_bytes = le32_make(strings->used_bytes),
		.uid = le32_make(process->cred.euid),
		.gid = le32_make(process->cred.egid),
	};
	int err;

	random_bytes(req.random, sizeof(req.random));
	if (program->interp)
		req.interp = *file_fid(program->interp);
	if (process->personality & ADDR_NO_RANDOMIZE)
		req.flags = le32_make(RPC_EXEC_NO_RANDOMIZE);
	err = aspace_exec(&req, strings->buf, rep, out);
	if (err)
		return err;
	err = limit_aspace(*out);
	if (err) {
		aspace_put(*out);
		return err;
	}
	name_file(*out, program->exe);
	if (program->interp)
		name_file(*out, program->interp);
	return 0;
}

/* ---- alone in the process ---------------------------------------------- */

static bool is_single(struct process *process)
{
	return READ_ONCE(process->nr_tasks) == 1 ||
	       READ_ONCE(process->is_exiting);
}

/* End the other tasks.  Return: 0; -EAGAIN if this one is to end instead. */
static int become_single(struct task *task)
{
	struct process *process = task->process;
	u64 flags = process_lock_irqsave();
	int err = 0;
	struct task *t;

	if (process_must_leave_locked(task)) {
		process_unlock_irqrestore(flags);
		return -EAGAIN;
	}
	process->exec_task = task;
	list_for_each_entry (t, &process->tasks, in_process)
		if (t != task)
			thread_interrupt(t->thread);
	waitq_wake_all(&vfork_waitq);
	process_unlock_irqrestore(flags);

	wait_event(&process->tasks_wait, is_single(process));

	flags = process_lock_irqsave();
	process->exec_task = NULL;
	if (process->is_exiting)
		err = -EAGAIN;
	else if (process->leader != task)
		task_take_pid_locked(task);
	process_unlock_irqrestore(flags);
	return err;
}

/* What is shared with other processes and would change: own copies. */
static int unshare(struct process *process)
{
	struct signal_actions *actions = process->actions;
	struct fd_table *files = process->files;
	u64 flags;

	if (atomic_read(&actions->nr_refs) > 1) {
		struct signal_actions *own = signal_actions_clone(actions);

		if (!own)
			return -ENOMEM;
		flags = process_lock_irqsave();
		process->actions = own;
		process_unlock_irqrestore(flags);
		signal_actions_put(actions);
	}
	if (atomic_read(&files->nr_refs) > 1) {
		struct fd_table *own = fd_table_clone(files);

		if (!own)
			return -ENOMEM;
		flags = process_lock_irqsave();
		process->files = own;
		process_unlock_irqrestore(flags);
		fd_table_put(files);
	}
	return 0;
}

/* ---- the point of no return -------------------------------------------- */

static void note_layout(struct process *process,
			const struct rpc_m_exec_reply *rep)
{
	process->arg_start = le64_get(rep->arg_start);
	process->arg_end = le64_get(rep->arg_end);
	process->env_start = le64_get(rep->env_start);
	process->env_end = le64_get(rep->env_end);
	process->auxv_start = le64_get(rep->auxv_start);
	process->auxv_end = le64_get(rep->auxv_end);
	process->start_code = le64_get(rep->start_code);
	process->end_code = le64_get(rep->end_code);
	process->start_data = le64_get(rep->start_data);
	process->end_data = le64_get(rep->end_data);
	process->start_brk = le64_get(rep->start_brk);
	process->start_stack = le64_get(rep->start_stack);
}

static void set_comm(struct task *task, const char *path)
{
	const char *slash = strrchr(path, '/');

	strscpy(task->comm, slash ? slash + 1 : path, sizeof(task->comm));
	memcpy(task->process->comm, task->comm, sizeof(task->comm));
	thread_rename(task->thread, task->comm);
}

static void reset_task(struct task *task)
{
	task->altstack_vaddr = 0;
	task->altstack_bytes = 0;
	task->altstack_flags = SS_DISABLE;
	task->restart.fn = NULL;
	task->set_child_tid = 0;
	user_fpu_reset();
	user_fs_base_set(0);
	user_gs_base_set(0);
}

static void install(struct task *task, struct program *program,
		    struct aspace *aspace, const struct rpc_m_exec_reply *rep)
{
	struct process *process = task->process;
	struct file *old_exe = process->exe;
	struct aspace *old = process->aspace;
	u64 flags;

	if (old)
		task_forget_memory(task);
	flags = process_lock_irqsave();
	process->aspace = aspace;
	process->exe = program->exe;
	process->has_execed = true;
	note_layout(process, rep);
	signal_actions_reset_locked(process->actions);
	process_release_vfork_locked(process);
	process_unlock_irqrestore(flags);
	program->exe = NULL; /* the process' now */
	aspace_activate(aspace);
	futex_pi_start(&task->pi);
	if (old)
		aspace_put(old);
	if (old_exe)
		file_put(old_exe);
	reset_task(task);
	itimers_exec(process);
	capabilities_exec(&process->cred);
	fd_table_exec(process->files);
}

static int exec_loaded(struct program *program, const char *path,
		       struct exec_strings *strings, struct user_regs *regs)
{
	struct task *task = current_task();
	struct rpc_m_exec_reply rep;
	struct aspace *aspace;
	int err = exec_strings_append(strings, path);

	if (!err)
		err = make_aspace(program, strings, &rep, &aspace);
	if (err)
		return err;
	err = become_single(task);
	if (!err)
		err = unshare(task->process);
	if (err) {
		aspace_put(aspace);
		return err;
	}
	install(task, program, aspace, &rep);
	set_comm(task, path);
	user_regs_init(regs, le64_get(rep.entry), le64_get(rep.sp));
	counter_inc(nr_execs);
	return 0;
}

int exec_program(struct dentry *base, const char *path,
		 struct exec_strings *strings, struct user_regs *regs)
{
	struct program *program = alloc_program();
	int err;

	if (!program)
		return -ENOMEM;
	err = load_program(program, base, path, strings);
	if (!err)
		err = exec_loaded(program, path, strings, regs);
	free_program(program);
	return err;
}

/* ---- system calls ------------------------------------------------------ */

/* Append the strings of a NULL-terminated array of pointers; NULL: none. */
static int copy_vector(struct exec_strings *s, u64 vaddr, u32 *count)
{
	ssize_t len;
	u64 string;

	if (!vaddr)
		return 0;
	for (;; vaddr += sizeof(u64)) {
		if (get_user_u64(vaddr, &string))
			return -EFAULT;
		if (!string)
			return 0;
		len = strncpy_from_user(s->buf + s->used_bytes, string,
					s->max_bytes - s->used_bytes);
		if (len == -ENAMETOOLONG)
			return -E2BIG;
		if (len < 0)
			return (int)len;
		s->used_bytes += (u32)len + 1;
		(*count)++;
	}
}

static int exec_user(struct dentry *base, const char *path, u64 argv, u64 envp)
{
	struct exec_strings strings;
	int err = exec_strings_alloc(&strings);

	if (err)
		return err;
	err = copy_vector(&strings, argv, &strings.argc);
	/* An empty argv becomes one empty string, as Linux has it now: too
	 * many programs take argv[0] for granted. */
	if (!err && !strings.argc)
		err = exec_strings_prepend(&strings, "");
	if (!err)
		err = copy_vector(&strings, envp, &strings.envc);
	if (!err)
		err = exec_program(base, path, &strings, current_user_regs());
	exec_strings_free(&strings);
	return err;
}

long sys_execve(u64 path_vaddr, u64 argv, u64 envp)
{
	char *path;
	long ret = path_copy_in(path_vaddr, false, &path);

	if (ret)
		return ret;
	ret = exec_user(NULL, path, argv, envp);
	path_copy_free(path);
	/* The new program starts with rax 0, which is what this returns. */
	return ret;
}

static long exec_fd(int fd, u64 argv, u64 envp)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return exec_user(NULL, path, argv, envp);
}

long sys_execveat(u64 dfd, u64 path_vaddr, u64 argv, u64 envp, u64 flags)
{
	struct dentry *base = NULL;
	char *path;
	long ret;

	if ((u32)flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	ret = path_copy_in(path_vaddr, (u32)flags & AT_EMPTY_PATH, &path);
	if (ret)
		return ret;
	if (!path[0]) {
		ret = exec_fd((int)dfd, argv, envp);
	} else {
		ret = path_base((int)dfd, path, &base);
		if (!ret)
			ret = exec_user(base, path, argv, envp);
	}
	if (base)
		dentry_put(base);
	path_copy_free(path);
	return ret;
}
