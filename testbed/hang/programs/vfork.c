// A parent whose vfork child neither executes a program nor ends.
#include "hang.h"

static void *parent(void *arg) {
	(void)arg;
	ready();
	pid_t pid = vfork();
	if (pid == 0) {
		syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			syscall(SYS_pause);
	}
	check(pid < 0, "vfork");
	return NULL;
}

int main(void) {
	begin();
	start(parent, NULL);
	beat();
}
