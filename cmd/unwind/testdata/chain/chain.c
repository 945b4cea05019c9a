// A program whose calls are known: it blocks, as its argument says, and tells
// which thread does. Lines that a test looks for say so at their end.
#include <alloca.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, noipa))

static int fds[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile long sink;

static void ready(void) {
	printf("%ld\n", (long)syscall(SYS_gettid));
	fflush(stdout);
}

static inline __attribute__((always_inline)) long put_in(void) {
	char c[16];
	long n = read(fds[0], c, sizeof c); // at read
	sink += n;
	return n + c[0];
}

NOINLINE long inner(int n) {
	char buf[100];
	memset(buf, n, sizeof buf);
	ready();
	long r = put_in(); // at put_in
	sink += buf[n];
	return r;
}

NOINLINE long middle(int n) {
	long r = inner(n + 1); // at inner
	sink += r;
	return r + n;
}

NOINLINE long outer(int n) {
	volatile long keep[7];
	keep[n & 3] = n;
	long r = middle(n) + keep[n & 3]; // at middle
	sink += r;
	return r;
}

NOINLINE long nine(long a, long b, long c, long d, long e, long f, long g, long h, long i) {
	long r = inner(a + b) + c + d + e + f + g + h + i;
	sink += r;
	return r;
}

NOINLINE long args(int n) {
	long r = nine(n, 0, n, n, n, n, n, n, n);
	sink += r;
	return r;
}

NOINLINE long vary(int n) {
	char *p = alloca(100 + (sink + n) % 64);
	memset(p, n, 100);
	long r = inner(n);
	sink += p[n];
	return r;
}

NOINLINE long aligned(int n) {
	char buf[256] __attribute__((aligned(128)));
	memset(buf, n, sizeof buf);
	sink += (long)buf;
	long r = inner(n);
	sink += buf[n];
	return r;
}

NOINLINE long large(int n) {
	volatile char buf[3 << 20];
	buf[n] = n;
	long r = inner(n);
	sink += buf[n];
	return r;
}

NOINLINE long table(int n) {
	long r = 0;
	switch (n) {
	case 0: r = sink * 3; break;
	case 1: r = inner(n); sink += r; break;
	case 2: r = sink + 17; break;
	case 3: r = sink ^ 5; break;
	case 4: sink = 12; break;
	case 5: r = sink * sink; break;
	case 6: r = -sink; break;
	}
	return r + n;
}

NOINLINE long deep(int n) {
	long r = n == 0 ? inner(n) : deep(n - 1);
	sink += r;
	return r + 1;
}

static int compare(const void *a, const void *b) {
	(void)a, (void)b;
	long r = inner(1);
	sink += r;
	return 0;
}

NOINLINE long sorts(int n) {
	long v[2] = {n, 1};
	qsort(v, 2, sizeof v[0], compare);
	sink += v[0];
	return v[1];
}

static void on_signal(int s) {
	long r = inner(s - SIGUSR1);
	sink += r;
}

NOINLINE long raises(int n) {
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	sink += n;
	return n;
}

NOINLINE long faults(int n) {
	signal(SIGSEGV, on_signal);
	*(volatile long *)(sink * 8) = n;
	return n;
}

NOINLINE long locks(int n) {
	ready();
	pthread_mutex_lock(&lock);
	sink += n;
	return n;
}

NOINLINE long forks(int n) {
	ready();
	if (vfork() == 0) {
		pause();
		_exit(0);
	}
	sink += n;
	return n;
}

// misses waits for a page that nobody brings.
NOINLINE long misses(int n) {
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = {{(unsigned long)page, 4096}, UFFDIO_REGISTER_MODE_MISSING, 0};
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &reg) != 0)
		exit(2);
	ready();
	sink += page[n]; // at miss
	return n;
}

static void *worker(void *run) {
	long r = ((long (*)(int))run)(1);
	sink += r;
	return NULL;
}

NOINLINE long spins(int n) {
	ready();
	for (;;)
		sink += n;
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		long (*run)(int);
		int arg;
	} modes[] = {
		{"outer", outer, 1}, {"args", args, 1}, {"vary", vary, 1}, {"aligned", aligned, 1}, {"large", large, 1},
		{"table", table, 1}, {"deep", deep, 300}, {"sorts", sorts, 1}, {"raises", raises, 1}, {"faults", faults, 1}, {"locks", locks, 1}, {"forks", forks, 1}, {"misses", misses, 1}, {"spins", spins, 1},
	};
	if (argc < 3 || pipe(fds) != 0)
		return 2;
	for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		pthread_mutex_lock(&lock);
		if (strcmp(argv[2], "thread") == 0) {
			pthread_t t;
			if (pthread_create(&t, NULL, worker, (void *)modes[i].run) != 0)
				return 2;
			pthread_join(t, NULL);
		} else {
			sink += modes[i].run(modes[i].arg); // at mode
		}
	}
	return 3;
}
