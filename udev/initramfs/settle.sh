#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Hook of dracut, which runs it before it stops udev: wait until udev has
# handled the devices. Otherwise dracut can end as soon as the disk is there,
# while udev still loads hv_vmbus, and no device is bound in the initramfs.
udevadm settle --timeout=30
