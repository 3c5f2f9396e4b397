// SPDX-License-Identifier: GPL-2.0-only
/*
 * unit LOG PROGRAM...: start a program as the service manager does with
 * hv-fcopyd's unit: from init's domain (this program has the label that leads
 * there), with three capabilities and without new privileges. unit -r LOG
 * PROGRAM...: start it with all rights of root.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int root = argc > 1 && !strcmp(argv[1], "-r"), log;

	argv += root;
	if (argc - root < 3)
		return 2;
	/* Open files belong to the domain in which this program was started. */
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	open("/dev/null", O_RDONLY);
	log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (dup2(log, 1) < 0 || dup2(log, 2) < 0)
		return 1;
	for (int cap = 0; !root && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (cap == CAP_CHOWN || cap == CAP_DAC_OVERRIDE || cap == CAP_FOWNER)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			perror("PR_CAPBSET_DROP");
			return 1;
		}
	}
	if (!root && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		perror("PR_SET_NO_NEW_PRIVS");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 1;
}
