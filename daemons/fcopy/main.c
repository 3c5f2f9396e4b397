// SPDX-License-Identifier: GPL-2.0-only
/*
 * hv-fcopyd receives the files that Copy-VMFile on a Hyper-V host sends to this
 * guest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "device.h"
#include "journal.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "options.h"
#include "places.h"
#include "status.h"

/* These are too large for the stack; reload() needs the first two. */
static struct options options;
static struct policy policy;
static struct exchange exchange;

/*
 * The longest pause between two checks for a device that the host has not
 * offered again
 */
#define OFFER_SECONDS_MAX 16
/*
 * How long a start waits for such a device; TimeoutStartSec= of the unit is
 * longer
 */
#define OFFER_START_SECONDS 60

/* How long the daemon waits at its end for the removal of the rest of a copy */
#define SETTLE_MSEC 5000

static int load_policy(struct policy *result)
{
	return config_load(options.config, options.config_must_exist, result);
}

/*
 * Read the configuration again. An active copy keeps its old settings, unless
 * its place is shut now.
 */
static void reload_policy(void)
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

/*
 * End an active copy to a place that the administrator has shut. A COMPLETE
 * that the daemon is working on keeps its time.
 */
static void end_disabled_copy(void)
{
	const char *path = session_view(&exchange.session)->path;
	const struct place *place = places_find(&policy, path);
	struct failure failure;

	if ((place && place->enable) || session_completes(&exchange.session))
		return;
	refusal_set(&failure, place ? REFUSAL_DISABLED : REFUSAL_RULE, "%s", path);
	session_abort(&exchange.session, &failure);
}

static void reload(void)
{
	notify_reloading();
	reload_policy();
	end_disabled_copy();
	notify_ready();
}

/* Return @code, or a failure if the output could not be written. */
static int end_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "hv-fcopyd: standard output: %s\n", strerror(errno));
	return EX_IOERR;
}

static int check_config(void)
{
	places_warn(&policy);
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
	journal_clean(*journal);
	return 0;
}

/*
 * End an active copy that the host can no longer finish. A COMPLETE that the
 * daemon is working on keeps its time.
 */
static void lose_copy(const char *why)
{
	struct session *session = &exchange.session;
	struct failure failure;

	session_finish(session, SESSION_LIMIT_MSEC);
	refusal_set(&failure, REFUSAL_DEVICE, "%s", why);
	session_abort(session, &failure);
}

/*
 * End the thread, which first removes the rest of a copy if the disk answers.
 * Returns whether the thread has ended.
 */
static bool end_thread(void)
{
	if (session_settle(&exchange.session, SETTLE_MSEC)) {
		work_close(&exchange.session.work);
		return true;
	}
	log_line(LOG_WARNING, "%s: the disk does not answer; the next start removes what is left",
		 exchange.session.view.path);
	return false;
}

/*
 * Wait until the host offers a device again after a hibernation. Returns 0 when
 * the host offers it or when the device has gone, or the signal that ends the
 * daemon.
 */
static int wait_for_offer(int signals)
{
	enum silence_debt debt = exchange.silence.debt;
	unsigned int seconds = 1;
	int end = 0;

	if (!device_is_missing(options.device))
		return 0;
	log_line(LOG_NOTICE, "the host has not offered the device again; waiting until it does");
	vmbus_close(exchange.channel);
	exchange.channel = NULL;
	exchange.silence.debt = SILENCE_OFFER;
	while (!end && device_is_missing(options.device)) {
		end = loop_wait(&exchange, signals, reload, seconds);
		seconds = 2 * seconds < OFFER_SECONDS_MAX ? 2 * seconds : OFFER_SECONDS_MAX;
	}
	exchange.silence.debt = debt;
	return end;
}

/*
 * Wait until the host offers the device that the daemon needs to start. If the
 * host needs longer, the service manager starts the daemon again. Returns
 * whether the daemon can continue; otherwise *code is the exit code.
 */
static bool wait_for_first_offer(int signals, int *code)
{
	if (!device_is_missing(options.device))
		return true;
	log_line(
		LOG_NOTICE,
		"the host has not offered the device since the machine was suspended; waiting for %d s",
		OFFER_START_SECONDS);
	notify_status("Waiting for the host to offer the device again");
	for (int i = 0; i < OFFER_START_SECONDS; i++) {
		if (loop_wait(NULL, signals, reload_policy, 1)) {
			log_line(LOG_INFO, "ending: stopped by a signal");
			*code = 0;
			return false;
		}
		if (!device_is_missing(options.device))
			return true;
	}
	log_line(LOG_ERR, "ending: the host has not offered the device");
	*code = EX_TEMPFAIL;
	return false;
}

/*
 * Open the device again. After the host has fallen silent, the device may be
 * busy, or may not be ready, for longer than the service manager would try. The
 * function therefore tries until the device opens or has gone, or until a
 * signal ends the daemon. Returns 0, that signal or -errno.
 */
static int open_again(int signals, bool silent, const char *why)
{
	unsigned int seconds = SILENCE_SECONDS;
	int end;

	for (;;) {
		end = wait_for_offer(signals);
		if (end)
			return end;
		end = device_reopen(options.device, &exchange.channel, why);
		if (!end || end == -ENODEV || !silent)
			return end;
		end = loop_wait(&exchange, signals, reload, seconds);
		if (end)
			return end;
		seconds = 2 * seconds < SILENCE_SECONDS_MAX ? 2 * seconds : SILENCE_SECONDS_MAX;
	}
}

/* Serve the host until the daemon ends. Returns an exit code. */
static int serve(int signals)
{
	struct vmbus_chan **channel = &exchange.channel;
	const char *why;
	bool silent;
	int end;

	for (;;) {
		end = loop_run(&exchange, signals, reload);
		silent = end == -ETIMEDOUT;
		if (!silent && (end != -ENODEV || !device_is_suspended(*channel)))
			break;
		why = silent ? "the host has fallen silent" : "the machine was suspended";
		lose_copy(why);
		end = open_again(signals, silent, why);
		if (end < 0) {
			notify_stopping("The device could not be opened again");
			return EX_TEMPFAIL;
		}
		if (end > 0)
			break;
		exchange_reopen(&exchange, *channel, silent);
		log_line(silent ? LOG_DEBUG : LOG_INFO, "%s; waiting for Copy-VMFile again", why);
	}
	if (end > 0) {
		notify_stopping("Stopped by a signal");
		if (*channel)
			loop_stop(&exchange);
		/* The device may have gone, or the host takes no answers. */
		lose_copy("hv-fcopyd was stopping");
		log_line(LOG_INFO, "ending: %s", strsignal(end));
		return 0;
	}
	if (end == -ENODEV) {
		notify_stopping("The host rescinded the device");
		lose_copy("the host rescinded the device");
		log_line(LOG_INFO, "ending: the host rescinded the device (Guest Service "
				   "Interface is off, or the machine is going down)");
		return 0;
	}
	notify_stopping("Failed");
	lose_copy(strerror(-end));
	log_line(LOG_ERR, "%s: %s", device_path(*channel), strerror(-end));
	return EX_IOERR;
}

/*
 * Serve the host until the daemon ends. Sets *@stuck if the thread for slow
 * disks still runs. Returns an exit code.
 */
static int serve_device(struct vmbus_chan **channel, int journal, int signals, bool *stuck)
{
	int code, err;

	log_line(LOG_INFO, "version %s, waiting for Copy-VMFile on %s, device %s",
		 HYPERV_UIO_VERSION, device_path(*channel), device_instance(*channel));
	exchange_init(&exchange, *channel, journal, &policy);
	err = work_open(&exchange.session.work);
	if (err)
		log_line(LOG_WARNING,
			 "cannot start the thread for slow disks (%s), so answers "
			 "may be late",
			 strerror(-err));
	status_open(options.run_dir, device_path(*channel));
	notify_ready();
	code = serve(signals);
	*stuck = !end_thread();
	status_close();
	*channel = exchange.channel;
	/*
	 * The kernel keeps a process while its disk does not answer, but the
	 * next daemon needs the lock. The thread may still use the descriptor.
	 */
	if (journal >= 0)
		flock(journal, LOCK_UN);
	return code;
}

int main(int argc, char **argv)
{
	struct vmbus_chan *channel;
	int signals, journal, code;
	bool stuck = false;

	options_parse(argc, argv, &options);
	log_open(options.verbose);
	if (options.status)
		return end_output(status_report(options.run_dir));
	if (load_policy(&policy) < 0)
		return EX_CONFIG;
	if (options.check_config) {
		code = end_output(check_config());
		goto out_policy;
	}
	if (options.check_path) {
		code = end_output(check_path(&policy, &options.check, stdout));
		goto out_policy;
	}

	code = EX_OSERR;
	signals = loop_signals();
	if (signals < 0) {
		log_line(LOG_ERR, "signalfd: %s", strerror(-signals));
		goto out_policy;
	}
	code = open_journal(&journal);
	if (code)
		goto out_policy;
	/*
	 * The guard turns the SIGBUS of a rescind during an access to the rings
	 * into an error.
	 */
	if (vmbus_guard())
		log_line(LOG_WARNING, "%s", vmbus_error());
	if (!wait_for_first_offer(signals, &code))
		goto out_policy;
	code = device_open(options.device, &channel);
	if (code)
		goto out_policy;

	code = serve_device(&channel, journal, signals, &stuck);
	vmbus_close(channel);
	/*
	 * The thread may still use this memory, so the process ends without the
	 * cleanup below.
	 */
	if (stuck)
		_exit(code);
out_policy:
	config_free(&policy);
	return code;
}
