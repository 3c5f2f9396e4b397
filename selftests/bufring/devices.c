// SPDX-License-Identifier: GPL-2.0-only
/* These tests find and open devices in a sysfs that consists of plain files. */

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include <pthread.h>

#include "../../lib/internal.h"
#include "sysfs.h"

#define NIC  "f8615163-df3e-46c5-913f-f2d2f965ed0e"
#define DEV2 "000d3a31-b538-000d-3a31-b538000d3a31"
#define DEV3 "ffffffff-b538-000d-3a31-b538000d3a31"

/*
 * Two NICs and a file copy device that is bound to uio3. Each test begins with
 * this machine.
 */
static void machine(void)
{
	sysfs_make();
	device(DEV3, NIC);
	device(DEV1, FCOPY);
	device(DEV2, NIC);
	bind_uio(DEV1, 3, 5 * getpagesize(), 10);
	put("no device\n", SYS "going_away/id");
}

TEST(guids_in_every_spelling)
{
	static const char *const good[] = {
		FCOPY,
		"{" FCOPY "}",
		"34D14BE3-DEE4-41C8-9AE7-6B174977C192",
		"{34d14be3-DEE4-41c8-9ae7-6b174977c192}",
	};
	static const char *const bad[] = {
		"",
		"{}",
		"{" FCOPY,
		FCOPY "}",
		FCOPY "0",
		"34d14be3dee441c89ae76b174977c192",
		"{{" FCOPY "}}",
		"{" FCOPY "x",
		"34d14be3-dee4-41c8-9ae7-6b174977c19",
		" " FCOPY,
		"g4d14be3-dee4-41c8-9ae7-6b174977c192",
		"(" FCOPY ")",
	};
	char guid[GUID_SIZE];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_IS(guid_parse(good[i], guid), 0);
		CHECK(!strcmp(guid, FCOPY));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(guid, "untouched");
		CHECK_IS(guid_parse(bad[i], guid), -EINVAL);
		CHECK(!strcmp(guid, "untouched"));
	}
}

TEST(classes_by_name_and_guid)
{
	const struct class *class, *last = NULL;
	char guid[GUID_SIZE];

	for (size_t i = 0; (class = class_at(i)); i++) {
		CHECK(!guid_parse(class->guid, guid) && !strcmp(guid, class->guid));
		CHECK(class_find(class->name) == class);
		CHECK(class_find(class->guid) == class);
		CHECK(!last || strcmp(last->name, class->name) < 0);
		last = class;
	}
	class = class_find("FCopy");
	CHECK(class && !strcmp(class->guid, FCOPY));
	class = class_find("{" NIC "}");
	CHECK(class && !strcmp(class->name, "nic"));
	CHECK(!class_find("fcop"));
	CHECK(!class_find(""));
	CHECK(!class_find(DEV1));
}

TEST(a_list_is_sorted_and_complete)
{
	struct vmbus_device **list;

	CHECK_IS(vmbus_device_list(NULL, &list), 3);
	CHECK(!strcmp(list[0]->instance, DEV2));
	CHECK(!strcmp(list[1]->instance, DEV1));
	CHECK(!strcmp(list[2]->instance, DEV3));
	CHECK(!list[3]);
	CHECK(!strcmp(list[0]->class_id, NIC));
	CHECK(!strcmp(list[0]->class_name, "nic"));
	CHECK(!list[0]->driver && !list[0]->uio);
	CHECK(!list[0]->path);
	vmbus_device_list_free(list);
	CHECK_IS(vmbus_device_list("NIC", &list), 2);
	vmbus_device_list_free(list);
	CHECK_IS(vmbus_device_list("scsi", &list), 0);
	CHECK(!list[0]);
	vmbus_device_list_free(list);
	CHECK_IS(vmbus_device_list("{" FCOPY "}", &list), 1);
	vmbus_device_list_free(list);
	CHECK_FAILS(vmbus_device_list("nonsense", &list), -EINVAL, "nonsense");
}

TEST(a_device_by_instance_class_or_name)
{
	static const char *const ids[] = {
		"fcopy",
		FCOPY,
		DEV1,
		"{EB765408-105F-49B6-B4AA-C123B64D17D4}",
	};
	struct vmbus_device *dev;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		MUST(!vmbus_device_find(ids[i], &dev));
		CHECK(!strcmp(dev->instance, DEV1));
		CHECK(!strcmp(dev->class_id, FCOPY));
		CHECK(!strcmp(dev->driver, "uio_hv_generic"));
		CHECK(!strcmp(dev->uio, "uio3"));
		CHECK(!strcmp(dev->path, path_of("dev/uio3")));
		vmbus_device_free(dev);
	}
	CHECK_IS(vmbus_device_find("nic", &dev), -ENOTUNIQ);
	CHECK_IS(vmbus_device_find(DEV3, &dev), 0);
	vmbus_device_free(dev);
	CHECK_IS(vmbus_device_find("kvp", &dev), -ENODEV);
	CHECK_IS(vmbus_device_find("nonsense", &dev), -EINVAL);
	setenv("VMBUS_SYSROOT", "/nonexistent", 1);
	CHECK_FAILS(vmbus_device_find("fcopy", &dev), -ENODEV,
		    "/nonexistent/sys/bus/vmbus/devices");
}

/* Old kernels number the directories. */
TEST(a_device_in_a_folder_of_another_name)
{
	struct vmbus_device *dev;

	put("{" DEV1 "}\n", SYS DEV3 "/device_id");
	put("{" DEV3 "}\n", SYS DEV1 "/device_id");
	MUST(!vmbus_device_find(DEV1, &dev));
	CHECK(!strcmp(dev->instance, DEV1));
	CHECK(!strcmp(dev->class_id, NIC));
	vmbus_device_free(dev);
}

TEST(the_sysroot_is_put_before_a_path)
{
	sysfs_make();
	CHECK(!strcmp(sysroot(), base));
	setenv("VMBUS_SYSROOT", "/", 1);
	CHECK(!strcmp(sysroot(), ""));
	setenv("VMBUS_SYSROOT", "", 1);
	CHECK(!strcmp(sysroot(), ""));
	unsetenv("VMBUS_SYSROOT");
	CHECK(!strcmp(sysroot(), ""));
}

/* Let the process open @more files. *@limit is the former limit. */
static void limit_files(int more, struct rlimit *limit)
{
	const int fd = open("/", O_RDONLY);
	struct rlimit few;

	MUST(fd >= 0 && !close(fd) && !getrlimit(RLIMIT_NOFILE, limit));
	few = *limit;
	few.rlim_cur = fd + more;
	MUST(!setrlimit(RLIMIT_NOFILE, &few));
}

/* With one descriptor left the directory can be opened, but nothing in it. */
TEST(an_unreadable_device_is_no_missing_device)
{
	struct vmbus_device **list, *dev;
	struct rlimit limit;
	int err[2];

	limit_files(1, &limit);
	err[0] = vmbus_device_list(NULL, &list);
	err[1] = vmbus_device_find("fcopy", &dev);
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_IS(err[0], -EMFILE);
	CHECK(list && !list[0]);
	vmbus_device_list_free(list);
	CHECK_FAILS(err[1], -EMFILE, "bus/vmbus/devices/");

	/* A driver file that is no link does not count as a missing driver. */
	put("text", SYS "%s/driver", DEV2);
	CHECK_FAILS(vmbus_device_list(NULL, &list), -EINVAL, "devices/" DEV2);
	vmbus_device_list_free(list);
	CHECK_FAILS(vmbus_device_find(DEV2, &dev), -EINVAL, "devices/" DEV2);
	MUST(!unlink(path_of(SYS DEV2 "/driver")));
	/* No device: no attributes, no directory */
	put("", SYS "odd/driver_override");
	put("", SYS "file");
	CHECK_IS(vmbus_device_list(NULL, &list), 3);
	vmbus_device_list_free(list);
}

TEST(an_unreadable_device_spoils_nothing_for_the_others)
{
	struct vmbus_device **list, *dev;

	put("nonsense\n", SYS DEV2 "/class_id");
	CHECK_FAILS(vmbus_device_list(NULL, &list), -EPROTO, "devices/" DEV2 ": no GUID");
	MUST(list && list[0] && list[1]);
	CHECK(!strcmp(list[0]->instance, DEV1));
	CHECK(!strcmp(list[1]->instance, DEV3));
	CHECK(!list[2]);
	vmbus_device_list_free(list);
	CHECK_IS(vmbus_device_find(DEV1, &dev), 0);
	CHECK(strstr(error_text(), "no text"));
	vmbus_device_free(dev);
	/* The device that cannot be read may have that class. */
	CHECK_IS(vmbus_device_find("fcopy", &dev), -EPROTO);
	CHECK_IS(vmbus_device_find("kvp", &dev), -EPROTO);
}

TEST(attributes_are_read_anew)
{
	struct vmbus_device *dev;
	char text[16];

	MUST(!vmbus_device_find("fcopy", &dev));
	CHECK_IS(vmbus_device_attribute(dev, "driver_override", text, sizeof(text)), -ENOENT);
	CHECK_IS(vmbus_device_attribute(dev, "class_id/x", text, sizeof(text)), -ENOENT);
	put("(null)\n", SYS DEV1 "/driver_override");
	CHECK_IS(vmbus_device_attribute(dev, "driver_override", text, sizeof(text)), 0);
	CHECK(!strcmp(text, "(null)"));
	put("first\nsecond\n", SYS DEV1 "/uio_hv_generic/state");
	CHECK_IS(vmbus_device_attribute(dev, "uio_hv_generic/state", text, sizeof(text)), 0);
	CHECK(!strcmp(text, "first"));
	put("", SYS DEV1 "/modalias");
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, sizeof(text)), 0);
	CHECK(!strcmp(text, ""));

	/* Room for the text and a NUL */
	put("0123456789abcde\n", SYS DEV1 "/modalias");
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, sizeof(text)), 0);
	CHECK(!strcmp(text, "0123456789abcde"));
	put("0123456789abcde", SYS DEV1 "/modalias");
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, sizeof(text)), 0);
	put("0123456789abcdef\n", SYS DEV1 "/modalias");
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, sizeof(text)), -ENOBUFS);
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, 0), -ENOBUFS);
	CHECK_IS(vmbus_device_attribute(dev, "uio", text, sizeof(text)), -EISDIR);

	remove_tree();
	CHECK_IS(vmbus_device_attribute(dev, "modalias", text, sizeof(text)), -ENODEV);
	vmbus_device_free(dev);
}

TEST(attributes_that_are_numbers)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0\n", 0 },
		{ "7\n", 7 },
		{ "010\n", 10 },
		{ "0xa000\n", 0xa000 },
		{ "3", 3 },
		{ "18446744073709551615\n", UINT64_MAX },
		{ "0xffffffffffffffff\n", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",
		"\n",
		"-1\n",
		" 1\n",
		"+1\n",
		"1 \n",
		"0x\n",
		"0x-1\n",
		"12a\n",
		"a\n",
		"1,5\n",
		"18446744073709551616\n",
		"0000000000000000000000000000000000000000001\n",
	};
	struct vmbus_device *dev;
	uint64_t value;

	MUST(!vmbus_device_find("fcopy", &dev));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		put(good[i].text, SYS DEV1 "/state");
		CHECK_IS(device_u64(dev, "state", &value), 0);
		CHECK(value == good[i].value);
	}
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i], SYS DEV1 "/state");
		CHECK_IS(device_u64(dev, "state", &value), -EPROTO);
	}
	CHECK_IS(device_u64(dev, "monitor_id", &value), -ENOENT);
	remove_tree();
	CHECK_IS(device_u64(dev, "state", &value), -ENODEV);
	CHECK_IS(value, 42);
	vmbus_device_free(dev);
}

/* VMBus prints UINT32_MAX, which stands for no number, as a signed number. */
TEST(a_device_that_the_host_does_not_offer)
{
	struct vmbus_device *dev;
	struct vmbus_chan *chan;

	MUST(!vmbus_device_find("fcopy", &dev));
	CHECK_IS(device_is_offered(dev), 1);
	put("-1\n", SYS DEV1 "/id");
	CHECK_IS(device_is_offered(dev), 0);
	CHECK_FAILS(channel_open(dev, NULL, &chan), -ENODEV, "does not offer");
	put("4294967295\n", SYS DEV1 "/id");
	CHECK_IS(channel_open(dev, NULL, &chan), -ENODEV);
	CHECK_IS(device_is_offered(dev), 0);
	put("-2\n", SYS DEV1 "/id");
	CHECK_IS(device_is_offered(dev), -EPROTO);
	put("0\n", SYS DEV1 "/id");
	CHECK_IS(device_is_offered(dev), 1);
	remove_tree();
	CHECK_IS(device_is_offered(dev), -ENODEV);
	vmbus_device_free(dev);
}

TEST(a_device_is_refreshed)
{
	struct vmbus_device *dev;

	MUST(!vmbus_device_find(DEV2, &dev));
	bind_uio(DEV2, 4, 5 * getpagesize(), 10);
	CHECK(!dev->driver && !dev->uio && !dev->path);
	CHECK_IS(vmbus_device_refresh(dev), 0);
	CHECK(!strcmp(dev->driver, "uio_hv_generic"));
	CHECK(!strcmp(dev->uio, "uio4"));
	CHECK(!strcmp(dev->path, path_of("dev/uio4")));
	CHECK(!strcmp(dev->instance, DEV2));
	CHECK(!strcmp(dev->class_id, NIC));

	/* After an error the device is unchanged. */
	set_driver(DEV2, NULL);
	put("{" DEV3 "}\n", SYS DEV2 "/device_id");
	CHECK_IS(vmbus_device_refresh(dev), -ENODEV);
	CHECK(!strcmp(dev->driver, "uio_hv_generic"));
	put("{" DEV2 "}\n", SYS DEV2 "/device_id");
	CHECK_IS(vmbus_device_refresh(dev), 0);
	CHECK(!dev->driver);
	remove_tree();
	CHECK_IS(vmbus_device_refresh(dev), -ENODEV);
	CHECK(!strcmp(dev->uio, "uio4"));
	vmbus_device_free(dev);
}

/* Read up to @size bytes of a file. Zeros follow them. */
static void read_file(const char *name, off_t at, void *to, size_t size)
{
	int fd = open(path_of("%s", name), O_RDONLY);

	memset(to, 0, size);
	MUST(fd >= 0 && pread(fd, to, size, at) > 0);
	close(fd);
}

TEST(sizes_come_from_the_maps)
{
	size_t page = getpagesize();
	struct vmbus_chan *chan;

	for (size_t pages = 2; pages <= 40; pages += 19) {
		machine();
		bind_uio(DEV1, 3, pages * page, 2 * pages);
		MUST(!vmbus_open("fcopy", NULL, &chan));
		CHECK_IS(vmbus_info(chan)->tx_size, (pages - 1) * page);
		CHECK_IS(vmbus_info(chan)->rx_size, (pages - 1) * page);
		CHECK(!strcmp(vmbus_info(chan)->device->instance, DEV1));
		CHECK(!vmbus_info(chan)->is_monitored);
		CHECK(vmbus_fd(chan) >= 0);
		vmbus_close(chan);
	}
}

TEST(a_monitored_device_is_signalled_in_its_pages)
{
	size_t page = getpagesize();
	struct vmbus_chan *chan;
	unsigned char byte;

	/*
	 * In a plain file the pages of maps 1 and 2 are the second and third
	 * page of the ring.
	 */
	put("69\n", SYS DEV1 "/monitor_id");
	put("0x123\n", SYS DEV1 "/id");
	MUST(!vmbus_open("fcopy", NULL, &chan));
	CHECK(vmbus_info(chan)->is_monitored);
	CHECK_IS(channel_signal(chan), 0);
	vmbus_close(chan);
	/*
	 * channel 0x123: bit 3 of byte 0x24 of the second half; trigger 69: bit
	 * 5 of group 2
	 */
	read_file("dev/uio3", page + 2048 + 0x24, &byte, 1);
	CHECK_IS(byte, 1 << 3);
	read_file("dev/uio3", 2 * page + 8 + 2 * 8, &byte, 1);
	CHECK_IS(byte, 1 << 5);

	put("128\n", SYS DEV1 "/monitor_id");
	CHECK_IS(vmbus_open("fcopy", NULL, &chan), -EPROTO);
	put("69\n", SYS DEV1 "/monitor_id");
	put("16384\n", SYS DEV1 "/id");
	CHECK_IS(vmbus_open("fcopy", NULL, &chan), -EPROTO);
	put("7\n", SYS DEV1 "/id");
	put("0x800\n", SYS DEV1 "/uio/uio3/maps/map2/size");
	CHECK_IS(vmbus_open("fcopy", NULL, &chan), -EPROTO);
	put("other\n", SYS DEV1 "/uio/uio3/maps/map2/name");
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -EPROTO, "monitor_page");
}

TEST(wrong_maps_are_refused_with_a_reason)
{
	static const char *const sizes[] = {
		"0x0\n", "0x1000\n", "0x5001\n", "0xffffffffffff\n", "-4096\n", "\n", "junk\n",
	};
	struct vmbus_chan *chan;
	int fd;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		machine();
		put(sizes[i], SYS DEV1 "/uio/uio3/maps/map0/size");
		CHECK(vmbus_open("fcopy", NULL, &chan) < 0);
		CHECK(strstr(error_text(), DEV1));
	}
	machine();
	put("0x8\n", SYS DEV1 "/uio/uio3/maps/map0/offset");
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -EPROTO, ", 8 bytes into a page of");
	put("0x100000\n", SYS DEV1 "/uio/uio3/maps/map0/offset");
	CHECK_IS(vmbus_open("fcopy", NULL, &chan), -EPROTO);
	machine();
	put("other\n", SYS DEV1 "/uio/uio3/maps/map0/name");
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -EPROTO, "txrx_rings");
	put("a name that no map of uio_hv_generic has\n", SYS DEV1 "/uio/uio3/maps/map0/name");
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -EPROTO, "maps/map0");

	machine();
	fd = open(path_of("dev/uio3"), O_WRONLY);
	MUST(pwrite(fd, "\1", 1, 0) == 1); /* the write index of the first ring */
	close(fd);
	CHECK_IS(vmbus_open("fcopy", NULL, &chan), -EIO);
	unlink(path_of("dev/uio3"));
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -ENODEV, path_of("dev/uio3"));
}

TEST(another_device_under_the_number_is_refused)
{
	struct vmbus_chan *chan;

	unlink(path_of("dev/uio3"));
	MUST(!symlink("/dev/null", path_of("dev/uio3")));
	put("240:3\n", SYS DEV1 "/uio/uio3/dev");
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -ENODEV, "240:3");
}

/*
 * A device that goes away during an open. When the library reads @file, which
 * is a pipe, the whole sysfs vanishes, and then the pipe has its text.
 */
struct vanishing {
	char path[512];
	const char *text;
	pthread_t thread;
};

static void *vanish(void *arg)
{
	struct vanishing *v = arg;
	int fd = open(v->path, O_WRONLY);

	remove_tree();
	MUST(fd >= 0 && write(fd, v->text, strlen(v->text)) == (ssize_t)strlen(v->text));
	close(fd);
	return NULL;
}

static void vanish_when_read(struct vanishing *v, const char *file, const char *text)
{
	v->text = text;
	strcpy(v->path, path_of(SYS DEV1 "/%s", file));
	unlink(v->path);
	MUST(!mkfifo(v->path, 0600));
	MUST(!pthread_create(&v->thread, NULL, vanish, v));
}

TEST(a_device_that_goes_away_while_it_is_opened)
{
	static const struct {
		const char *file, *text;
	} moments[] = {
		{ "uio/uio3/maps/map0/name", "txrx_rings\n" },
		{ "uio/uio3/maps/map0/offset", "0x0\n" },
		{ "uio/uio3/maps/map0/size", "\n" },
	};
	struct vmbus_buffer buffer;
	struct vmbus_chan *chan;
	struct vanishing v;

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		machine();
		vanish_when_read(&v, moments[i].file, moments[i].text);
		CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -ENODEV,
			    DEV1 ": the device went away");
		pthread_join(v.thread, NULL);
	}
	machine();
	MUST(!vmbus_open("fcopy", NULL, &chan));
	remove_tree();
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &buffer), -ENODEV);
	CHECK_IS(vmbus_subchannels(chan, NULL, 0), -ENODEV);
	vmbus_close(chan);
}

/* Make a sub-channel, whose rings are in its own file. */
static void subchannel(const char *relid, const char *index, size_t ring)
{
	put(index, SYS DEV1 "/channels/%s/subchannel_id", relid);
	put("", SYS DEV1 "/channels/%s/ring", relid);
	MUST(!truncate(path_of(SYS DEV1 "/channels/%s/ring", relid), 2 * ring));
}

TEST(subchannels_are_listed)
{
	const size_t page = getpagesize();
	static const uint32_t zeros[8];
	struct vmbus_subchannel list[3];
	struct vmbus_chan *primary;

	MUST(!vmbus_open("fcopy", NULL, &primary));
	CHECK_IS(vmbus_subchannels(primary, list, 3), -ENOENT);
	subchannel("7", "0\n", 5 * page);
	CHECK_IS(vmbus_subchannels(primary, list, 3), 0);
	subchannel("31", "2\n", 3 * page);
	subchannel("30", "3\n", 3 * page);
	subchannel("33", "1\n", 9 * page);
	put("6\n", SYS DEV1 "/channels/31/cpu");
	put("4\n", SYS DEV1 "/channels/40/subchannel_id"); /* not open yet */
	put("5\n", SYS DEV1 "/channels/nonsense/subchannel_id");
	memset(list, 0xff, sizeof(list));
	CHECK_IS(vmbus_subchannels(primary, list, 3), 3);
	CHECK(list[0].relid == 33 && list[0].index == 1);
	CHECK(list[1].relid == 31 && list[1].index == 2);
	CHECK(list[2].relid == 30 && list[2].index == 3);
	CHECK(list[1].cpu == 6 && list[2].cpu == UINT32_MAX);
	for (int i = 0; i < 3; i++)
		CHECK(!memcmp(list[i].reserved, zeros, sizeof(list[i].reserved)));
	CHECK_IS(vmbus_subchannels(primary, list, 1), 3);
	CHECK_IS(vmbus_subchannels(primary, NULL, 0), 3);
	subchannel("40", "4\n", 3 * page);
	CHECK_IS(vmbus_subchannels(primary, list, 3), 4);
	vmbus_close(primary);
}

TEST(a_subchannel_is_opened)
{
	const size_t page = getpagesize();
	struct vmbus_chan *primary, *sub;
	char text[6];

	MUST(!vmbus_open("fcopy", NULL, &primary));
	subchannel("33", "1\n", 9 * page);
	MUST(!vmbus_open_subchannel(primary, 33, NULL, &sub));
	CHECK_IS(vmbus_info(sub)->tx_size, 8 * page);
	CHECK_IS(vmbus_info(sub)->rx_size, 8 * page);
	CHECK_IS(vmbus_info(sub)->relid, 33);
	CHECK(!vmbus_info(sub)->is_monitored);
	CHECK(vmbus_fd(sub) >= 0 && vmbus_fd(sub) != vmbus_fd(primary));
	CHECK(fcntl(vmbus_fd(sub), F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(vmbus_fd(primary), F_GETFL) & O_NONBLOCK);
	CHECK_IS(vmbus_queue(sub, VMBUS_PACKET_INBAND, 0, 1, "hello", 6), 0);
	CHECK(tx_ring_publish(&sub->tx));
	vmbus_close(sub);
	read_file(SYS DEV1 "/channels/33/ring", page + 16, text, 6);
	CHECK(!memcmp(text, "hello", 6));
	vmbus_close(primary);
}

TEST(a_monitored_subchannel_has_its_own_bits)
{
	const size_t page = getpagesize();
	struct vmbus_chan *primary, *sub;
	unsigned char byte;

	MUST(!vmbus_open("fcopy", NULL, &primary));
	subchannel("31", "2\n", 3 * page);
	put("40\n", SYS DEV1 "/channels/31/monitor_id");
	MUST(!vmbus_open_subchannel(primary, 31, NULL, &sub));
	CHECK(vmbus_info(sub)->is_monitored);
	CHECK_IS(channel_signal(sub), 0);
	vmbus_close(sub);
	read_file("dev/uio3", page + 2048 + 31 / 8, &byte, 1);
	CHECK_IS(byte, 1 << 31 % 8);
	read_file("dev/uio3", 2 * page + 8 + 8 + 1, &byte, 1);
	CHECK_IS(byte, 1);
	vmbus_close(primary);
}

TEST(subchannels_that_cannot_be_opened)
{
	const size_t page = getpagesize();
	struct vmbus_open_options exclusive = {
		.struct_size = sizeof(exclusive),
		.flags = VMBUS_OPEN_EXCLUSIVE,
	};
	struct vmbus_chan *primary, *sub, *a, *b;
	struct vmbus_subchannel list[3];

	MUST(!vmbus_open("fcopy", NULL, &primary));
	subchannel("7", "0\n", 5 * page);
	put("4\n", SYS DEV1 "/channels/40/subchannel_id"); /* not open yet */
	CHECK_IS(vmbus_open_subchannel(primary, 7, NULL, &sub), -EINVAL);
	CHECK_IS(vmbus_open_subchannel(primary, 99, NULL, &sub), -ENOENT);
	CHECK_FAILS(vmbus_open_subchannel(primary, 40, NULL, &sub), -ENOENT, "channels/40/ring");
	for (size_t size = 0; size < 2 * page; size += page / 2) {
		subchannel("34", "6\n", size);
		CHECK_IS(vmbus_open_subchannel(primary, 34, NULL, &sub), -EPROTO);
	}
	subchannel("33", "1\n", 3 * page);
	CHECK_FAILS(vmbus_open_subchannel(primary, 33, &exclusive, &sub), -EINVAL, "flags 0x8");
	vmbus_close(primary);

	MUST(!vmbus_open_pair(2 * page, 0, &a, &b));
	CHECK_IS(vmbus_subchannels(a, list, 3), -EOPNOTSUPP);
	CHECK_IS(vmbus_subchannels(a, NULL, 0), -EOPNOTSUPP);
	CHECK_IS(vmbus_open_subchannel(a, 1, NULL, &sub), -EOPNOTSUPP);
	vmbus_close(a);
	vmbus_close(b);
}

TEST(a_subchannel_that_goes_away_while_it_is_opened)
{
	struct vmbus_chan *primary, *sub;
	struct vanishing v;

	subchannel("31", "2\n", 3 * getpagesize());
	MUST(!vmbus_open("fcopy", NULL, &primary));
	vanish_when_read(&v, "channels/31/subchannel_id", "2\n");
	CHECK_IS(vmbus_open_subchannel(primary, 31, NULL, &sub), -ENODEV);
	pthread_join(v.thread, NULL);
	CHECK_FAILS(vmbus_open_subchannel(primary, 31, NULL, &sub), -ENODEV,
		    DEV1 ": the device went away");
	vmbus_close(primary);
}

#define RING_SIZE SYS DEV1 "/uio_hv_generic/ring_size"

TEST(options_of_an_open)
{
	struct vmbus_open_options options = { .struct_size = sizeof(options) };
	struct {
		struct vmbus_open_options options;
		unsigned char more[8];
	} later = { .options.struct_size = sizeof(later) };
	struct vmbus_chan *chan, *sub;
	char text[16];

	/* A module without ring sizes, then one that has them */
	options.ring_size = 65536;
	CHECK_IS(vmbus_open("fcopy", &options, &chan), -EOPNOTSUPP);
	CHECK(strstr(error_text(), DEV1) && strstr(error_text(), "ring size"));
	put("16384\n", RING_SIZE);
	MUST(!vmbus_open("fcopy", &options, &chan));
	vmbus_close(chan);
	read_file(RING_SIZE, 0, text, sizeof(text));
	CHECK_IS(atoi(text), 65536);
	options.ring_size = 8192;
	MUST(!vmbus_open("fcopy", &options, &chan));
	vmbus_close(chan);
	read_file(RING_SIZE, 0, text, sizeof(text));
	CHECK(!strcmp(text, "8192"));
	/*
	 * The library does not write a value that is already set, because the
	 * file may belong to another user.
	 */
	if (geteuid()) {
		MUST(!chmod(path_of(RING_SIZE), 0444));
		MUST(!vmbus_open("fcopy", &options, &chan));
		vmbus_close(chan);
		options.ring_size = 4096;
		CHECK_FAILS(vmbus_open("fcopy", &options, &chan), -EACCES, path_of(RING_SIZE));
	}

	options = (struct vmbus_open_options){ .struct_size = sizeof(options),
					       .flags = VMBUS_OPEN_POLL };
	MUST(!vmbus_open("fcopy", &options, &chan));
	CHECK_IS(vmbus_wait(chan, VMBUS_WAIT_RECV, 0), -EOPNOTSUPP);
	subchannel("31", "2\n", 3 * getpagesize());
	MUST(!vmbus_open_subchannel(chan, 31, &options, &sub));
	CHECK_IS(vmbus_arm(sub, VMBUS_WAIT_RECV), -EOPNOTSUPP);
	vmbus_close(sub);
	options.ring_size = 65536;
	CHECK_IS(vmbus_open_subchannel(chan, 31, &options, &sub), -EINVAL);
	options.flags = 16;
	CHECK_FAILS(vmbus_open("fcopy", &options, &sub), -EINVAL, "flags");
	/* The machine has no such device. */
	CHECK_FAILS(vmbus_open("kvp", &options, &sub), -EINVAL, "flags");
	options.struct_size = 8;
	CHECK_IS(vmbus_open("fcopy", &options, &sub), -EINVAL);
	vmbus_close(chan);

	/*
	 * A program of a later version asks for something unknown, or does not.
	 */
	MUST(!vmbus_open("fcopy", &later.options, &chan));
	later.more[7] = 1;
	CHECK_IS(vmbus_open_subchannel(chan, 31, &later.options, &sub), -E2BIG);
	vmbus_close(chan);
	CHECK_FAILS(vmbus_open("fcopy", &later.options, &chan), -E2BIG, "struct_size");
}

/* The text must tell what the reader can do. */
TEST(a_device_without_a_uio_device)
{
	struct vmbus_chan *chan;

	CHECK_FAILS(vmbus_open(DEV2, NULL, &chan), -ENXIO,
		    "driver: none): 'vmbusctl bind " DEV2 "'");
	set_driver(DEV2, "hv_netvsc");
	CHECK_IS(vmbus_open(DEV2, NULL, &chan), -ENXIO);
	CHECK(strstr(error_text(), "hv_netvsc") && strstr(error_text(), "vmbusctl bind"));
	/* Bound a moment ago */
	set_driver(DEV2, "uio_hv_generic");
	CHECK_IS(vmbus_open(DEV2, NULL, &chan), -ENXIO);
	CHECK(strstr(error_text(), "yet") && !strstr(error_text(), "vmbusctl"));
}

TEST(a_failure_leaves_null)
{
	struct vmbus_device **list, *dev, *const nothing = (void *)&machine;
	struct vmbus_chan *chan, *sub, *host;
	struct vmbus_pagemap *pagemap;
	struct vmbus_ic *ic;
	struct rlimit limit;

#define IS_NULL(call, pointer)             \
	do {                               \
		pointer = (void *)nothing; \
		CHECK(call < 0);           \
		CHECK(!pointer);           \
	} while (0)
	IS_NULL(vmbus_device_list("nonsense", &list), list);
	IS_NULL(vmbus_device_find("nonsense", &dev), dev);
	IS_NULL(vmbus_device_find("kvp", &dev), dev);
	IS_NULL(vmbus_open("kvp", NULL, &chan), chan);
	MUST(!vmbus_device_find(DEV2, &dev));
	IS_NULL(channel_open(dev, NULL, &chan), chan);
	vmbus_device_free(dev);
	MUST(!vmbus_open("fcopy", NULL, &chan));
	IS_NULL(vmbus_open_subchannel(chan, 31, NULL, &sub), sub);
	vmbus_close(chan);
	chan = (void *)nothing;
	IS_NULL(vmbus_open_pair(1, 0, &chan, &host), host);
	CHECK(!chan);
	IS_NULL(vmbus_ic_new("nonsense", NULL, &ic), ic);
	IS_NULL(vmbus_ic_new("fcopy", NULL, &ic), ic);
	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &chan, &host));
	IS_NULL(vmbus_ic_from_chan(chan, NULL, &ic), ic);
	vmbus_close(chan);
	vmbus_close(host);
	limit_files(0, &limit);
	IS_NULL(vmbus_pagemap_open(&pagemap), pagemap);
	MUST(!setrlimit(RLIMIT_NOFILE, &limit));
	setenv("VMBUS_SYSROOT", "/nonexistent", 1);
	IS_NULL(vmbus_device_list(NULL, &list), list);
	vmbus_device_list_free(list);
}

TEST(buffers_have_addresses_and_handles)
{
	struct vmbus_chan *chan, *second, *a, *b;
	static const uint32_t zeros[8];
	struct vmbus_buffer buffer, again;
	size_t page = getpagesize();
	char text[32];

	/* In a plain file the buffers begin with its fourth and fifth page. */
	MUST(!vmbus_open("fcopy", NULL, &chan));
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &buffer), -ENOENT);
	vmbus_close(chan);
	snprintf(text, sizeof(text), "0x%zx\n", 2 * page);
	add_map(DEV1, 3, 3, "recv:3221225477\n", text);
	add_map(DEV1, 3, 4, "send:2\n", text);
	MUST(!vmbus_open("fcopy", NULL, &chan));
	memset(&buffer, 0xff, sizeof(buffer));
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &buffer), 0);
	CHECK_IS(buffer.size, 2 * page);
	CHECK(!memcmp(buffer.reserved, zeros, sizeof(buffer.reserved)));
	CHECK_IS(buffer.gpadl, 3221225477u);
	memset(buffer.address, 1, buffer.size);
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &again), 0);
	CHECK(again.address == buffer.address && again.gpadl == buffer.gpadl);
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, buffer.address, &again), 0);
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, &buffer, &again), -EEXIST);
	CHECK_IS(vmbus_map_buffer(chan, VMBUS_BUFFER_SEND, NULL, &buffer), 0);
	CHECK_IS(buffer.gpadl, 2);
	CHECK(*(unsigned char *)buffer.address == 1);
	CHECK_IS(vmbus_map_buffer(chan, 2, NULL, &buffer), -EINVAL);
	CHECK(strstr(error_text(), "kind 2") && strstr(error_text(), "VMBUS_BUFFER_SEND"));

	/*
	 * A second user of the buffers maps them at the addresses of the first
	 * user, if these are free.
	 */
	MUST(!vmbus_open("fcopy", NULL, &second));
	CHECK_FAILS(vmbus_map_buffer(second, VMBUS_BUFFER_SEND, buffer.address, &again), -EEXIST,
		    "other memory is there");
	vmbus_close(chan);
	CHECK_IS(vmbus_map_buffer(second, VMBUS_BUFFER_SEND, (char *)buffer.address + 8, &again),
		 -EINVAL);
	CHECK(strstr(error_text(), "map send:2 cannot lie at address"));
	CHECK(strstr(error_text(), "8 bytes into a page: it begins 0 bytes into one"));
	CHECK_IS(vmbus_map_buffer(second, VMBUS_BUFFER_SEND, buffer.address, &again), 0);
	CHECK(again.address == buffer.address && again.gpadl == 2);
	CHECK(*(unsigned char *)again.address == 1);
	vmbus_close(second);

	add_map(DEV1, 3, 4, "send:2junk\n", text);
	MUST(!vmbus_open("fcopy", NULL, &chan));
	CHECK_FAILS(vmbus_map_buffer(chan, VMBUS_BUFFER_SEND, NULL, &buffer), -EPROTO,
		    "send:2junk");
	vmbus_close(chan);
	MUST(!vmbus_open_pair(2 * page, 0, &a, &b));
	CHECK_IS(vmbus_map_buffer(a, VMBUS_BUFFER_SEND, NULL, &buffer), -EOPNOTSUPP);
	vmbus_close(a);
	vmbus_close(b);
}

/* A text is returned once, and an open removes that of an earlier failure. */
TEST(a_text_is_never_that_of_an_older_failure)
{
	struct vmbus_chan *chan;

	CHECK_IS(vmbus_open("kvp", NULL, &chan), -ENODEV);
	CHECK(strstr(vmbus_error(), "kvp"));
	CHECK(strstr(vmbus_error(), "no text"));
	CHECK_IS(vmbus_open("kvp", NULL, &chan), -ENODEV);
	MUST(!vmbus_open("fcopy", NULL, &chan));
	CHECK_IS(vmbus_send(chan, 77, 0, 0, NULL, 0), -EINVAL);
	CHECK(strstr(vmbus_error(), "no text"));
	vmbus_close(chan);
}

TEST(an_exclusive_open_keeps_others_out)
{
	struct vmbus_open_options options = {
		.struct_size = sizeof(options),
		.flags = VMBUS_OPEN_EXCLUSIVE,
	};
	struct vmbus_chan *chan, *other;

	MUST(!vmbus_open("fcopy", &options, &chan));
	CHECK_FAILS(vmbus_open("fcopy", NULL, &other), -EBUSY, "exclusively");
	CHECK_IS(vmbus_open("fcopy", &options, &other), -EBUSY);
	vmbus_close(chan);
	MUST(!vmbus_open("fcopy", NULL, &chan) && !vmbus_open("fcopy", NULL, &other));
	vmbus_close(other);
	CHECK_IS(vmbus_open("fcopy", &options, &other), -EBUSY);
	vmbus_close(chan);
	MUST(!vmbus_open("fcopy", &options, &chan));
	vmbus_close(chan);
}

static int milliseconds(int timer)
{
	struct itimerspec spec;

	MUST(!timerfd_gettime(timer, &spec));
	return spec.it_interval.tv_sec * 1000 + spec.it_interval.tv_nsec / 1000000;
}

TEST(a_device_that_comes_is_opened)
{
	struct pollfd p = { .fd = -1, .events = POLLIN };
	struct vmbus_chan *chan;

	sysfs_make();
	CHECK_IS(vmbus_open_retry("no class", NULL, &p.fd, &chan), -EINVAL);
	for (int i = 0; i < 7; i++) {
		CHECK_IS(vmbus_open_retry("fcopy", NULL, &p.fd, &chan), -EAGAIN);
		CHECK(!chan && strstr(vmbus_error(), "no VMBus here"));
		CHECK_IS(milliseconds(p.fd), i < 5 ? 100 << i : 2000);
		if (!i)
			CHECK_IS(poll(&p, 1, -1), 1);
	}
	machine();
	MUST(!vmbus_open_retry("fcopy", NULL, &p.fd, &chan));
	CHECK_IS(poll(&p, 1, 0), 0);
	CHECK_IS(milliseconds(p.fd), 0);
	vmbus_close(chan);
	close(p.fd);
}

/* Its readers get EIO after its attributes have gone, but before its files. */
TEST(a_device_that_its_driver_is_letting_go)
{
	struct vmbus_open_options options = { .struct_size = sizeof(options), .ring_size = 65536 };
	struct vmbus_chan *chan;
	int timer = -1;

	set_driver(DEV1, NULL);
	CHECK_IS(vmbus_open_retry("fcopy", &options, &timer, &chan), -EAGAIN);
	CHECK(strstr(vmbus_error(), DEV1 ": its driver is letting it go"));
	close(timer);
}

/* The linker lets each call of open() come here. */
int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);

static bool unregistering;

/* While UIO unregisters a device, its file is there, but cannot be opened. */
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (unregistering && strstr(path, "/dev/uio")) {
		errno = EINVAL;
		return -1;
	}
	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	return __real_open(path, flags, mode);
}

TEST(a_device_that_uio_unregisters)
{
	struct vmbus_chan *chan;
	int timer = -1;

	unregistering = true;
	CHECK_IS(vmbus_open_retry("fcopy", NULL, &timer, &chan), -EAGAIN);
	CHECK(strstr(vmbus_error(), "cannot open"));
	unregistering = false;
	close(timer);
}

/*
 * A driver can wait for a FIFO in place of the plain file of the device. Its
 * host writes 4 bytes to interrupt, and fewer to rescind.
 */
TEST(a_fifo_interrupts_and_rescinds)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct vmbus_chan *chan;
	int epoll, fd;

	MUST(!rename(path_of("dev/uio3"), path_of("dev/uio3.maps")));
	MUST(!mkfifo(path_of("dev/uio3"), 0600));
	MUST(!vmbus_open("fcopy", NULL, &chan));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	MUST(epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, vmbus_fd(chan), &event));
	CHECK_IS(vmbus_arm(chan, VMBUS_WAIT_RECV), 0);
	/* A signal of the driver does not come back to it. */
	CHECK_IS(vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 1, "hello", 6), 0);
	CHECK_IS(epoll_wait(epoll, &event, 1, 0), 0);
	fd = open(path_of("dev/uio3"), O_WRONLY);
	MUST(fd >= 0 && write(fd, "1234", 4) == 4);
	CHECK_IS(epoll_wait(epoll, &event, 1, -1), 1);
	CHECK_IS(vmbus_ack(chan), 0);
	CHECK_IS(vmbus_ack(chan), -EAGAIN);
	MUST(write(fd, "x", 1) == 1);
	CHECK_IS(vmbus_wait(chan, VMBUS_WAIT_RECV, -1), -ENODEV);
	vmbus_close(chan);
	MUST(!vmbus_open("fcopy", NULL, &chan));
	vmbus_close(chan);
	close(epoll);
	close(fd);
	MUST(!unlink(path_of("dev/uio3.maps")));
	CHECK_FAILS(vmbus_open("fcopy", NULL, &chan), -ENOENT, "uio3.maps");
}

int main(void)
{
	return run_tests(machine);
}
