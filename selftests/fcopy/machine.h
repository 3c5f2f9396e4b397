/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine with a file copy device, and hv-fcopyd as a process on it. The
 * device is a socket for the interrupts and a file for the rings, so the test
 * is the host. The test can also hold the daemon's workers in calls of libc
 * that wait for a disk.
 */
#ifndef FCOPY_MACHINE_H
#define FCOPY_MACHINE_H

#include <stdatomic.h>
#include <sys/types.h>
#include <vmbus_bufring.h>

#include "fcopy_test.h"
#include "host.h"

/* The calls in which a worker can be held */
enum machine_call {
	NOWHERE,
	ALLOCATE,
	WRITING,
	SYNC,
	LINKING,
	SYNC_DIRECTORY,
	UNLINK,
	REMOVE_DIRECTORY
};

/* What the test shares with the daemon and its workers */
extern struct machine {
	atomic_bool rescinded; /* read(2) of the device reports it */
	atomic_int hold;       /* hold workers in this call */
	atomic_uint held;      /* how many workers have been held since hold() */
	atomic_uint waits;     /* epoll_wait() of the daemon */
	atomic_uint reads;     /* of its device */
	atomic_uint signals;   /* to the host */
	atomic_int worker;     /* the process that made room for the last copy */
	atomic_uint passed;    /* the time of a clock that stands still, in ms */
	atomic_uint looks;     /* of the daemon at that clock */
	atomic_uint step;      /* the time that each look takes, likewise */
} *machine;

/* The files of the workers have names from the start (no O_TMPFILE). */
extern bool machine_no_tmpfile;

/*
 * The clock of the daemon's own limits stands still, so that a limit passes
 * only when the test says so, and not while the machine is busy.
 */
extern bool machine_stops_clock;

extern pid_t daemon_pid;
extern struct vmbus_chan *host; /* the host's end of the open device */
extern struct message request, answer;

/** machine_open() - prepares the shared memory; main() calls this */
void machine_open(void);

/** offer_device() - makes the device appear in sysfs */
void offer_device(void);

/** remove_device() - makes it vanish from sysfs */
void remove_device(void);

/** device_attribute() - writes an attribute of the device */
void device_attribute(const char *name, const char *value);

/** start_daemon() - starts the daemon */
void start_daemon(void);

/** begin_test() - offers the device, and waits until the daemon is ready */
void begin_test(void);

/** lose_host() - closes the rings */
void lose_host(void);

/** break_ring() - writes an index that cannot be, and interrupts the daemon */
void break_ring(void);

/** rescind() - takes the device away */
void rescind(void);

/** end_of_daemon() - waits for the daemon, and returns its exit status */
int end_of_daemon(void);

/** forget_daemon() - closes what the test has of a daemon that has ended */
void forget_daemon(void);

/**
 * end_test() - checks that only @files entries are in to/, and no note is left
 */
void end_test(int files);

/** stop_test() - ends the daemon by SIGTERM, and calls end_test() */
void stop_test(int files);

/**
 * says() - whether the daemon has logged TEXT, or has told it to the service
 * manager; with NULL, forgets what it has said
 */
bool says(const char *text);

/** post() - sends the request; ask() also waits for the answer */
void post(void);
uint32_t ask(void);

/** hear() - waits for the next answer, and returns its status */
uint32_t hear(void);

/** is_silent() - whether there is no answer */
bool is_silent(void);

/** negotiate() - does what a host does first */
void negotiate(void);

/** begin_copy() - negotiates, and sends 5 of 10 bytes for to/made/a */
void begin_copy(void);

/** hold() - holds workers in this call from now on */
void hold(enum machine_call call);

/** post_held() - posts the request, and waits until a worker is held */
void post_held(enum machine_call call);

/**
 * let_daemon_look() - waits until a daemon whose clock stands still, and which
 * is busy with a copy, has taken what is posted and has looked at its limits
 */
void let_daemon_look(void);

/** pass_time() - moves a clock that stands still */
void pass_time(unsigned int msec);

int milliseconds_since(const struct timespec *begun);

#endif
