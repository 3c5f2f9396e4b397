// SPDX-License-Identifier: GPL-2.0-only
/*
 * quota DEVICE UID KIB: set the quota of a user in a file system. quota run
 * PROGRAM...: run a program without the capability to exceed a quota, which
 * hv-fcopyd's unit also lacks
 */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct dqblk limits = { .dqb_valid = QIF_BLIMITS };

	if (argc > 2 && !strcmp(argv[1], "run")) {
		if (prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) == 0)
			execvp(argv[2], argv + 2);
		perror(argv[2]);
		return 1;
	}
	if (argc != 4)
		return 2;
	limits.dqb_bhardlimit = strtoul(argv[3], NULL, 10);
	limits.dqb_bsoftlimit = limits.dqb_bhardlimit;
	if (quotactl(QCMD(Q_SETQUOTA, USRQUOTA), argv[1], atoi(argv[2]), (void *)&limits) < 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
