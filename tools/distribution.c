// SPDX-License-Identifier: GPL-2.0-only
#include "distribution.h"

#include <ctype.h>
#include <string.h>

#include "file.h"

enum family { DEBIAN, UBUNTU, FEDORA, SUSE, OTHER };

/* Return whether a line of os-release, NAME="word word", contains a word. */
static bool has_word(const char *line, const char *name, const char *word)
{
	size_t len = strlen(name);
	char *copy, *rest, *token;
	bool found = false;

	if (strncmp(line, name, len) || line[len] != '=')
		return false;
	rest = copy = need_strdup(line + len + 1);
	while (!found && (token = strsep(&rest, " \"'")))
		found = !strcmp(token, word);
	free(copy);
	return found;
}

static enum family family_of_machine(void)
{
	static const struct {
		const char *word;
		enum family family;
	} words[] = {
		/* Ubuntu has ID_LIKE=debian, so it comes first. */
		{ "ubuntu", UBUNTU },  { "debian", DEBIAN }, { "fedora", FEDORA },
		{ "rhel", FEDORA },    { "centos", FEDORA }, { "azurelinux", FEDORA },
		{ "mariner", FEDORA }, { "suse", SUSE },     { "sles", SUSE },
		{ "opensuse", SUSE },
	};
	char *text = file_read(NULL, "/etc/os-release"), *rest, *line;
	enum family family = OTHER;

	if (!text)
		text = file_read(NULL, "/usr/lib/os-release");
	for (size_t i = 0; text && family == OTHER && i < sizeof(words) / sizeof(words[0]); i++) {
		char *copy = rest = need_strdup(text);

		while ((line = strsep(&rest, "\n")))
			if (has_word(line, "ID", words[i].word) ||
			    has_word(line, "ID_LIKE", words[i].word))
				family = words[i].family;
		free(copy);
	}
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

/* Return the command that installs the headers of a kernel. */
static char *install_headers(const char *release)
{
	const char *flavour = flavour_of(release), *variant = strchr(release, '+');
	int version = (int)(strlen(release) - strlen(flavour));

	switch (family_of_machine()) {
	case FEDORA:
		/* 5.14.0-503.el9.x86_64+rt has kernel-rt-devel. */
		if (variant && variant[1])
			return need_printf("dnf install kernel-%s-devel-%.*s", variant + 1,
					   (int)(variant - release), release);
		/* Oracle's and RHEL 8's real-time kernels have no '+'. */
		return need_printf("dnf install kernel-%sdevel-%s",
				   strstr(release, "uek.") ? "uek-" :
				   strstr(release, ".rt")  ? "rt-" :
							     "",
				   release);
	case SUSE:
		/*
		 * The kernel's release is the version of its package and the
		 * flavour. The newest headers may be installed already.
		 */
		if (!*flavour)
			return need_strdup("zypper install kernel-default-devel");
		return need_printf("zypper install kernel-%s-devel=%.*s", flavour, version - 1,
				   release);
	default:
		return need_printf("apt install linux-headers-%s%s%s", release,
				   *flavour ? " linux-headers-" : "", flavour);
	}
}

char *distribution_install_headers(const char *release)
{
	char *install = install_headers(release), *command;
	enum family family = family_of_machine();

	/* dkms has a hook for a DEB of headers, but none for an RPM. */
	if (family != FEDORA && family != SUSE)
		return install;
	command = need_printf("%s && dkms autoinstall -k %s", install, release);
	free(install);
	return command;
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
