// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Parse GUIDs and numbers, and list the short names of classes. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uuid/uuid.h>

#include "vmbus.h"

/* Room for a number as text; sysfs prints no longer numbers. */
#define NUMBER_SIZE 32

/* Sorted by name */
static const struct class classes[] = {
	{ "avma1", "f8e65716-3cb3-4a06-9a60-1889c5cccab5", "Automatic VM activation" },
	{ "avma2", "3375baf4-9e15-4b30-b765-67acb10d607b", "Automatic VM activation" },
	{ "balloon", "525074dc-8985-46e2-8057-a307dc18a502", "Dynamic memory" },
	{ "blob", "0590b792-db64-45cc-81db-b8d70c577c9e", "Azure Blob fast path" },
	{ "dxgkrnl", "dde9cbc0-5060-4436-9448-ea1254a5d177", "DirectX graphics, global" },
	{ "fb", "da0a7802-e377-4aac-8e77-0558eb1073f8", "Synthetic video" },
	{ "fc", "2f9bcc4a-0069-4af3-b76b-6fd0be528cda", "Synthetic Fibre Channel" },
	{ "fcopy", "34d14be3-dee4-41c8-9ae7-6b174977c192", "Guest file copy" },
	{ "get", "8dedd1aa-9056-49e4-bfd6-1bf90dc38ef0", "OpenHCL guest emulation transport" },
	{ "heartbeat", "57164f39-9115-4e78-ab55-382f3bd5422d", "Heartbeat" },
	{ "ide", "32412632-86cb-44a2-9b5c-50d1417354f5", "Synthetic IDE controller" },
	{ "imc", "c376c1c3-d276-48d2-90a9-c04748072c60", "Initial machine configuration" },
	{ "kbd", "f912ad6d-2b17-48ea-bd65-f927a61c7684", "Synthetic keyboard" },
	{ "kvp", "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6", "Key-value pair exchange" },
	{ "mouse", "cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a", "Synthetic mouse" },
	{ "nd", "8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501", "Network Direct (RDMA)" },
	{ "nic", "f8615163-df3e-46c5-913f-f2d2f965ed0e", "Synthetic network adapter" },
	{ "pcie", "44c4f61d-4444-4400-9d52-802e27ede19f", "PCI Express pass-through" },
	{ "rdv", "276aacf4-ac15-426c-98dd-7521ad3f01fe", "Remote desktop virtualization" },
	{ "scsi", "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f", "Synthetic SCSI controller" },
	{ "shutdown", "0e0b6031-5213-4934-818b-38d90ced39db", "Guest shutdown" },
	{ "timesync", "9527e630-d0ae-497b-adce-e80ab0175caf", "Time synchronization" },
	{ "vgpu", "6e382d18-3336-4f4b-acc4-2b7703d4df4a", "DirectX virtual graphics processor" },
	{ "vss", "35fa2e29-ea23-4236-96ae-3a6ebacba440", "Backup (volume snapshots)" },
};

#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

int guid_parse(const char *text, char guid[GUID_SIZE])
{
	size_t len = strlen(text);
	char bare[GUID_SIZE];
	uuid_t uuid;

	if (len == GUID_SIZE + 1 && text[0] == '{' && text[len - 1] == '}') {
		text++;
		len -= 2;
	}
	if (len != GUID_SIZE - 1)
		return -EINVAL;
	memcpy(bare, text, len);
	bare[len] = '\0';
	if (uuid_parse(bare, uuid))
		return -EINVAL;
	uuid_unparse_lower(uuid, guid);
	return 0;
}

const struct class *class_at(size_t index)
{
	return index < CLASS_COUNT ? &classes[index] : NULL;
}

const struct class *class_find(const char *name_or_guid)
{
	char guid[GUID_SIZE] = "";

	guid_parse(name_or_guid, guid);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (!strcasecmp(classes[i].name, name_or_guid) || !strcmp(classes[i].guid, guid))
			return &classes[i];
	return NULL;
}

const char *sysroot(void)
{
	const char *root = secure_getenv("VMBUS_SYSROOT");

	return root && strcmp(root, "/") ? root : "";
}

int parse_u64(const char *text, uint64_t *value)
{
	unsigned long long number;
	char *end;

	/* strtoull() would also accept spaces, signs and octal digits. */
	if (text[0] < '0' || text[0] > '9')
		return -EPROTO;
	errno = 0;
	number = strtoull(text, &end, text[1] == 'x' ? 16 : 10);
	if (errno || *end)
		return -EPROTO;
	*value = number;
	return 0;
}

int device_u64(const struct vmbus_device *dev, const char *name, uint64_t *value)
{
	char text[NUMBER_SIZE];
	int err = vmbus_device_attribute(dev, name, text, sizeof(text));

	if (err)
		return err == -ENOBUFS ? -EPROTO : err;
	return parse_u64(text, value);
}

int device_is_offered(const struct vmbus_device *dev)
{
	uint64_t relid;
	char text[NUMBER_SIZE];
	int err = vmbus_device_attribute(dev, "id", text, sizeof(text));

	if (err)
		return err;
	/*
	 * The kernel marks a missing number with UINT32_MAX, and prints it as a
	 * signed number.
	 */
	if (!strcmp(text, "-1"))
		return 0;
	err = parse_u64(text, &relid);
	return err ? err : relid != UINT32_MAX;
}
