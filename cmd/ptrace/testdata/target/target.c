// A program to be peeked at. Each thread tells its name and its id on standard
// output, and then counts in the file that is given: turns, and results that it
// would not have had alone. Orders come in the same file.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, noipa))

struct counts {
	volatile long turns[16];
	volatile long wrong[16];
	volatile long signals;
	volatile long order; // 1: the obeying thread calls vfork; 2: it calls execve
	volatile long let_go;
};

static struct counts *counts;
static char *self, *file;

NOINLINE void spin_inner(volatile long *turns) {
	for (int i = 0; i < 1000; i++)
		++*turns;
}

NOINLINE void spin(int n) {
	for (;;)
		spin_inner(&counts->turns[n]);
}

NOINLINE void still(int n) {
	counts->turns[n]++;
	for (;;)
		;
}

// on_futex waits for what nobody wakes: any return is wrong.
NOINLINE void on_futex(int n) {
	static int word;
	for (;;) {
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		counts->wrong[n]++;
	}
}

// timed waits with a timeout, relative and then absolute: any other end is wrong.
NOINLINE void timed(int n) {
	static int word;
	for (;; counts->turns[n]++) {
		struct timespec t = {0, 20000000};
		if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0) != -1 || errno != ETIMEDOUT)
			counts->wrong[n]++;
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_nsec = (t.tv_nsec + 20000000) % 1000000000;
		t.tv_sec += t.tv_nsec < 20000000;
		if (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY) != -1 || errno != ETIMEDOUT)
			counts->wrong[n]++;
	}
}

// polls would get EINTR.
NOINLINE void polls(int n) {
	struct epoll_event e;
	int fd = epoll_create1(0);
	for (;; counts->turns[n]++)
		if (epoll_wait(fd, &e, 1, 200) != 0)
			counts->wrong[n]++;
}

NOINLINE void sleeps(int n) {
	struct timespec t = {0, 1000000};
	for (;; counts->turns[n]++)
		if (nanosleep(&t, NULL) != 0)
			counts->wrong[n]++;
}

// obeys runs until it gets an order.
NOINLINE void obeys(int n) {
	for (;; counts->turns[n]++) {
		if (counts->order == 1) {
			counts->order = 0;
			if (vfork() == 0) {
				while (!counts->let_go)
					usleep(1000);
				_exit(0);
			}
		}
		if (counts->order == 2) {
			counts->order = 0;
			execl(self, self, file, "spin", NULL);
		}
	}
}

static void on_signal(int s) {
	(void)s;
	counts->signals++;
}

static const struct {
	const char *name;
	void (*run)(int);
} threads[] = {
	{"spin", spin}, {"still", still}, {"futex", on_futex}, {"timed", timed}, {"polls", polls}, {"sleeps", sleeps}, {"obeys", obeys},
};

static void *begin(void *arg) {
	long n = (long)arg;
	printf("%s %ld\n", threads[n].name, (long)syscall(SYS_gettid));
	fflush(stdout);
	threads[n].run(n);
	return NULL;
}

int main(int argc, char **argv) {
	self = "/proc/self/exe", file = argv[1];
	int fd = open(file, O_RDWR);
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || counts == MAP_FAILED)
		return 2;
	signal(SIGUSR1, on_signal);
	printf("main %d\n", getpid());
	fflush(stdout);
	for (long n = 0; n < (long)(sizeof threads / sizeof threads[0]); n++)
		for (int i = 2; i < argc; i++) {
			pthread_t t;
			if (strcmp(argv[i], threads[n].name) == 0 && pthread_create(&t, NULL, begin, (void *)n) != 0)
				return 2;
		}
	printf("ready 0\n");
	fflush(stdout);
	for (;;)
		pause();
}
