// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcopy_test.h"
#include "meanwhile.h"

volatile unsigned int meanwhile_calls;

#ifdef SECCOMP_USER_NOTIF_FLAG_CONTINUE
static int channel[2];

static void *supervise(void *function)
{
	/* A newer kernel may write more than the headers know. */
	union {
		struct seccomp_notif notification;
		char room[1024];
	} in;
	union {
		struct seccomp_notif_resp response;
		char room[1024];
	} out;
	int listener, r;

	if (read(channel[0], &listener, sizeof(listener)) != sizeof(listener))
		return NULL;
	for (;;) {
		memset(&in, 0, sizeof(in));
		memset(&out, 0, sizeof(out));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return NULL;
		}
		r = ((meanwhile_fn *)function)(++meanwhile_calls,
					       (const uint64_t *)in.notification.data.args);
		out.response.id = in.notification.id;
		if (!r)
			out.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		else if (r > 0)
			out.response.error = -r;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
	}
}

void meanwhile(int number, meanwhile_fn *function)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	pthread_t thread;
	int listener;

	if (pipe(channel) < 0 || pthread_create(&thread, NULL, supervise, (void *)function) != 0)
		leave_child(NO_MEANWHILE);
	pthread_detach(thread);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			   &program);
	if (listener < 0 || write(channel[1], &listener, sizeof(listener)) != sizeof(listener))
		leave_child(NO_MEANWHILE);
	descriptors_of_helpers += 3;
}
#else
void meanwhile(int number, meanwhile_fn *function)
{
	leave_child(NO_MEANWHILE);
}
#endif
