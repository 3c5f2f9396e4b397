// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find out which interfaces the routes, network file systems and network disks
 * of the machine use.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine.h"

#define RTF_REJECT 0x0200
#define SCOPE_GLOBAL 0

FILE *open_rooted(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	size_t root;
	int n;

	root = strlen(vmbus_sysroot());
	if (root >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(path, vmbus_sysroot(), root);
	va_start(args, format);
	n = vsnprintf(path + root, sizeof(path) - root, format, args);
	va_end(args);
	if (n >= (int)(sizeof(path) - root)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "re");
}

void *machine_grow(void *list, size_t *count, size_t size)
{
	char *old, *more;

	memcpy(&old, list, sizeof(old));
	more = reallocarray(old, *count + 1, size);
	if (!more)
		return NULL;
	memcpy(list, &more, sizeof(more));
	return memset(more + size * (*count)++, 0, size);
}

/* Close a file. Return @ret, or -EIO if @ret is 0 and reading has failed. */
static int end_reading(FILE *file, int ret)
{
	if (!ret && ferror(file))
		ret = -EIO;
	fclose(file);
	return ret;
}

static int read_ipv4_routes(struct routes *routes, const char *path)
{
	unsigned int to, flags, metric, mask;
	char name[INTERFACE_SIZE];
	struct route *route;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *file;

	file = open_rooted("%s", path);
	if (!file)
		return -errno;
	while (!ret && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%15s %x %*x %x %*d %*d %u %x", name, &to, &flags, &metric,
			   &mask) != 5 ||
		    flags & RTF_REJECT)
			continue;
		route = machine_grow(&routes->list, &routes->count, sizeof(*route));
		if (!route) {
			ret = -ENOMEM;
			break;
		}
		strcpy(route->interface, name);
		route->metric = metric;
		route->to.family = AF_INET;
		memcpy(route->to.bytes, &to, sizeof(to));
		/*
		 * The kernel prints the bytes, which are in network order, as a
		 * number.
		 */
		for (mask = ntohl(mask); mask & 0x80000000; mask <<= 1)
			route->prefix++;
	}
	free(line);
	return end_reading(file, ret);
}

static bool parse_hex(const char *text, unsigned char bytes[16])
{
	for (int i = 0; i < 16; i++)
		if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
			return false;
	return true;
}

/* A kernel without IPv6 has neither this file nor that of the addresses. */
static int read_ipv6_routes(struct routes *routes, const char *path)
{
	unsigned int prefix, metric, flags;
	char name[INTERFACE_SIZE], to[33];
	struct route *route;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *file;

	file = open_rooted("%s", path);
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%32s %x %*s %*x %*s %x %*x %*x %x %15s", to, &prefix, &metric,
			   &flags, name) != 5 ||
		    flags & RTF_REJECT)
			continue;
		route = machine_grow(&routes->list, &routes->count, sizeof(*route));
		if (!route) {
			ret = -ENOMEM;
			break;
		}
		strcpy(route->interface, name);
		route->to.family = AF_INET6;
		route->prefix = prefix;
		route->metric = metric;
		if (!parse_hex(to, route->to.bytes))
			ret = -EPROTO;
	}
	free(line);
	return end_reading(file, ret);
}

static int read_ipv6_addresses(struct routes *routes, const char *path)
{
	char name[INTERFACE_SIZE], (*global)[INTERFACE_SIZE];
	unsigned int scope;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *file;

	file = open_rooted("%s", path);
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*s %*x %*x %x %*x %15s", &scope, name) != 2 ||
		    scope != SCOPE_GLOBAL)
			continue;
		global = machine_grow(&routes->global, &routes->global_count, sizeof(*global));
		if (global)
			strcpy(*global, name);
		else
			ret = -ENOMEM;
	}
	free(line);
	return end_reading(file, ret);
}

/*
 * Read the interfaces of PPPoE sessions. sysfs does not show that ppp0 is
 * stacked on its interface; only this file does.
 */
static int read_pppoe(struct routes *routes, const char *path)
{
	char name[INTERFACE_SIZE], (*below)[INTERFACE_SIZE];
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *file;

	file = open_rooted("%s", path);
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*s %*s %15s", name) != 1 || !strcmp(name, "Device"))
			continue;
		below = machine_grow(&routes->pppoe, &routes->pppoe_count, sizeof(*below));
		if (below)
			strcpy(*below, name);
		else
			ret = -ENOMEM;
	}
	free(line);
	return end_reading(file, ret);
}

/*
 * Parse an address from @text to @end, with or without [ ], port and scope.
 * *address stays unknown if the text contains none.
 */
static void parse_address(const char *text, const char *end, struct address *address)
{
	char copy[INET6_ADDRSTRLEN];
	size_t len;

	*address = (struct address){ 0 };
	if (*text == '[') {
		text++;
		end = memchr(text, ']', end - text);
		if (!end)
			return;
	}
	len = end - text;
	if (memchr(text, '%', len))
		len = (const char *)memchr(text, '%', len) - text;
	if (len >= sizeof(copy))
		return;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, address->bytes) == 1)
		address->family = AF_INET;
	else if (inet_pton(AF_INET6, copy, address->bytes) == 1)
		address->family = AF_INET6;
}

static int __attribute__((format(printf, 3, 4)))
add_peer(struct routes *routes, const struct address *address, const char *format, ...)
{
	struct peer *peer = machine_grow(&routes->peers, &routes->peer_count, sizeof(*peer));
	va_list args;

	if (!peer)
		return -ENOMEM;
	peer->address = *address;
	va_start(args, format);
	vsnprintf(peer->text, sizeof(peer->text), format, args);
	va_end(args);
	return 0;
}

/*
 * Return whether the data of a file system is on another machine. ocfs2, gfs2
 * and the like are on disks, which the guard checks as disks.
 */
static bool is_network_type(const char *type)
{
	static const char *const types[] = {
		"nfs",
		"nfs4",
		"cifs",
		"smb3",
		"smbfs",
		"ceph",
		"afs",
		"9p",
		"lustre",
		"glusterfs",
		"fuse.glusterfs",
		"fuse.sshfs",
		"fuse.ceph",
		"fuse.s3fs",
		"fuse.rclone",
		"fuse.blobfuse",
		"fuse.blobfuse2",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

/*
 * Find the address of a server in the mount option addr of NFS and CIFS. Other
 * file systems do not show it.
 */
static void find_server(const char *options, struct address *address)
{
	const char *at = options;

	*address = (struct address){ 0 };
	while ((at = strstr(at, "addr="))) {
		if (at == options || at[-1] == ',') {
			parse_address(at + 5, at + strcspn(at, ",\n"), address);
			return;
		}
		at += 5;
	}
}

static int read_mounts(struct routes *routes, const char *path)
{
	char type[64], where[PATH_MAX];
	char *line = NULL, *rest;
	struct address address;
	size_t size = 0;
	int ret = 0;
	FILE *file;
	int at;

	file = open_rooted("%s", path);
	if (!file)
		return -errno;
	while (!ret && getline(&line, &size, file) > 0) {
		rest = strstr(line, " - ");
		at = 0;
		if (!rest || sscanf(rest, " - %63s %*s %n", type, &at) != 1 || !at ||
		    !is_network_type(type) || sscanf(line, "%*d %*d %*s %*s %4095s", where) != 1)
			continue;
		find_server(rest + at, &address);
		ret = add_peer(routes, &address, "the %s mount %.128s", type, where);
	}
	free(line);
	return end_reading(file, ret);
}

void routes_find_fstab(char text[REASON_SIZE])
{
	FILE *file = open_rooted("/etc/fstab");
	bool failed = !file && errno != ENOENT;
	struct mntent *mount;

	text[0] = '\0';
	while (file && (mount = getmntent(file))) {
		/*
		 * cloud-init gives local disks the option _netdev, too, so that
		 * systemd mounts them after it.
		 */
		if ((!is_network_type(mount->mnt_type) &&
		     (!hasmntopt(mount, "_netdev") || hasmntopt(mount, "comment=cloudconfig"))) ||
		    (hasmntopt(mount, "noauto") && !hasmntopt(mount, "x-systemd.automount")))
			continue;
		snprintf(text, REASON_SIZE, "the %.20s mount %.64s in /etc/fstab",
			 mount->mnt_type, mount->mnt_dir);
		break;
	}
	if (file) {
		failed = ferror(file);
		fclose(file);
	}
	if (failed)
		strcpy(text, "a mount in /etc/fstab, which cannot be read,");
}

/* Read the first line of the file @attribute. Return false on failure. */
static bool read_line_of(char *text, size_t size, const char *folder, const char *name,
			 const char *attribute)
{
	FILE *file = open_rooted("%s/%s/%s", folder, name, attribute);
	bool ok;

	if (!file)
		return false;
	ok = fgets(text, size, file);
	fclose(file);
	if (ok)
		text[strcspn(text, "\n")] = '\0';
	return ok;
}

static int on_iscsi(struct routes *routes, const char *folder, const char *name)
{
	struct address address;
	char text[128];

	if (!read_line_of(text, sizeof(text), folder, name, "address") &&
	    !read_line_of(text, sizeof(text), folder, name, "persistent_address"))
		text[0] = '\0';
	parse_address(text, text + strlen(text), &address);
	return add_peer(routes, &address, "the iSCSI connection to %s",
			text[0] ? text : "a server");
}

/*
 * Add the peer of an NVMe controller over TCP or RDMA, whose address is
 * "traddr=192.168.1.2,trsvcid=4420".
 */
static int on_nvme(struct routes *routes, const char *folder, const char *name)
{
	struct address address = { 0 };
	char text[256];
	const char *at;

	if (!read_line_of(text, sizeof(text), folder, name, "transport") ||
	    (strcmp(text, "tcp") && strcmp(text, "rdma")))
		return 0;
	if (read_line_of(text, sizeof(text), folder, name, "address")) {
		at = strstr(text, "traddr=");
		if (at)
			parse_address(at + 7, at + strcspn(at, ","), &address);
	}
	return add_peer(routes, &address, "the network disk %s", name);
}

static int on_nbd(struct routes *routes, const char *folder, const char *name)
{
	struct address address = { 0 };
	char text[32];

	if (strncmp(name, "nbd", 3) || !read_line_of(text, sizeof(text), folder, name, "pid"))
		return 0;
	return add_peer(routes, &address, "the network disk %s", name);
}

static int each(struct routes *routes, const char *folder,
		int (*on_entry)(struct routes *routes, const char *folder, const char *name))
{
	struct dirent *entry;
	char path[PATH_MAX];
	int ret = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s%s", vmbus_sysroot(), folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			ret = on_entry(routes, folder, entry->d_name);
	closedir(dir);
	return ret;
}

static int read_iscsi(struct routes *routes, const char *folder)
{
	return each(routes, folder, on_iscsi);
}

static int read_nvme(struct routes *routes, const char *folder)
{
	return each(routes, folder, on_nvme);
}

static int read_nbd(struct routes *routes, const char *folder)
{
	return each(routes, folder, on_nbd);
}

int routes_read(struct routes *routes)
{
	static const struct {
		const char *path;
		int (*read)(struct routes *routes, const char *path);
	} sources[] = {
		{ "/proc/net/route", read_ipv4_routes },
		{ "/proc/net/ipv6_route", read_ipv6_routes },
		{ "/proc/net/if_inet6", read_ipv6_addresses },
		{ "/proc/self/mountinfo", read_mounts },
		{ "/proc/net/pppoe", read_pppoe },
		{ "/sys/class/iscsi_connection", read_iscsi },
		{ "/sys/class/nvme", read_nvme },
		{ "/sys/block", read_nbd },
	};
	int ret = 0;

	*routes = (struct routes){ 0 };
	for (size_t i = 0; !ret && i < sizeof(sources) / sizeof(sources[0]); i++) {
		ret = sources[i].read(routes, sources[i].path);
		if (ret)
			routes->unreadable = sources[i].path;
	}
	return ret;
}

void routes_free(struct routes *routes)
{
	free(routes->list);
	free(routes->global);
	free(routes->peers);
	free(routes->pppoe);
	*routes = (struct routes){ 0 };
}

static bool is_in(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!strcmp(stack->names[i], name))
			return true;
	return false;
}

static bool covers(const struct route *route, const struct address *address)
{
	unsigned int whole = route->prefix / 8, rest = route->prefix % 8;

	if (route->to.family != address->family || route->prefix > 128 ||
	    memcmp(route->to.bytes, address->bytes, whole))
		return false;
	return !rest ||
	       !((route->to.bytes[whole] ^ address->bytes[whole]) & (0xff00 >> rest) & 0xff);
}

/*
 * Return whether one of the routes that the kernel may choose for @address goes
 * through @stack.
 */
static bool leads_through(const struct routes *routes, const struct address *address,
			  const struct stack *stack)
{
	const struct route *best = NULL;
	bool through = false;

	for (size_t i = 0; i < routes->count; i++) {
		const struct route *r = &routes->list[i];

		if (!covers(r, address) ||
		    (best && (r->prefix < best->prefix ||
			      (r->prefix == best->prefix && r->metric > best->metric))))
			continue;
		if (!best || r->prefix > best->prefix || r->metric < best->metric)
			through = false;
		through |= is_in(stack, r->interface);
		best = r;
	}
	/*
	 * Without a route the path of the connection is not known, so assume
	 * that it goes through the stack.
	 */
	return best ? through : true;
}

/*
 * Explain a use of the interface that routes of the main table may not show: a
 * bond, bridge or VLAN, a VRF, Open vSwitch, or PPPoE.
 */
static void find_use(const struct routes *routes, const struct stack *stack, char why[REASON_SIZE])
{
	if (stack->count > 1) {
		snprintf(why, REASON_SIZE, "interface %s is part of %s", stack->names[0],
			 stack->names[1]);
		return;
	}
	for (size_t i = 0; i < routes->pppoe_count; i++)
		if (is_in(stack, routes->pppoe[i])) {
			snprintf(why, REASON_SIZE, "interface %s carries PPPoE", stack->names[0]);
			return;
		}
}

void routes_judge(const struct routes *routes, const struct stack *stack,
		  struct interface *interface)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *r = &routes->list[i];
		bool global = r->to.family == AF_INET;

		if (!is_in(stack, r->interface))
			continue;
		interface->default_route |= !r->prefix;
		/*
		 * Every interface has IPv6 routes for link-local and multicast
		 * addresses, which do not count.
		 */
		interface->address |= global || !r->prefix;
	}
	for (size_t i = 0; i < routes->global_count; i++)
		interface->address |= is_in(stack, routes->global[i]);
	for (size_t i = 0; i < routes->peer_count && interface->address; i++) {
		const struct peer *peer = &routes->peers[i];

		if (peer->address.family && !leads_through(routes, &peer->address, stack))
			continue;
		snprintf(interface->needed_by, sizeof(interface->needed_by), "%s %s interface %s",
			 peer->text,
			 peer->address.family ? "is reached through" : "may be reached through",
			 interface->name);
		return;
	}
	find_use(routes, stack, interface->needed_by);
}
