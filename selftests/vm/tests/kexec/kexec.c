// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec [crash] KERNEL INITRAMFS COMMAND-LINE: load a kernel and start it, or
 * let it start when the present one crashes
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int crash = argc > 1 && !strcmp(argv[1], "crash");
	char **files = argv + crash;
	int kernel, initramfs;

	if (argc - crash != 4)
		return 2;
	kernel = open(files[1], O_RDONLY);
	initramfs = open(files[2], O_RDONLY);
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(files[3]) + 1, files[3],
		    crash ? KEXEC_FILE_ON_CRASH : 0L) < 0) {
		perror("kexec_file_load");
		return 1;
	}
	if (crash)
		return 0;
	reboot(RB_KEXEC);
	perror("reboot");
	return 1;
}
