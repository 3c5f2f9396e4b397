// SPDX-License-Identifier: GPL-2.0-only
/*
 * pty COMMAND...: run a command on a terminal of its own, and print its output
 */
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int terminal, status;
	char text[4096];
	ssize_t n;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid < 0) {
		perror("forkpty");
		return 2;
	}
	if (!pid) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	while ((n = read(terminal, text, sizeof(text))) > 0)
		if (write(STDOUT_FILENO, text, n) != n)
			return 2;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}
