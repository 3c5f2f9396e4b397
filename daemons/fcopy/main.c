// SPDX-License-Identifier: GPL-2.0-only
/*
 * hv-fcopyd receives the files that Copy-VMFile on a Hyper-V host sends to this
 * guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "check.h"
#include "config.h"
#include "journal.h"
#include "log.h"
#include "options.h"
#include "path.h"
#include "places.h"
#include "server.h"
#include "worker.h"

/* These are too large for the stack; reload() needs them. */
static struct options options;
static struct policy policy;

static int load_policy(struct policy *result)
{
	return config_load(options.config, options.config_must_exist, result);
}

/* Read the configuration again. An active copy keeps its old settings. */
static void reload(void)
{
	struct policy changed;

	if (load_policy(&changed) == 0) {
		config_free(&policy);
		policy = changed;
		log_line(LOG_INFO, "reloaded the configuration");
	} else {
		log_line(LOG_ERR, "keeping the previous configuration");
	}
}

/* Return @code, or a failure if the output could not be written. */
static int end_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "hv-fcopyd: standard output: %s\n", strerror(errno));
	return EX_IOERR;
}

/* How long the disks of the sections may need for places_warn() */
#define WARN_MSEC 5000

/*
 * Call places_warn() in another process, because the disk of a section may
 * hang. A reload, which checks the configuration first, must not hang with it.
 */
static void warn_in_time(void)
{
	struct pollfd ended = { .fd = -1 };
	int ends[2];
	pid_t pid;

	path_entered =
		mmap(NULL, PATH_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (path_entered == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		log_line(LOG_WARNING, "cannot check the places of the sections: %s",
			 strerror(errno));
		return;
	}
	if (!pid) {
		places_warn(&policy);
		_exit(0);
	}
	/* The end of the other process closes its end of the pipe. */
	close(ends[1]);
	ended.fd = ends[0];
	if (poll(&ended, 1, WARN_MSEC) == 0)
		log_line(LOG_WARNING,
			 "the disk of %.*s/ does not answer, so sections remain unchecked",
			 PATH_MAX - 1, path_entered);
}

static int check_config(void)
{
	warn_in_time();
	config_print(&policy, stdout);
	return 0;
}

/*
 * Open the journal. Returns an exit code. *journal is -1 if there is no
 * journal.
 */
static int open_journal(int *journal)
{
	*journal = journal_open(options.state_dir);
	if (*journal == -EBUSY) {
		log_line(LOG_ERR, "%s is in use: another hv-fcopyd is running", options.state_dir);
		return EX_TEMPFAIL;
	}
	if (*journal < 0) {
		log_line(LOG_WARNING, "%s: %s; unfinished copies will not be removed after a crash",
			 options.state_dir, strerror(-*journal));
		*journal = -1;
	}
	return 0;
}

static int serve(void)
{
	int signals, journal, code, err;

	signals = server_signals();
	if (signals < 0) {
		log_line(LOG_ERR, "signalfd: %s", strerror(-signals));
		return EX_OSERR;
	}
	code = open_journal(&journal);
	if (code)
		return code;
	err = workers_init(journal, server_leave);
	if (err) {
		log_line(LOG_ERR, "memory for the workers: %s", strerror(-err));
		return EX_OSERR;
	}
	/*
	 * The guard turns the SIGBUS of a rescind during an access to the rings
	 * into an error.
	 */
	if (vmbus_guard())
		log_line(LOG_WARNING, "%s", vmbus_error());
	return server_run(options.device, signals, &policy, reload);
}

int main(int argc, char **argv)
{
	int code;

	options_parse(argc, argv, &options);
	log_open(options.verbose);
	if (load_policy(&policy) < 0)
		return EX_CONFIG;
	if (options.check_config)
		code = end_output(check_config());
	else if (options.check_path)
		code = end_output(check_path(&policy, &options.check, stdout));
	else
		code = serve();
	config_free(&policy);
	return code;
}
