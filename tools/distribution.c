// SPDX-License-Identifier: GPL-2.0-only
#include "distribution.h"

#include <ctype.h>
#include <string.h>

#include "file.h"

enum family { DEBIAN, UBUNTU, FEDORA, SUSE };

static enum family family_of_machine(void)
{
	static const struct {
		const char *word;
		enum family family;
	} words[] = {
		/* Ubuntu and its relatives have ID_LIKE=debian, too. */
		{ "ubuntu", UBUNTU }, { "debian", DEBIAN },	{ "fedora", FEDORA },
		{ "rhel", FEDORA },   { "azurelinux", FEDORA }, { "mariner", FEDORA },
		{ "suse", SUSE },
	};
	char *text = file_read(NULL, "/etc/os-release");
	enum family family = DEBIAN;

	for (size_t i = sizeof(words) / sizeof(words[0]); text && i-- > 0;)
		if (strstr(text, words[i].word))
			family = words[i].family;
	free(text);
	return family;
}

/*
 * Return the kind of a kernel: "cloud-amd64" for 6.1.0-37-cloud-amd64, "azure"
 * for 6.8.0-1021-azure.
 */
static const char *flavour_of(const char *release)
{
	const char *flavour = strchr(release, '-');

	/* A part that begins with a digit counts builds. */
	while (flavour && isdigit((unsigned char)flavour[1]))
		flavour = strchr(flavour + 1, '-');
	return flavour ? flavour + 1 : "";
}

char *distribution_install(const char *package)
{
	switch (family_of_machine()) {
	case FEDORA:
		return need_printf("dnf install %s", package);
	case SUSE:
		return need_printf("zypper install %s", package);
	default:
		return need_printf("apt install %s", package);
	}
}

char *distribution_install_headers(const char *release)
{
	const char *flavour = flavour_of(release), *variant = strchr(release, '+');
	/* dkms has a hook for a DEB of headers, but none for an RPM. */
	static const char build[] = "dkms autoinstall -k";

	switch (family_of_machine()) {
	case FEDORA:
		/* 5.14.0-503.el9.x86_64+rt has kernel-rt-devel. */
		if (variant)
			return need_printf("dnf install kernel-%s-devel-%.*s && %s %s", variant + 1,
					   (int)(variant - release), release, build, release);
		/* Oracle's and RHEL 8's real-time kernels have no '+'. */
		return need_printf("dnf install kernel-%sdevel-%s && %s %s",
				   strstr(release, "uek.") ? "uek-" :
				   strstr(release, ".rt")  ? "rt-" :
							     "",
				   release, build, release);
	case SUSE:
		/*
		 * The kernel's release is the version of its package and the
		 * flavour. The newest headers may be installed already.
		 */
		return need_printf("zypper install kernel-%s-devel=%.*s && %s %s", flavour,
				   (int)(strlen(release) - strlen(flavour)) - 1, release, build,
				   release);
	default:
		return need_printf("apt install linux-headers-%s%s%s", release,
				   *flavour ? " linux-headers-" : "", flavour);
	}
}

char *distribution_install_uio(const char *release)
{
	switch (family_of_machine()) {
	case UBUNTU:
		return need_printf("apt install linux-modules-extra-%s", release);
	case FEDORA:
		return need_printf("dnf install kernel-modules-%s", release);
	case SUSE:
		/* kernel-default-base lacks the module. */
		return need_strdup("zypper install kernel-default");
	default:
		return need_printf("apt install --reinstall linux-image-%s", release);
	}
}
