// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"
#include "silence.h"

static const char *const words[] = {
	[SILENCE_NOTHING] = "nothing",
	[SILENCE_OFFER] = "it has not offered the device",
	[SILENCE_NEGOTIATE] = "it has not negotiated",
	[SILENCE_READ] = "it has not read the answers",
	[SILENCE_MESSAGE] = "it has not continued a copy",
};

const char *silence_words(enum silence_debt debt)
{
	return words[debt];
}

const char *silence_state(const struct silence *silence)
{
	static const char *const states[] = {
		[SILENCE_NOTHING] = "talking",		[SILENCE_OFFER] = "owes-offer",
		[SILENCE_NEGOTIATE] = "owes-negotiate", [SILENCE_READ] = "owes-read",
		[SILENCE_MESSAGE] = "owes-message",
	};

	return states[silence->debt];
}

void silence_init(struct silence *silence)
{
	*silence = (struct silence){ .debt = SILENCE_NEGOTIATE, .patience = SILENCE_SECONDS };
	clock_gettime(CLOCK_MONOTONIC_COARSE, &silence->latest);
}

void silence_reopened(struct silence *silence, bool silent)
{
	if (silent) {
		silence->reopened++;
		silence->reopened_at = time(NULL);
		silence->reason = silence->debt;
		silence->patience *= 2;
		if (silence->patience > SILENCE_SECONDS_MAX)
			silence->patience = SILENCE_SECONDS_MAX;
	}
	silence->debt = SILENCE_NEGOTIATE;
	silence->received = silence->read = 0;
	silence->msec = 0;
}

/*
 * Return the milliseconds since the last silence_look(). The function limits
 * the result, because the machine may have been asleep meanwhile.
 */
static unsigned int passed(struct silence *silence)
{
	struct timespec before = silence->latest;
	int64_t msec;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &silence->latest);
	msec = (silence->latest.tv_sec - before.tv_sec) * 1000ll +
	       (silence->latest.tv_nsec - before.tv_nsec) / 1000000;
	return msec < SILENCE_LOOK_SECONDS * 1500 ? msec : SILENCE_LOOK_SECONDS * 1500;
}

bool silence_look(struct silence *silence, struct vmbus_chan *channel, bool expired, uint64_t files)
{
	unsigned int msec = passed(silence);
	enum silence_debt debt;
	struct vmbus_stats stats;
	uint64_t read;

	/* exchange_run() handles every error of the rings. */
	vmbus_stats(channel, &stats, sizeof(stats));
	if (stats.error)
		return false;
	read = stats.tx_bytes - stats.tx_used;
	debt = !stats.rx_packets ? SILENCE_NEGOTIATE :
	       stats.tx_used	 ? SILENCE_READ :
	       expired		 ? SILENCE_MESSAGE :
				   SILENCE_NOTHING;

	if (files != silence->files) {
		silence->files = files;
		silence->patience = SILENCE_SECONDS;
	}
	if (silence->logged && stats.rx_packets && debt != SILENCE_READ) {
		silence->logged = false;
		log_line(LOG_INFO, "the host is responding again");
	}
	if (debt == SILENCE_NOTHING || debt != silence->debt ||
	    stats.rx_packets != silence->received || read != silence->read)
		msec = silence->msec = 0;
	if (debt == SILENCE_NOTHING && silence->debt != SILENCE_NOTHING)
		silence->talks_since = silence->latest.tv_sec;
	if (debt != SILENCE_NOTHING && silence->debt == SILENCE_NOTHING &&
	    silence->latest.tv_sec - silence->talks_since >= SILENCE_SECONDS_MAX)
		silence->patience = SILENCE_SECONDS;
	silence->debt = debt;
	silence->received = stats.rx_packets;
	silence->read = read;
	silence->msec += msec;
	if (debt == SILENCE_NOTHING || silence->msec / 1000 < silence->patience)
		return false;
	/* The host may have abandoned the copy and have nothing to send. */
	if (!silence->logged && debt == SILENCE_MESSAGE)
		log_line(LOG_INFO,
			 "the host has not continued a copy for %u s; the daemon opens "
			 "the device again to be sure",
			 silence->msec / 1000);
	else if (!silence->logged)
		log_line(LOG_WARNING,
			 "the host has fallen silent: %s for %u s; the device is opened again",
			 words[debt], silence->msec / 1000);
	silence->logged = true;
	return true;
}
