// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * A live patch by which a kernel makes utime and stime as kernels before 4.3 do:
 * nothing is told anew while their sum is not less than what was run, and else
 * each of them advances by itself. For virtual machines that are thrown away.
 */
#include <linux/livepatch.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/cputime.h>

static void advance(u64 *told, u64 now)
{
	if (now > *told)
		*told = now;
}

static void independent(struct task_cputime *seen, struct prev_cputime *told, u64 *utime, u64 *stime)
{
	u64 run = seen->sum_exec_runtime, user = run, system = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&told->lock, flags);
	if (told->utime + told->stime < run) {
		if (!seen->utime) {
			user = 0;
			system = run;
		} else if (seen->stime) {
			system = mul_u64_u64_div_u64(run, seen->stime, seen->stime + seen->utime);
			user = run - system;
		}
		advance(&told->stime, system);
		advance(&told->utime, user);
	}
	*utime = told->utime;
	*stime = told->stime;
	raw_spin_unlock_irqrestore(&told->lock, flags);
}

static struct klp_func functions[] = {
	{ .old_name = "cputime_adjust", .new_func = independent },
	{},
};

static struct klp_object objects[] = {
	{ .funcs = functions }, /* of the kernel itself */
	{},
};

static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

static int __init cputime_init(void)
{
	return klp_enable_patch(&patch);
}
module_init(cputime_init);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("utime and stime as kernels before 4.3 made them");
