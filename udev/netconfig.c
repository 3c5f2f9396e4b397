// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find out which interfaces the configuration brings up at boot with a default
 * route: by DHCP, or with an address and a gateway. This file reads the
 * configuration of systemd-networkd, ifupdown and NetworkManager, and the files
 * that netplan generates for systemd-networkd and NetworkManager. A wrong yes
 * may cost the administrator the network, and a wrong no costs a line
 * force=yes. So whatever is in doubt counts as no.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/conf_line.h"
#include "machine.h"

enum match { NO_MATCH, MATCHES, IN_DOUBT };

/* One file, or one iface paragraph, about the interfaces that it names */
struct profile {
	char file[SOURCE_SIZE];
	char *names;		/* separated by blanks, with * and ?; NULL: no condition */
	char *macs;		/* the same, in lower case */
	char *drivers;		/* the same */
	bool in_doubt;		/* it has other conditions, or drop-ins may change it */
	bool is_off;		/* manual, unmanaged, or part of a bond or bridge */
	bool dhcp;
	bool no_dhcp_route;
	bool address;
	bool gateway;
};

struct profiles {
	struct profile *list;
	size_t count;
};

struct netconfig {
	/* As in networkd, the first profile that matches counts. */
	struct profiles networkd;
	/* Any profile that matches counts. */
	struct profiles others;
	/* The interfaces after auto and allow-hotplug */
	char **automatic;
	size_t automatic_count;
	time_t netplan;		/* the last change of its configuration; 0: there is none */
	bool failed;		/* out of memory: nothing counts */
};

static int rooted(char path[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int rooted(char path[PATH_MAX], const char *format, ...)
{
	size_t root = strlen(vmbus_sysroot());
	va_list args;
	int n;

	if (root >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, vmbus_sysroot(), root + 1);
	va_start(args, format);
	n = vsnprintf(path + root, PATH_MAX - root, format, args);
	va_end(args);
	return n < (int)(PATH_MAX - root) ? 0 : -ENAMETOOLONG;
}

static bool exists(const char *path_below_root)
{
	char path[PATH_MAX];
	struct stat st;

	/*
	 * Use lstat(), because an enabled unit is a link whose target may be
	 * outside of this root.
	 */
	return !rooted(path, "%s", path_below_root) && !lstat(path, &st);
}

static bool is_masked(const char *unit)
{
	char path[PATH_MAX], target[16];
	ssize_t n;

	if (rooted(path, "/etc/systemd/system/%s", unit))
		return true;
	n = readlink(path, target, sizeof(target) - 1);
	return n == 9 && !strncmp(target, "/dev/null", 9);
}

/* Return whether systemd starts a unit at boot. */
static bool is_enabled(const char *unit)
{
	static const char *const folders[] = {
		"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
		"/usr/lib/systemd/system", "/lib/systemd/system",
	};
	static const char *const targets[] = { "multi-user", "network-online", "sysinit" };
	char path[256];

	if (is_masked(unit))
		return false;
	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++)
		for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
			snprintf(path, sizeof(path), "%s/%s.target.wants/%s", folders[f],
				 targets[t], unit);
			if (exists(path))
				return true;
		}
	return false;
}

/*
 * Append words to a list of words. An empty value clears the list, as in
 * systemd.
 */
static void add_words(struct netconfig *net, char **list, const char *words)
{
	char *more;

	if (asprintf(&more, "%s %s", *words && *list ? *list : "", words) < 0) {
		net->failed = true;
		return;
	}
	for (char *c = more; *c; c++)
		if (*c == ';' || *c == ',')
			*c = ' ';
	free(*list);
	*list = more;
}

static void lower(char *text)
{
	for (; text && *text; text++)
		*text = *text == '-' ? ':' : tolower((unsigned char)*text);
}

static struct profile *add_profile(struct netconfig *net, struct profiles *to, const char *file)
{
	struct profile *more = reallocarray(to->list, to->count + 1, sizeof(*more));

	if (!more) {
		net->failed = true;
		return NULL;
	}
	to->list = more;
	more += to->count++;
	*more = (struct profile){ 0 };
	snprintf(more->file, sizeof(more->file), "%s", file);
	return more;
}

static bool is_true(const char *value)
{
	return !strcasecmp(value, "yes") || !strcasecmp(value, "true") ||
	       !strcasecmp(value, "on") || !strcmp(value, "1");
}

/* Call @on_key for each key of a file with sections. Return 0 or -errno. */
static int read_sections(const char *path,
			 void (*on_key)(void *arg, const char *section, const char *key,
					const char *value),
			 void *arg)
{
	char section[128] = "";
	char *line = NULL, *text, *value;
	size_t size = 0;
	int ret = 0;
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		text = conf_trim(line);
		if (!*text || *text == '#' || *text == ';')
			continue;
		if (*text == '[') {
			text[strcspn(text, "]")] = '\0';
			snprintf(section, sizeof(section), "%s", text + 1);
			continue;
		}
		value = strchr(text, '=');
		if (!value) {
			ret = -EPROTO;
			break;
		}
		*value++ = '\0';
		on_key(arg, section, conf_trim(text), conf_trim(value));
	}
	if (!ret && ferror(file))
		ret = -EIO;
	free(line);
	fclose(file);
	return ret;
}

struct reading {
	struct netconfig *net;
	struct profile *profile;
	bool is_ethernet;
	bool has_match;
};

static void on_networkd_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	struct profile *p = r->profile;

	if (!strcmp(section, "Match")) {
		r->has_match = true;
		if (!strcmp(key, "Name"))
			add_words(r->net, &p->names, value);
		else if (!strcmp(key, "MACAddress") || !strcmp(key, "PermanentMACAddress"))
			add_words(r->net, &p->macs, value);
		else if (!strcmp(key, "Driver"))
			add_words(r->net, &p->drivers, value);
		else if (strcmp(key, "Type") || strcmp(value, "ether"))
			p->in_doubt = true;
	} else if (!strcmp(section, "Link")) {
		if (!strcmp(key, "Unmanaged") && is_true(value))
			p->is_off = true;
		if (!strcmp(key, "ActivationPolicy") && strcmp(value, "up") &&
		    strcmp(value, "always-up"))
			p->is_off = true;
	} else if (!strcmp(section, "Network")) {
		if (!strcmp(key, "DHCP"))
			p->dhcp = is_true(value) || !strcmp(value, "both") ||
				  !strcmp(value, "ipv4") || !strcmp(value, "v4");
		else if (!strcmp(key, "Address"))
			p->address = true;
		else if (!strcmp(key, "Gateway"))
			p->gateway = *value;
		else if (!strcmp(key, "Bridge") || !strcmp(key, "Bond") || !strcmp(key, "VRF"))
			p->is_off = true;
	} else if (!strcmp(section, "Address")) {
		p->address = true;
	} else if (!strcmp(section, "DHCP") || !strcmp(section, "DHCPv4")) {
		if ((!strcmp(key, "UseRoutes") || !strcmp(key, "UseGateway")) && !is_true(value))
			p->no_dhcp_route = true;
	}
}

/* Return whether a file in /run is not older than netplan's configuration. */
static bool is_current(const struct netconfig *net, const char *path)
{
	struct stat st;

	return net->netplan && !stat(path, &st) && st.st_mtime >= net->netplan;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && !strcmp(name + len - n, end);
}

struct file {
	char name[256];
	char path[SOURCE_SIZE];
};

struct files {
	struct file *list;
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/*
 * Find the files with @suffix in @folders, sorted by name. A file in an
 * earlier directory hides one of the same name in a later directory.
 */
static void find_files(struct netconfig *net, struct files *files, const char *const *folders,
		       size_t folder_count, const char *suffix)
{
	struct dirent *entry;
	char path[PATH_MAX];
	struct file *more;
	size_t i;
	DIR *dir;

	*files = (struct files){ 0 };
	for (size_t f = 0; f < folder_count; f++) {
		dir = rooted(path, "%s", folders[f]) ? NULL : opendir(path);
		while (dir && (entry = readdir(dir))) {
			if (entry->d_name[0] == '.' || !ends_with(entry->d_name, suffix))
				continue;
			for (i = 0; i < files->count && strcmp(files->list[i].name, entry->d_name);
			     i++)
				;
			if (i < files->count)
				continue;
			more = reallocarray(files->list, files->count + 1, sizeof(*more));
			if (!more) {
				net->failed = true;
				break;
			}
			files->list = more;
			more += files->count++;
			snprintf(more->name, sizeof(more->name), "%s", entry->d_name);
			if (snprintf(more->path, sizeof(more->path), "%s/%s", folders[f],
				     entry->d_name) >= (int)sizeof(more->path))
				net->failed = true;
		}
		if (dir)
			closedir(dir);
	}
	if (files->count)
		qsort(files->list, files->count, sizeof(*files->list), by_name);
}

/* Return whether a .network file has drop-ins, which may change any key. */
static bool has_drop_ins(const char *name)
{
	static const char *const folders[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"};
	char path[512];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/systemd/network/%s.d", folders[i], name);
		if (exists(path))
			return true;
	}
	return false;
}

static void read_networkd(struct netconfig *net)
{
	static const char *const folders[] = {
		"/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network",
		"/usr/lib/systemd/network", "/lib/systemd/network",
	};
	struct reading reading = { .net = net };
	struct files files;
	char path[PATH_MAX];
	struct stat st;

	if (!is_enabled("systemd-networkd.service"))
		return;
	find_files(net, &files, folders, sizeof(folders) / sizeof(folders[0]), ".network");
	for (size_t i = 0; i < files.count && !net->failed; i++) {
		const struct file *file = &files.list[i];

		/* An empty file, or a link to /dev/null, masks the name. */
		if (rooted(path, "%s", file->path) || (!stat(path, &st) && !st.st_size))
			continue;
		reading.has_match = false;
		reading.profile = add_profile(net, &net->networkd, file->path);
		if (!reading.profile)
			break;
		if (read_sections(path, on_networkd_key, &reading) || !reading.has_match ||
		    has_drop_ins(file->name))
			reading.profile->in_doubt = true;
		/*
		 * Of the files in /run, only netplan's are certain to exist
		 * again after the next boot.
		 */
		if (!strncmp(file->path, "/run/", 5) &&
		    (!strstr(file->name, "-netplan-") || !is_current(net, path)))
			reading.profile->is_off = true;
		lower(reading.profile->macs);
	}
	free(files.list);
}

static void on_keyfile_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	struct profile *p = r->profile;

	if (!strcmp(section, "connection")) {
		if (!strcmp(key, "type"))
			r->is_ethernet =
				!strcmp(value, "ethernet") || !strcmp(value, "802-3-ethernet");
		else if (!strcmp(key, "interface-name"))
			add_words(r->net, &p->names, value);
		else if (!strcmp(key, "autoconnect"))
			p->is_off |= !is_true(value);
		else if (!strcmp(key, "master") || !strcmp(key, "controller"))
			p->is_off = true;
		/* The profile comes up only when one of these users logs in. */
		else if (!strcmp(key, "permissions"))
			p->is_off |= *value != '\0';
	} else if (!strcmp(section, "ethernet") || !strcmp(section, "802-3-ethernet")) {
		if (!strcmp(key, "mac-address"))
			add_words(r->net, &p->macs, value);
		else if (!strncmp(key, "mac-address-", 12) || !strcmp(key, "cloned-mac-address"))
			p->in_doubt = true;
	} else if (!strcmp(section, "match")) {
		p->in_doubt = true;
	} else if (!strcmp(section, "ipv4")) {
		if (!strcmp(key, "method"))
			p->dhcp = !strcmp(value, "auto");
		else if (!strcmp(key, "never-default") || !strcmp(key, "ignore-auto-routes"))
			p->no_dhcp_route |= is_true(value);
		else if (!strcmp(key, "gateway"))
			p->gateway = true;
		if (!strncmp(key, "address", 7) && strcmp(key, "address-data")) {
			p->address = true;
			p->gateway |= strchr(value, ',') != NULL;
		}
	}
}

static void on_manager_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;

	/*
	 * Only managed= in [ifupdown] is harmless, because it concerns the
	 * interfaces of /etc/network/interfaces.
	 */
	if ((!strcmp(key, "unmanaged-devices") && *value) ||
	    (!strcmp(key, "managed") && !strncmp(section, "device", 6)))
		r->has_match = true;
}

/*
 * Return whether NetworkManager is configured to leave some interfaces alone.
 */
static bool has_unmanaged(struct netconfig *net)
{
	static const char *const folders[] = {
		"/etc/NetworkManager/conf.d",
		"/run/NetworkManager/conf.d",
		"/usr/lib/NetworkManager/conf.d",
	};
	struct reading reading = { .net = net };
	struct files files;
	char path[PATH_MAX];

	if (!rooted(path, "/etc/NetworkManager/NetworkManager.conf"))
		read_sections(path, on_manager_key, &reading);
	find_files(net, &files, folders, sizeof(folders) / sizeof(folders[0]), ".conf");
	for (size_t i = 0; i < files.count; i++)
		if (rooted(path, "%s", files.list[i].path) ||
		    read_sections(path, on_manager_key, &reading))
			reading.has_match = true;
	free(files.list);
	return reading.has_match;
}

static void read_networkmanager(struct netconfig *net)
{
	static const char *const folders[] = {
		"/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections",
		"/usr/lib/NetworkManager/system-connections",
	};
	struct files files;
	char path[PATH_MAX];
	struct stat st;

	if (!is_enabled("NetworkManager.service") || has_unmanaged(net))
		return;
	find_files(net, &files, folders, sizeof(folders) / sizeof(folders[0]), ".nmconnection");
	for (size_t i = 0; i < files.count && !net->failed; i++) {
		struct reading reading = { .net = net };
		struct profile *p = add_profile(net, &net->others, files.list[i].path);

		if (!p)
			break;
		reading.profile = p;
		/* NetworkManager ignores files that other users may read. */
		if (rooted(path, "%s", p->file) || stat(path, &st) || st.st_mode & 077 ||
		    read_sections(path, on_keyfile_key, &reading) || !reading.is_ethernet ||
		    (!strncmp(p->file, "/run/", 5) && !is_current(net, path)))
			p->in_doubt = true;
		/*
		 * A profile for any interface comes up on one of them, and it
		 * is not known on which.
		 */
		if (!p->names && !p->macs)
			p->in_doubt = true;
		/* NetworkManager does not accept patterns here. */
		if (p->names && strpbrk(p->names, "*?["))
			p->in_doubt = true;
		/* never-default also disables the gateway. */
		if (p->no_dhcp_route)
			p->gateway = false;
		lower(p->macs);
	}
	free(files.list);
}

/* Add a name that follows auto or allow-hotplug. */
static void add_automatic(struct netconfig *net, const char *name)
{
	char **more = reallocarray(net->automatic, net->automatic_count + 1, sizeof(*more));
	char *copy = strdup(name);

	if (more)
		net->automatic = more;
	if (!more || !copy) {
		free(copy);
		net->failed = true;
		return;
	}
	more[net->automatic_count++] = copy;
}

struct interfaces {
	struct netconfig *net;
	struct profiles ifaces;
	struct profile *iface;	/* the current paragraph */
	bool is_static;
	bool in_doubt;		/* a mapping, a template, or a file that is included twice */
	struct stat *seen;	/* the files that have been read */
	size_t seen_count;
};

static void read_interfaces(struct interfaces *in, const char *file);

/* Read the files that a source or source-directory line names. */
static void read_included(struct interfaces *in, const char *pattern, bool is_folder)
{
	char path[PATH_MAX];
	glob_t found;

	if (rooted(path, "%s%s%s", *pattern == '/' ? "" : "/etc/network/", pattern,
		   is_folder ? "/*" : "") ||
	    glob(path, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		size_t len = strlen(name);

		if (is_folder &&
		    strspn(name,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
			    len)
			continue;
		read_interfaces(in, found.gl_pathv[i] + strlen(vmbus_sysroot()));
	}
	globfree(&found);
}

static void on_iface(struct interfaces *in, const char *file, char *save)
{
	const char *name = strtok_r(NULL, CONF_BLANKS, &save);
	const char *family = strtok_r(NULL, CONF_BLANKS, &save);
	const char *method = strtok_r(NULL, CONF_BLANKS, &save);

	in->iface = NULL;
	if (!name || !family || !method)
		return;
	in->iface = add_profile(in->net, &in->ifaces, file);
	if (!in->iface)
		return;
	add_words(in->net, &in->iface->names, name);
	in->iface->dhcp = !strcmp(family, "inet") && !strcmp(method, "dhcp");
	in->is_static = !strcmp(method, "static");
	/* "inherits" follows, or the name is a pattern. */
	if (strtok_r(NULL, CONF_BLANKS, &save) || strpbrk(name, "/*?["))
		in->iface->in_doubt = true;
}

static void on_interfaces_line(struct interfaces *in, const char *file, char *line)
{
	char *save, *word = strtok_r(line, CONF_BLANKS, &save);
	/*
	 * A file in /run does not exist at the next boot until something writes
	 * it again, so it brings nothing up. It may still raise doubt.
	 */
	const bool is_lost = !strncmp(file, "/run/", 5);

	if (!word || *word == '#')
		return;
	if (!strcmp(word, "iface")) {
		in->iface = NULL;
		if (!is_lost)
			on_iface(in, file, save);
	} else if (!strcmp(word, "auto") || !strcmp(word, "allow-auto") ||
		   !strcmp(word, "allow-hotplug")) {
		in->iface = NULL;
		while (!is_lost && (word = strtok_r(NULL, CONF_BLANKS, &save)))
			add_automatic(in->net, word);
	} else if (!strcmp(word, "source") || !strcmp(word, "source-directory")) {
		bool is_folder = word[6];

		in->iface = NULL;
		word = strtok_r(NULL, CONF_BLANKS, &save);
		if (word)
			read_included(in, word, is_folder);
	} else if (!strcmp(word, "mapping")) {
		in->iface = NULL;
		in->in_doubt = true;
	} else if (!strncmp(word, "allow-", 6) || !strncmp(word, "no-auto", 7) ||
		   !strcmp(word, "rename") || !strcmp(word, "template")) {
		in->iface = NULL;
		in->in_doubt |= word[0] == 'r' || word[0] == 't';
	} else if (in->iface) {
		in->iface->address |= in->is_static && !strcmp(word, "address");
		in->iface->gateway |= in->is_static && !strcmp(word, "gateway");
	}
}

/*
 * Record a file, and return whether it is new. Files may include each other,
 * and the effect of reading one twice is in doubt.
 */
static bool is_new(struct interfaces *in, FILE *file)
{
	struct stat st, *seen;

	if (fstat(fileno(file), &st)) {
		in->in_doubt = true;
		return false;
	}
	for (size_t i = 0; i < in->seen_count; i++)
		if (in->seen[i].st_dev == st.st_dev && in->seen[i].st_ino == st.st_ino) {
			in->in_doubt = true;
			return false;
		}
	seen = machine_grow(&in->seen, &in->seen_count, sizeof(*seen));
	if (seen)
		*seen = st;
	else
		in->net->failed = true;
	return seen;
}

static void read_interfaces(struct interfaces *in, const char *name)
{
	char *line = NULL, *whole = NULL, *more;
	size_t size = 0;
	ssize_t len;
	bool is_new_file;
	FILE *file;

	file = open_rooted("%s", name);
	if (!file)
		return;
	is_new_file = is_new(in, file);
	while (is_new_file && !in->net->failed && (len = getline(&line, &size, file)) >= 0) {
		bool goes_on = len > 1 && line[len - 1] == '\n' && line[len - 2] == '\\';

		if (goes_on)
			line[len - 2] = '\0';
		if (asprintf(&more, "%s%s%s", whole ? whole : "", whole ? " " : "", line) < 0) {
			in->net->failed = true;
			break;
		}
		free(whole);
		whole = more;
		if (goes_on)
			continue;
		on_interfaces_line(in, name, whole);
		free(whole);
		whole = NULL;
	}
	free(whole);
	free(line);
	fclose(file);
}

static bool has_sysv_link(void)
{
	char path[PATH_MAX];
	glob_t found;
	int ret;

	if (rooted(path, "/etc/rcS.d/S[0-9][0-9]networking"))
		return false;
	ret = glob(path, 0, NULL, &found);
	if (!ret)
		globfree(&found);
	return !ret;
}

static void read_ifupdown(struct netconfig *net)
{
	struct interfaces in = { .net = net };
	struct profile *p;

	if ((!exists("/sbin/ifup") && !exists("/usr/sbin/ifup")) ||
	    (!is_enabled("networking.service") && !has_sysv_link()))
		return;
	read_interfaces(&in, "/etc/network/interfaces");
	for (size_t i = 0; i < in.ifaces.count; i++) {
		struct profile *iface = &in.ifaces.list[i];
		const char *name = iface->names ? conf_trim(iface->names) : "";
		bool automatic = false;

		for (size_t a = 0; a < net->automatic_count; a++)
			automatic |= !strcmp(net->automatic[a], name);
		p = automatic && !in.in_doubt ? add_profile(net, &net->others, iface->file)
						 : NULL;
		if (p) {
			*p = *iface;
			*iface = (struct profile){ 0 };
		}
		free(iface->names);
	}
	free(in.ifaces.list);
	free(in.seen);
}

/*
 * Find the time of the last change of netplan's configuration. Its files in
 * /run must be newer.
 */
static void read_netplan(struct netconfig *net)
{
	static const char *const folders[] = { "/etc/netplan", "/usr/lib/netplan", "/lib/netplan" };
	struct files files;
	char path[PATH_MAX];
	struct stat st;

	find_files(net, &files, folders, sizeof(folders) / sizeof(folders[0]), ".yaml");
	for (size_t i = 0; i < files.count; i++)
		if (!rooted(path, "%s", files.list[i].path) && !stat(path, &st) &&
		    st.st_mtime > net->netplan)
			net->netplan = st.st_mtime;
	/* The removal of a file changes the time of its directory. */
	for (size_t i = 0; files.count && i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!rooted(path, "%s", folders[i]) && !stat(path, &st) &&
		    st.st_mtime > net->netplan)
			net->netplan = st.st_mtime;
	free(files.list);
}

struct netconfig *netconfig_read(void)
{
	struct netconfig *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	read_netplan(net);
	read_networkd(net);
	read_ifupdown(net);
	read_networkmanager(net);
	return net;
}

static void free_profiles(struct profiles *profiles)
{
	for (size_t i = 0; i < profiles->count; i++) {
		free(profiles->list[i].names);
		free(profiles->list[i].macs);
		free(profiles->list[i].drivers);
	}
	free(profiles->list);
}

void netconfig_free(struct netconfig *net)
{
	if (!net)
		return;
	free_profiles(&net->networkd);
	free_profiles(&net->others);
	for (size_t i = 0; i < net->automatic_count; i++)
		free(net->automatic[i]);
	free(net->automatic);
	free(net);
}

static enum match match_words(const char *words, const char *text)
{
	char copy[512], *save, *word;
	enum match result = NO_MATCH;

	if (strlen(words) >= sizeof(copy) || strpbrk(words, "!\"\\"))
		return IN_DOUBT;
	if (!*text)
		return IN_DOUBT;
	strcpy(copy, words);
	for (word = strtok_r(copy, CONF_BLANKS, &save); word; word =
	     strtok_r(NULL, CONF_BLANKS, &save))
		if (!fnmatch(word, text, 0))
			result = MATCHES;
	return result;
}

static enum match matches(const struct profile *profile, const char *name, const char *mac,
			  const char *driver)
{
	const char *const words[] = { profile->names, profile->macs, profile->drivers };
	const char *const texts[] = { name, mac, driver };
	enum match result = MATCHES, one;

	for (size_t i = 0; i < 3; i++) {
		one = words[i] ? match_words(words[i], texts[i]) : MATCHES;
		if (one == NO_MATCH)
			return NO_MATCH;
		if (one == IN_DOUBT)
			result = IN_DOUBT;
	}
	return profile->in_doubt ? IN_DOUBT : result;
}

static bool brings_up(const struct profile *p)
{
	return !p->is_off && ((p->dhcp && !p->no_dhcp_route) || (p->address && p->gateway));
}

void netconfig_find(const struct netconfig *net, const char *name, const char *mac,
		    const char *driver, char file[SOURCE_SIZE])
{
	const struct profile *found = NULL;

	file[0] = '\0';
	if (!net || net->failed)
		return;
	for (size_t i = 0; i < net->networkd.count && !found; i++) {
		enum match match = matches(&net->networkd.list[i], name, mac, driver);

		if (match == IN_DOUBT)
			break;
		if (match == MATCHES)
			found = &net->networkd.list[i];
	}
	if (found && !brings_up(found))
		found = NULL;
	for (size_t i = 0; i < net->others.count && !found; i++)
		if (matches(&net->others.list[i], name, mac, driver) == MATCHES &&
		    brings_up(&net->others.list[i]))
			found = &net->others.list[i];
	if (found)
		snprintf(file, SOURCE_SIZE, "%s", found->file);
}
