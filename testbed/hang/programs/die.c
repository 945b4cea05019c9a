// A thread that the kernel kills alone, by a system call that its seccomp filter
// forbids, while the process lives on: a thread beside the leader (thread), or
// the leader itself (leader).
#include "hang.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

static void *subject(void *arg) {
	(void)arg;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof code / sizeof *code, code};
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
	ready();
	syscall(SYS_getppid);
	dprintf(2, "it lives\n");
	return NULL;
}

static void *heart(void *arg) {
	(void)arg;
	beat();
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	const char *who = argc > 1 ? argv[1] : "";
	if (!strcmp(who, "thread")) {
		start(subject, NULL);
		beat();
	} else if (!strcmp(who, "leader")) {
		start(heart, NULL);
		subject(NULL);
	} else
		usage("die thread|leader");
}
