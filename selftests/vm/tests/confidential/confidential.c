// SPDX-License-Identifier: GPL-2.0-only
/*
 * While this module is loaded, the kernel reports that the VM is a confidential
 * one. The emulated VMBus is too old for such a VM, so load this after
 * hv_vmbus; only later callers get this result.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int say_yes(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs_set_return_value(regs, true);
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name = "hv_is_isolation_supported",
	.handler = say_yes,
	.maxactive = 16,
};

static int __init confidential_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit confidential_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(confidential_init);
module_exit(confidential_exit);
MODULE_DESCRIPTION("A VM that says it is confidential");
MODULE_LICENSE("GPL");
