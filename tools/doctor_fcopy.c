// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: check the file copy device, which the host calls Guest Service
 * Interface, and its daemons.
 */
#include <ctype.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "file.h"

#define DAEMON "hv-fcopyd"

static const struct device *fcopy_device(const struct machine *machine)
{
	for (size_t i = 0; i < machine->count; i++)
		if (machine->devices[i].class_name &&
		    !strcmp(machine->devices[i].class_name, "fcopy"))
			return &machine->devices[i];
	return NULL;
}

static bool is_installed(void)
{
	return file_exists("/usr/sbin/" DAEMON) || file_exists("/usr/local/sbin/" DAEMON);
}

/*
 * Return whether the administrator, or a removal that was interrupted, has
 * masked the unit in this directory.
 */
static bool is_masked_in(const char *directory)
{
	char *target = file_link("%s/" DAEMON ".service", directory);
	bool masked = target && !strcmp(target, "null");

	free(target);
	return masked;
}

char *doctor_process(const char *name)
{
	struct strings names = file_names("/proc");
	char *pid = NULL;

	for (size_t i = 0; !pid && i < names.count; i++) {
		char *comm;

		if (!isdigit((unsigned char)names.items[i][0]))
			continue;
		comm = file_line("/proc/%s/comm", names.items[i]);
		if (comm && !strncmp(comm, name, 15))
			pid = need_strdup(names.items[i]);
		free(comm);
	}
	strings_free(&names);
	return pid;
}

/*
 * Return the name of the system service to which a process belongs, as a new
 * string, or NULL. The name is in the path of the cgroup of systemd's
 * hierarchy. systemd puts a '_' before a name that could be a file of the
 * kernel. No unit name itself begins with one.
 */
static char *find_unit(const char *pid)
{
	char *text = file_read(NULL, "/proc/%s/cgroup", pid), *rest = text, *line, *path, *name, *unit = NULL;

	while (!unit && text && (line = strsep(&rest, "\n"))) {
		if (strncmp(line, "0::/", 4) && !strstr(line, ":name=systemd:/"))
			continue;
		path = strchr(line, '/');
		if (!strncmp(path, "/user.slice/", 12))
			continue;
		while (!unit && (name = strsep(&path, "/")))
			if (strlen(name) > 8 && !strcmp(name + strlen(name) - 8, ".service"))
				unit = need_strdup(name[0] == '_' ? name + 1 : name);
	}
	free(text);
	return unit;
}

/*
 * Return the command that ends a process and keeps it from starting again, if
 * it has a unit.
 */
static char *end_process(const char *pid)
{
	char *unit = find_unit(pid), *word, *fix;

	if (!unit)
		return need_printf("kill %s", pid);
	/* An escaped dash in the name contains a backslash. */
	word = doctor_word(unit);
	fix = need_printf("systemctl disable --now %s", word);
	free(word);
	free(unit);
	return fix;
}

static void check_other_daemons(struct diagnosis *diagnosis, const struct device *device)
{
	/* The last one uses the UIO device, and the others hv_utils. */
	static const char *const others[] = { "hv_fcopy_daemon", "hypervfcopyd", "hv_fcopy_uio_daemon" };
	static const size_t count = sizeof(others) / sizeof(others[0]);

	for (size_t i = 0; i < count; i++) {
		char *pid = doctor_process(others[i]);

		/* hv-fcopyd-other-daemons lets it start in this case. */
		if (pid && i < count - 1 && device && !vmbus_device_uio(device->handle))
			doctor_report(diagnosis, SEVERITY_NOTE, "daemon",
				      "the kernel tree's daemon %s is running (process %s), because "
				      "uio_hv_generic does not have the file copy device; "
				      "fcopyd.conf has no effect on it",
				      others[i], pid);
		else if (pid)
			doctor_complain(
				diagnosis, SEVERITY_PROBLEM, "daemon", end_process(pid),
				"the kernel tree's daemon %s is running (process %s), so "
				DAEMON " cannot use the device",
				others[i], pid);
		free(pid);
	}
}

/*
 * Run hv-fcopyd --check-config. Return its exit status, or -1 if it cannot be
 * run, for example because it was built for another machine.
 */
static int check_config(void)
{
	char *program = file_path("/usr/sbin/" DAEMON);
	posix_spawn_file_actions_t actions;
	char option[] = "--check-config", *argv[] = { program, option, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		need(NULL);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (access(program, X_OK) || posix_spawn(&pid, program, &actions, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) < 0)
		status = -1;
	posix_spawn_file_actions_destroy(&actions);
	free(program);
	return status < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127 ? -1 :
	       WEXITSTATUS(status);
}

static void check_daemon(struct diagnosis *diagnosis, const struct device *device)
{
	char *pid = doctor_process(DAEMON);

	if (is_masked_in("/etc/systemd/system"))
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "daemon",
				need_strdup("systemctl unmask " DAEMON
					    " && systemctl start " DAEMON),
				"the unit " DAEMON ".service is masked");
	else if (is_masked_in("/run/systemd/system"))
		/* The systemctl of RHEL 8 refuses "unmask --runtime". */
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "daemon",
				need_strdup("rm -f /run/systemd/system/" DAEMON
					    ".service /run/" DAEMON ".masked"
					    " && systemctl daemon-reload"
					    " && systemctl start " DAEMON),
				"the unit " DAEMON ".service is masked until the next boot");
	else if (pid)
		doctor_report(diagnosis, SEVERITY_OK, "daemon", DAEMON " is running (process %s)",
			      pid);
	else if (device && vmbus_device_uio(device->handle))
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "daemon",
				need_strdup("systemctl restart " DAEMON
					    "; systemctl status " DAEMON),
				"the file copy device is bound (%s), but " DAEMON " is not running",
				vmbus_device_uio(device->handle));
	else
		doctor_report(diagnosis, SEVERITY_OK, "daemon", DAEMON
			      " is not running; it starts when the file copy device is bound");
	free(pid);
}

void doctor_guest_service(struct diagnosis *diagnosis)
{
	const struct device *device = fcopy_device(&diagnosis->view.engine.machine);

	if (!diagnosis->view.engine.machine.handles)
		return;
	if (device)
		doctor_report(diagnosis, SEVERITY_OK, "guest-service",
			      "the host offers the file copy device");
	else if (is_installed())
		doctor_complain(
			diagnosis, SEVERITY_WARNING, "guest-service",
			need_strdup("on the host: Enable-VMIntegrationService -VMName NAME -Name "
				    "'Guest Service Interface'"),
			"the host does not offer the file copy device, so Copy-VMFile cannot "
			"work; on Azure it never does");
	else
		doctor_report(diagnosis, SEVERITY_NOTE, "guest-service",
			      "the host does not offer the file copy device");
	if (!is_installed()) {
		doctor_report(diagnosis, SEVERITY_NOTE, "daemon", DAEMON " is not installed");
		return;
	}
	if (check_config() > 0)
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "daemon",
				need_strdup(DAEMON " --check-config"),
				"the configuration of " DAEMON " has a fault; the command shows "
				"its file and line, for you to correct");
	check_other_daemons(diagnosis, device);
	check_daemon(diagnosis, device);
}
