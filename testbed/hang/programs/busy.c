// Threads that run, or want to:
//
//	user calls yield   loops in user space, of system calls, of sched_yield
//	kernel             one system call that runs for most of a minute
//	idle CPU           SCHED_IDLE beside busy threads of nice -20 on that CPU
//	nice CPU           nice 19 beside them
#include "hang.h"
#include <linux/bpf.h>
#include <sched.h>
#include <sys/resource.h>

static volatile unsigned long count;

static void *user(void *arg) {
	(void)arg;
	ready();
	for (;;)
		count++;
	return NULL;
}

static void *calls(void *arg) {
	(void)arg;
	ready();
	for (;;)
		syscall(SYS_getppid);
	return NULL;
}

static void *yield(void *arg) {
	(void)arg;
	ready();
	for (;;)
		sched_yield();
	return NULL;
}

// kernel has the kernel run a BPF program of two instructions 2^32 times in one
// call of bpf(2): the harmless way to spend CPU time in the kernel without
// returning. Unlike a real endless loop there it ends by a signal.
static void *kernel(void *arg) {
	(void)arg;
	struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char packet[64] = {0};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (unsigned long)code,
		.insn_cnt = 2,
		.license = (unsigned long)"GPL",
	};
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
	check(fd < 0, "bpf(BPF_PROG_LOAD)");
	union bpf_attr run = {.test = {
		.prog_fd = fd,
		.data_in = (unsigned long)packet,
		.data_size_in = sizeof packet,
		.repeat = 0xffffffff,
	}};
	ready();
	for (;;)
		check(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof run) < 0, "bpf(BPF_PROG_TEST_RUN)");
	return NULL;
}

static void keep_to(int cpu) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

static void *spin(void *arg) {
	(void)arg;
	check(setpriority(PRIO_PROCESS, syscall(SYS_gettid), -20), "setpriority -20");
	for (;;)
		count++;
	return NULL;
}

// crowd is a process with four busy threads on the CPU. It waits until the pipe
// is closed, so that the subject can say that it is ready before it starves.
static int crowd(int cpu) {
	int hold[2];
	check(pipe2(hold, O_CLOEXEC), "pipe2");
	if (child())
		return hold[1];
	char c;
	close(hold[1]);
	close(0);
	alarm(60);
	keep_to(cpu);
	if (read(hold[0], &c, 1) != 0)
		_exit(1);
	for (int i = 0; i < 3; i++)
		start(spin, NULL);
	spin(NULL);
	return 0;
}

struct lot {
	int cpu, policy, gate;
};

static void *starved(void *arg) {
	struct lot *lot = arg;
	struct sched_param none = {0};
	keep_to(lot->cpu);
	if (lot->policy == SCHED_IDLE)
		check(sched_setscheduler(0, SCHED_IDLE, &none), "sched_setscheduler");
	else
		check(setpriority(PRIO_PROCESS, syscall(SYS_gettid), 19), "setpriority 19");
	ready();
	close(lot->gate);
	for (;;)
		count++;
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	const char *kind = argc > 1 ? argv[1] : "";
	if (!strcmp(kind, "user"))
		start(user, NULL);
	else if (!strcmp(kind, "calls"))
		start(calls, NULL);
	else if (!strcmp(kind, "yield"))
		start(yield, NULL);
	else if (!strcmp(kind, "kernel"))
		start(kernel, NULL);
	else if (argc == 3 && (!strcmp(kind, "idle") || !strcmp(kind, "nice"))) {
		static struct lot lot;
		lot.cpu = atoi(argv[2]);
		lot.policy = !strcmp(kind, "idle") ? SCHED_IDLE : SCHED_OTHER;
		lot.gate = crowd(lot.cpu);
		start(starved, &lot);
	} else
		usage("busy user|calls|yield|kernel, or busy idle|nice CPU");
	beat();
}
