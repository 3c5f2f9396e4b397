// SPDX-License-Identifier: GPL-2.0-only
/* doctor: check the overrides that driverctl keeps for VMBus devices. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "driverctl.h"
#include "file.h"

/* Compare an entry of driverctl with the rule for its device. */
static void check_entry(struct diagnosis *diagnosis, const char *instance,
			const struct section *entry)
{
	const struct device *device = machine_find(&diagnosis->view.engine.machine, instance);
	const struct plan *now = device ? doctor_plan(diagnosis, device) : NULL;

	if (!device) {
		doctor_report(diagnosis, SEVERITY_NOTE, "driverctl",
			      "%s names a device that the host does not offer", entry->at.file);
	} else if (now && now->rule.scope == SCOPE_INSTANCE &&
		   strcmp(now->rule.at.file, entry->at.file) &&
		   (!now->rule.enable || strcmp(now->rule.driver, entry->driver))) {
		doctor_complain(diagnosis, SEVERITY_WARNING, "driverctl",
				need_printf("rm %s", entry->at.file),
				"%s binds %s to %s, but %s:%u takes precedence and %s%s",
				entry->at.file, instance, entry->driver, now->rule.at.file,
				now->rule.at.line, now->rule.enable ? "binds it to " : "leaves it alone",
				now->rule.enable ? now->rule.driver : "");
	} else if (file_exists("/usr/sbin/driverctl") || file_exists("/usr/bin/driverctl")) {
		doctor_complain(
			diagnosis, SEVERITY_WARNING, "driverctl",
			need_printf("vmbusctl set-override %s %s", instance, entry->driver),
			"%s is applied by vmbus-bind, while driverctl's own unit for it fails at "
			"each boot: systemd turns the dashes of its name into slashes",
			entry->at.file);
	} else {
		doctor_report(diagnosis, SEVERITY_OK, "driverctl", "%s is applied by vmbus-bind",
			      entry->at.file);
	}
}

void doctor_driverctl(struct diagnosis *diagnosis)
{
	const struct config *config = &diagnosis->view.engine.config;

	for (size_t i = 0; i < config->count; i++) {
		const struct section *section = &config->sections[i];
		char *path = driverctl_path(section->name.text);

		if (section->name.kind == NAME_GUID && section->at.file &&
		    !strcmp(need(path), section->at.file))
			check_entry(diagnosis, section->name.text, section);
		free(path);
	}
}
