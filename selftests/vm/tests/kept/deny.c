// SPDX-License-Identifier: GPL-2.0-only
/*
 * While this module is loaded, a function of the kernel that a process calls
 * does nothing, and says that it has failed.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

static char at[64];
module_param_string(at, at, sizeof(at), 0444);
MODULE_PARM_DESC(at, "the function; it returns an int");
static int error = -EIO;
module_param(error, int, 0444);
static int denied;
module_param(denied, int, 0444);
MODULE_PARM_DESC(denied, "how often it was called");

/* Runs in place of the function, for the same caller. */
static noinline int instead(void)
{
	return error;
}

static int deny(struct kprobe *probe, struct pt_regs *regs)
{
	if (!current->mm)
		return 0;
	denied++;
	instruction_pointer_set(regs, (unsigned long)instead);
	return 1;
}

/*
 * One with this handler is never made a jump, which would not let deny() choose
 * where to go on.
 */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = at,
	.pre_handler = deny,
	.post_handler = after,
};

static int __init deny_init(void)
{
	return register_kprobe(&probe);
}

static void __exit deny_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(deny_init);
module_exit(deny_exit);
MODULE_DESCRIPTION("A function that fails");
MODULE_LICENSE("GPL");
