// SPDX-License-Identifier: GPL-2.0-only
/*
 * silent autofs DIR: mount an automount point that nobody serves.
 * silent fuse DIR: mount a FUSE with an empty directory, which never answers a
 * WRITE or a LOOKUP of "silent".
 * Print a line for each request without an answer. SIGTERM ends those who wait.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int root = -1;
static union autofs_v5_packet_union packet;

static void end(int signal)
{
	if (root >= 0)
		ioctl(root, AUTOFS_IOC_FAIL, packet.v5_packet.wait_queue_token);
	_exit(0);
}

static void serve_autofs(const char *dir)
{
	char options[99];
	int fds[2];

	/* The point triggers nothing for the processes of this group. */
	if (pipe(fds) < 0 || setpgid(0, 0) < 0)
		err(1, "autofs");
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", fds[1],
		 getpid());
	if (mount("silent", dir, "autofs", 0, options) < 0)
		err(1, "%s", dir);
	root = open(dir, O_RDONLY | O_DIRECTORY);
	puts("ready");
	while (read(fds[0], &packet, sizeof(packet)) > 0)
		puts("mount");
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = 1,
	};
}

struct answer {
	struct fuse_out_header header;
	union {
		struct fuse_init_out init;
		struct fuse_attr_out attr;
		struct fuse_statfs_out statfs;
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} created;
	};
};

/* Fill in the answer. Returns the bytes after its header, or -errno. */
static int answer(const struct fuse_in_header *request, struct answer *answer)
{
	switch (request->opcode) {
	case FUSE_INIT:
		answer->init = (struct fuse_init_out){ 7, 31, .max_write = 65536 };
		return sizeof(answer->init);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer->attr.attr = attributes(request->nodeid);
		return sizeof(answer->attr);
	case FUSE_STATFS:
		return sizeof(answer->statfs);
	case FUSE_LOOKUP:
		return -ENOENT;
	case FUSE_CREATE:
		answer->created.entry.nodeid = 2;
		answer->created.entry.attr = attributes(2);
		return sizeof(answer->created);
	}
	return -ENOSYS;
}

static bool is_silent(const struct fuse_in_header *request)
{
	bool write = request->opcode == FUSE_WRITE;
	bool lookup = request->opcode == FUSE_LOOKUP && !strcmp((char *)(request + 1), "silent");

	if (write || lookup)
		puts(write ? "write" : "lookup");
	return write || lookup || request->opcode == FUSE_FORGET ||
	       request->opcode == FUSE_BATCH_FORGET || request->opcode == FUSE_INTERRUPT;
}

static void serve_fuse(const char *dir)
{
	static char request[1 << 17] __attribute__((aligned(8)));
	const struct fuse_in_header *header = (void *)request;
	int fd = open("/dev/fuse", O_RDWR), size;
	char options[99];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other",
		 fd);
	if (mount("silent", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		err(1, "%s", dir);
	puts("ready");
	while (read(fd, request, sizeof(request)) > 0) {
		struct answer out = { .header.unique = header->unique };

		if (is_silent(header))
			continue;
		size = answer(header, &out);
		out.header.error = size < 0 ? size : 0;
		out.header.len = sizeof(out.header) + (size < 0 ? 0 : size);
		if (write(fd, &out, out.header.len) < 0)
			warn("opcode %u", header->opcode);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, end);
	if (!strcmp(argv[1], "autofs"))
		serve_autofs(argv[2]);
	else
		serve_fuse(argv[2]);
	err(1, "%s", argv[1]);
}
