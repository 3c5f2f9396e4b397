// SPDX-License-Identifier: GPL-2.0-only
/* doctor: check Secure Boot and Lockdown. */
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "doctor.h"
#include "file.h"

/* The vendor GUIDs in the names are the global one of UEFI, and shim's */
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MOK_LIST    "/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23"
#define MOK_FILE    "/sys/firmware/efi/mok-variables/MokListRT"

/* The kernel's sign-file puts this at the end of a module. */
static const char signature_mark[] = "~Module signature appended~\n";

static bool has_secure_boot(void)
{
	size_t size = 0;
	char *text = file_read(&size, SECURE_BOOT);
	/* The variable has four bytes of attributes and one byte of data. */
	bool on = text && size == 5 && text[4] == 1;

	free(text);
	return on;
}

/*
 * Return the mode of Lockdown, "integrity", as a new string; "none" without
 * Lockdown.
 */
static char *lockdown_mode(void)
{
	char *line = file_line("/sys/kernel/security/lockdown"), *begin, *mode;

	begin = line ? strchr(line, '[') : NULL;
	mode = begin ? need(strndup(begin + 1, strcspn(begin + 1, "]"))) : need_strdup("none");
	free(line);
	return mode;
}

/*
 * Return whether a module is signed: 1, 0, or -1 if it is compressed or cannot
 * be read.
 */
static int is_signed(const char *path)
{
	size_t size, mark = strlen(signature_mark);
	char *text;
	int yes;

	if (strcmp(path + strlen(path) - 3, ".ko"))
		return -1;
	text = file_read(&size, "%s", path);
	if (!text)
		return -1;
	yes = size >= mark && !memcmp(text + size - mark, signature_mark, mark);
	free(text);
	return yes;
}

/* Find the certificate with which this machine signs modules. */
static const char *certificate(void)
{
	static const char *const paths[] = {
		"/var/lib/dkms/mok.pub", "/var/lib/shim-signed/mok/MOK.der", "/root/mok.der",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (file_exists("%s", paths[i]))
			return paths[i];
	return NULL;
}

/*
 * Return whether shim has the certificate in its list: 1, 0, or -1 if the list
 * cannot be read.
 */
static int is_enrolled(const char *path)
{
	size_t size, list_size;
	char *der = file_read(&size, "%s", path), *list;
	int yes = -1;

	list = file_read(&list_size, MOK_FILE);
	if (!list)
		list = file_read(&list_size, MOK_LIST);
	/* The list contains each certificate unchanged. */
	if (der && size && list)
		yes = memmem(list, list_size, der, size) != NULL;
	free(der);
	free(list);
	return yes;
}

#define SIGN_HELPER "/etc/dkms/sign_helper.sh"

/*
 * Return whether dkms signs modules without being told. That of Debian 11 does
 * not. It has this script, which signs with a key that the administrator makes,
 * and which its configuration has to name.
 */
static bool dkms_signs(void)
{
	char *dkms;
	bool signs;

	if (!file_exists(SIGN_HELPER))
		return true;
	dkms = file_read(NULL, "/usr/sbin/dkms");
	signs = dkms && strstr(dkms, "mok_signing_key");
	free(dkms);
	return signs;
}

/*
 * Return the setting of dkms that names the program that signs, as a new
 * string, or NULL.
 */
static char *sign_tool(void)
{
	char *text = file_read(NULL, "/etc/dkms/framework.conf"), *rest = text, *line;
	char *tool = NULL;

	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, "sign_tool=", strlen("sign_tool="))) {
			free(tool);
			tool = need_strdup(line);
		}
	free(text);
	return tool;
}

/*
 * Return the commands after which Debian 11's dkms signs modules, each with
 * "&&" behind it. A key that exists stays, because it may be enrolled. The
 * command looks for it, because only root can.
 */
static char *make_dkms_sign(void)
{
	char *tool = sign_tool(), *commands;

	if (tool && !strstr(tool, SIGN_HELPER))
		/* The administrator has another program. */
		commands = need_strdup("");
	else
		commands = need_printf(
			"{ [ -e /root/mok.priv ] || openssl req -new -x509 -newkey rsa:2048 -nodes "
			"-days 36500 -subj '/CN=DKMS module signing key/' -keyout /root/mok.priv "
			"-outform DER -out /root/mok.der; } && "
			"chmod 600 /root/mok.priv && chmod +x " SIGN_HELPER " && %s",
			tool ? "" : "echo sign_tool=" SIGN_HELPER " >>/etc/dkms/framework.conf && ");
	free(tool);
	return commands;
}

/*
 * Return the command with which dkms signs the module for a kernel. If @signs,
 * dkms makes a key when it builds a module, if openssl is installed; otherwise
 * the command first changes its configuration. The command leaves the modules
 * of other kernels alone, because dkms may lack the headers to build them
 * again. Return NULL if dkms does not have the source.
 */
static char *build_signed(const char *release, bool signs)
{
	char *version, *install, *sign, *command;

	if (!doctor_has_dkms_source(&version))
		return NULL;
	install = distribution_install("openssl mokutil");
	sign = signs ? need_strdup("") : make_dkms_sign();
	command = need_printf("%s && %sdkms remove uio_hv_generic/%s -k %s; "
			      "dkms install uio_hv_generic/%s -k %s",
			      install, sign, version, release, version, release);
	free(sign);
	free(install);
	free(version);
	return command;
}

static void check_signature(struct diagnosis *diagnosis, const char *module)
{
	const char *cert = certificate();
	char *build;
	bool signs;

	if (doctor_is_ours_loaded())
		return;
	if (!is_signed(module)) {
		signs = dkms_signs();
		build = build_signed(diagnosis->release, signs);
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "secure-boot",
				build ? build : distribution_install("hyperv-uio-dkms openssl mokutil"),
				"the module %s is not signed; %s (doc/secure-boot.md)", module,
				!build ? "the package builds and signs one" :
				signs ? "dkms signs it if openssl is installed" :
				"this dkms signs it only if its configuration names a program");
	} else if (!cert) {
		doctor_complain(diagnosis, SEVERITY_WARNING, "secure-boot",
				need_printf("modinfo -F signer %s; mokutil --list-enrolled", module),
				"doctor knows of no key that signs modules on this machine, so it is "
				"not known whether the kernel will load %s; it does if the signer of "
				"the module is among the enrolled keys (doc/secure-boot.md)", module);
	} else if (!is_enrolled(cert)) {
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "secure-boot",
			need_printf("mokutil --import %s && reboot", cert),
			"the key that signs our module (%s) is not enrolled, so the kernel will "
			"reject %s; confirm the key on the VM's console at the reboot",
			cert, module);
	}
}

void doctor_secure_boot(struct diagnosis *diagnosis)
{
	char *module = doctor_our_module(diagnosis->release), *mode = lockdown_mode();
	bool secure = has_secure_boot(), locked = strcmp(mode, "none");

	doctor_report(diagnosis, SEVERITY_OK, "secure-boot", "Secure Boot is %s",
		      secure ? "on" : "off");
	doctor_report(diagnosis, locked ? SEVERITY_NOTE : SEVERITY_OK, "lockdown",
		      "Lockdown is %s%s%s", locked ? "in mode " : "off", locked ? mode : "",
		      locked ? "; binding and opening devices are allowed, hibernation is not" : "");
	if (module && (secure || locked))
		check_signature(diagnosis, module);
	free(mode);
	free(module);
}
