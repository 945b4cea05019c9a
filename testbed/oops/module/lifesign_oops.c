// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * A file, /proc/lifesign_oops, by which a thread has the kernel make a mistake.
 * What is written says which: 'o' reads nowhere, 'b' finds a BUG, 'm' reads
 * nowhere while it holds a mutex, another one each time, 'w' waits for the last of
 * those. For virtual machines that are thrown away.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static struct mutex held[16];
static unsigned int last;
static int *volatile nowhere;

static ssize_t oops_write(struct file *f, const char __user *text, size_t n, loff_t *at)
{
	char c;

	if (n < 1 || get_user(c, text))
		return -EINVAL;
	switch (c) {
	case 'm':
		last = (last + 1) % ARRAY_SIZE(held);
		mutex_lock(&held[last]);
		fallthrough;
	case 'o':
		*nowhere = 1;
		return n;
	case 'b':
		BUG();
	case 'w':
		mutex_lock(&held[last]);
		mutex_unlock(&held[last]);
		return n;
	}
	return -EINVAL;
}

static const struct proc_ops oops_ops = {
	.proc_write = oops_write,
};

static int __init oops_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(held); i++)
		mutex_init(&held[i]);
	return proc_create("lifesign_oops", 0200, NULL, &oops_ops) ? 0 : -ENOMEM;
}
module_init(oops_init);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("has the kernel make a mistake on demand");
