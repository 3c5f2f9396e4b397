// SPDX-License-Identifier: GPL-2.0-only
/*
 * This module holds the first process, or the first kernel worker, that reaches
 * a function of the kernel, at its start or at its end, until the test releases
 * it, so that the test can do something else at that moment. The function must
 * be one that may sleep, with at most six arguments.
 *
 * With the parameter deny, the function does nothing for any process as long as
 * the module is loaded, and returns what the test chooses.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#define LIMIT_MS 60000

static char at[64];
module_param_string(at, at, sizeof(at), 0444);
MODULE_PARM_DESC(at, "the function");
static bool end;
module_param(end, bool, 0444);
MODULE_PARM_DESC(end, "at its end");
static bool worker;
module_param(worker, bool, 0444);
MODULE_PARM_DESC(worker, "a kernel worker, not a process");
static bool go;
module_param(go, bool, 0644);
MODULE_PARM_DESC(go, "lets it go on");
static int held;
module_param(held, int, 0444);
MODULE_PARM_DESC(held, "0: nobody came; 1: held; 2: let go; 3: let go by the time limit");
static bool deny;
module_param(deny, bool, 0444);
MODULE_PARM_DESC(deny, "the function returns the error at once; it returns an int or a bool");
static int error = -EIO;
module_param(error, int, 0444);
static int denied;
module_param(denied, int, 0444);
MODULE_PARM_DESC(denied, "how often it was called with deny");

static atomic_t taken;
static bool returned;
static struct kprobe probe;

static void hold(void)
{
	int ms;

	WRITE_ONCE(held, 1);
	for (ms = 0; ms < LIMIT_MS && !READ_ONCE(go); ms += 10)
		msleep(10);
	WRITE_ONCE(held, READ_ONCE(go) ? 2 : 3);
}

/* This runs instead of the function, for the same caller, and calls it. */
static noinline long instead(long a, long b, long c, long d, long e, long f)
{
	long (*function)(long, long, long, long, long, long) = (void *)probe.addr;
	long ret;

	if (!end)
		hold();
	ret = function(a, b, c, d, e, f);
	if (end)
		hold();
	WRITE_ONCE(returned, true);
	return ret;
}

static int divert(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int kind = current->flags & (PF_KTHREAD | PF_WQ_WORKER);

	if (worker ? !(kind & PF_WQ_WORKER) : kind)
		return 0;
	if (atomic_xchg(&taken, 1))
		return 0;
	instruction_pointer_set(regs, (unsigned long)instead);
	return 1;
}

/* This runs instead of a function that is denied. */
static noinline int refuse(void)
{
	return error;
}

static int divert_to_refuse(struct kprobe *probe, struct pt_regs *regs)
{
	if (!current->mm)
		return 0;
	denied++;
	instruction_pointer_set(regs, (unsigned long)refuse);
	return 1;
}

/*
 * The kernel never optimizes a probe with this handler to a jump, which would
 * prevent the other handler from choosing where to continue.
 */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = at,
	.pre_handler = divert,
	.post_handler = after,
};

static int __init hold_init(void)
{
	if (deny)
		probe.pre_handler = divert_to_refuse;
	return register_kprobe(&probe);
}

static void __exit hold_exit(void)
{
	unregister_kprobe(&probe);
	/* No process may return into a removed module. */
	WRITE_ONCE(go, true);
	while (atomic_read(&taken) && !READ_ONCE(returned))
		msleep(10);
	synchronize_rcu_tasks();
}

module_init(hold_init);
module_exit(hold_exit);
MODULE_DESCRIPTION("Holds a process or a worker at a function, or denies the function");
MODULE_LICENSE("GPL");
