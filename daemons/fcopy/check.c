// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "log.h"

#define TEXT_SIZE (2 * PATH_MAX)

static void print_place(const struct policy *policy, const struct destination *to, FILE *out)
{
	const struct place *place = to->place;
	char escaped[TEXT_SIZE];

	if (!policy->count) {
		fprintf(out, "section: there is none, so the host may write everywhere\n");
	} else if (!place) {
		fprintf(out, "section: none covers the target\n");
	} else {
		log_escape(escaped, sizeof(escaped), place_name(place));
		fprintf(out, "section: [%s] (%s)\n", escaped, place->source);
		if (place->settings.has_user)
			fprintf(out, "user: %s\n", place->settings.identity.name);
	}
}

static void print_target(const struct destination_request *request, const struct destination *to,
			 FILE *out)
{
	char escaped[TEXT_SIZE];

	/* Otherwise the search has not got beyond the root. */
	if (*to->directory || *to->missing || *to->name) {
		log_escape(escaped, sizeof(escaped), to->directory);
		fprintf(out, "directory: %s/\n", escaped);
	}
	if (*to->missing) {
		log_escape(escaped, sizeof(escaped), to->missing);
		fprintf(out, "missing: %s%s\n", escaped,
			request->create ? " (would be created)" : "");
	}
	if (!*to->name)
		return;
	log_escape(escaped, sizeof(escaped), to->name);
	fprintf(out, "file: %s (%s)\n", escaped,
		to->into_directory ?
			"the path is a directory or ends in '/', so the file keeps the source's name" :
			"the path names the file itself");
	if (to->target.st_mode)
		fprintf(out, "exists: %s\n",
			S_ISREG(to->target.st_mode) ? "a file" :
			S_ISDIR(to->target.st_mode) ? "a directory" :
			S_ISLNK(to->target.st_mode) ? "a symbolic link" :
						      "neither a file nor a link");
}

/* Refuse what the conversion from the host's UTF-16 would refuse. */
static enum refusal check_text(const struct destination_request *request, struct failure *failure)
{
	const char *fault = name_check_text(request->path);

	if (fault)
		return refusal_set(failure, REFUSAL_NAME, "the path has %s", fault);
	fault = name_check_text(request->name);
	if (fault)
		return refusal_set(failure, REFUSAL_NAME, "the name has %s", fault);
	return REFUSAL_NONE;
}

int check_path(const struct policy *policy, const struct destination_request *request, FILE *out)
{
	char text[FAILURE_DETAIL + 256], escaped[TEXT_SIZE];
	struct destination to = { .dir = -1 };
	struct failure failure;
	enum refusal refusal;

	if (geteuid() != 0)
		fprintf(out, "note: the daemon runs as root, but this process does not, so the "
			     "daemon may decide differently\n");
	refusal = check_text(request, &failure);
	if (refusal == REFUSAL_NONE)
		refusal = destination_resolve(request, policy, &to, &failure);
	/* A search that no place allows has looked at no file. */
	if (to.place && to.place->enable)
		print_target(request, &to, out);
	/* If the path itself has a fault, the search has not begun. */
	if (policy->count ? refusal != REFUSAL_NAME || to.place : refusal == REFUSAL_NONE)
		print_place(policy, &to, out);
	if (refusal == REFUSAL_NONE) {
		fprintf(out,
			"space: not checked (max-size, max-total, max-files, min-free, free space), because the "
			"size of the file is not known\n");
		fprintf(out, "result: hv-fcopyd would accept the copy%s\n",
			to.target.st_mode ? " and replace what is there" : "");
	} else {
		failure_text(&failure, text, sizeof(text));
		log_escape(escaped, sizeof(escaped), text);
		fprintf(out, "result: refused: %s\nhost: 0x%08" PRIx32 "\n", escaped,
			hresult_of(refusal));
	}
	destination_close(&to, false);
	return refusal == REFUSAL_NONE ? 0 : 1;
}
