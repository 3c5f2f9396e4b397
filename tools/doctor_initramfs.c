// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: check that vmbus-bind is in the initramfs with the current rules, if
 * the administrator wants it there.
 */
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "doctor.h"
#include "driverctl.h"
#include "file.h"

#define REQUEST "/etc/hyperv-uio/initramfs"

/* Return the path of the initramfs of a kernel as a new string, or NULL. */
static char *image_of(const char *release)
{
	static const char *const formats[] = {
		"/boot/initrd.img-%s", "/boot/initramfs-%s.img", "/boot/initrd-%s",
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *percent = strchr(formats[i], '%');
		char *path = need_printf("%.*s%s%s", (int)(percent - formats[i]), formats[i],
					 release, percent + 2);

		if (file_exists("%s", path))
			return path;
		free(path);
	}
	return NULL;
}

/*
 * Return the path of a file that belongs in the image of a kernel and is newer
 * than it, as a new string, or NULL.
 */
static char *newer_than(int64_t image, const char *release)
{
	static const char *const folders[] = {
		ADMIN_CONFIG, VENDOR_CONFIG, DRIVERCTL_FOLDER,
	};
	static const char *const files[] = {
		REQUEST, VMBUS_BIND,
		/*
		 * Removing or renaming a file changes only the time of its
		 * directory.
		 */
		ADMIN_CONFIG, VENDOR_CONFIG,
	};
	char *path = NULL;

	for (size_t f = 0; !path && f < sizeof(folders) / sizeof(folders[0]); f++) {
		struct strings names = file_names("%s", folders[f]);

		for (size_t i = 0; !path && i < names.count; i++)
			if ((strcmp(folders[f], DRIVERCTL_FOLDER) ||
			     !strncmp(names.items[i], "vmbus-", 6)) &&
			    file_changed("%s/%s", folders[f], names.items[i]) > image)
				path = need_printf("%s/%s", folders[f], names.items[i]);
		strings_free(&names);
	}
	for (size_t i = 0; !path && i < sizeof(files) / sizeof(files[0]); i++)
		if (file_changed("%s", files[i]) > image)
			path = need_strdup(files[i]);
	if (path)
		return path;
	/* dkms may have built the module after the image. */
	path = doctor_our_module(release);
	if (path && file_changed("%s", path) <= image) {
		free(path);
		path = NULL;
	}
	return path;
}

static bool has_hooks(void)
{
	return file_exists("/usr/share/initramfs-tools/hooks/hyperv-uio") ||
	       file_exists("/usr/lib/dracut/modules.d/90hyperv-uio/module-setup.sh");
}

void doctor_initramfs(struct diagnosis *diagnosis)
{
	char *image = image_of(diagnosis->release), *newer = NULL;

	if (!file_exists(REQUEST)) {
		doctor_report(diagnosis, SEVERITY_OK, "initramfs",
			      "the initramfs does not need vmbus-bind, because " REQUEST
			      " does not exist");
	} else if (!has_hooks()) {
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "initramfs",
				distribution_install("hyperv-uio"),
				REQUEST " asks for vmbus-bind in the initramfs, but its hook is "
				"missing");
	} else if (!image) {
		doctor_report(diagnosis, SEVERITY_NOTE, "initramfs",
			      "the kernel %s has no initramfs in /boot", diagnosis->release);
	} else {
		newer = newer_than(file_changed("%s", image), diagnosis->release);
		if (newer)
			doctor_complain(diagnosis, SEVERITY_WARNING, "initramfs",
					distribution_update_initramfs(diagnosis->release),
					"%s is older than %s, so it does not contain the "
					"current module and rules", image, newer);
		else
			doctor_report(diagnosis, SEVERITY_OK, "initramfs",
				      "%s contains vmbus-bind and the current module and rules",
				      image);
	}
	free(newer);
	free(image);
}
