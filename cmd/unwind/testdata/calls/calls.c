// A program that makes every kind of blocking call that a careless observer
// disturbs, each in a thread of its own, as many times as its argument says. It
// tells of each how many results were EINTR, and how many less or other than they
// ought to be.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NAP_MS = 20 };

struct kind {
	const char *name;
	// run makes the call once. It returns 0 if the result is as it ought to be,
	// and else the error, or -1.
	int (*run)(void *);
	void *(*init)(void);
	int eintr, other;
};

static int rounds;
static const struct timespec nap = {0, NAP_MS * 1000000};

// timed_out is for calls that ought to end with an error.
static int timed_out(long result, int want) { return result == -1 ? (errno == want ? 0 : errno) : -1; }
static int ended(long result) { return result == 0 ? 0 : result == -1 ? errno : -1; }

static int do_epoll(void *p) {
	struct epoll_event e;
	return ended(epoll_wait(*(int *)p, &e, 1, NAP_MS));
}
static void *init_epoll(void) {
	int *fd = malloc(sizeof *fd);
	*fd = epoll_create1(0);
	return fd;
}

static int do_semop(void *p) {
	struct sembuf b = {0, -1, 0};
	return timed_out(semtimedop(*(int *)p, &b, 1, &nap), EAGAIN);
}
static int sem = -1;
static void remove_sem(void) { semctl(sem, 0, IPC_RMID); }
static void *init_semop(void) {
	sem = semget(IPC_PRIVATE, 1, 0600);
	atexit(remove_sem);
	return &sem;
}

static int do_sigtimedwait(void *p) {
	(void)p;
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	return timed_out(sigtimedwait(&s, NULL, &nap), EAGAIN);
}

static int do_getevents(void *p) {
	struct io_event e;
	struct timespec t = nap;
	return ended(syscall(SYS_io_getevents, *(aio_context_t *)p, 1L, 1L, &e, &t));
}
static void *init_getevents(void) {
	aio_context_t *c = calloc(1, sizeof *c);
	return syscall(SYS_io_setup, 1, c) == 0 ? c : NULL;
}

static int do_recv(void *p) {
	char c;
	return timed_out(recv(*(int *)p, &c, 1, 0), EAGAIN);
}
static void *init_recv(void) {
	int *s = malloc(2 * sizeof *s);
	struct timeval t = {0, NAP_MS * 1000};
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 || setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) != 0)
		return NULL;
	return s;
}

// A write of more than a pipe holds, to a reader that naps first.
enum { MUCH = 300000 };
static char much[MUCH];

static void *slow_reader(void *p) {
	static char into[MUCH];
	for (int fd = *(int *)p;;) {
		nanosleep(&nap, NULL);
		for (int got = 0, n; got < MUCH; got += n)
			if ((n = read(fd, into, MUCH - got)) <= 0)
				return NULL;
	}
}
static int do_write(void *p) {
	long n = write(((int *)p)[1], much, MUCH);
	return n == MUCH ? 0 : n == -1 ? errno : -1;
}
static void *init_write(void) {
	int *fds = malloc(2 * sizeof *fds);
	pthread_t t;
	if (pipe(fds) != 0 || pthread_create(&t, NULL, slow_reader, fds) != 0)
		return NULL;
	return fds;
}

// A read that another thread serves after a nap.
static void *slow_writer(void *p) {
	for (;;) {
		nanosleep(&nap, NULL);
		if (write(*(int *)p, much, 8) != 8)
			return NULL;
	}
}
static int do_read(void *p) {
	char b[8];
	long n = read(((int *)p)[0], b, sizeof b);
	return n == sizeof b ? 0 : n == -1 ? errno : -1;
}
static void *init_read(void) {
	int *fds = malloc(2 * sizeof *fds);
	pthread_t t;
	if (pipe(fds) != 0 || pthread_create(&t, NULL, slow_writer, fds + 1) != 0)
		return NULL;
	return fds;
}

static int do_poll(void *p) {
	struct pollfd f = {*(int *)p, POLLIN, 0};
	return ended(poll(&f, 1, NAP_MS));
}
static int do_select(void *p) {
	fd_set s;
	FD_ZERO(&s);
	FD_SET(*(int *)p, &s);
	struct timespec t = nap;
	return ended(pselect(*(int *)p + 1, &s, NULL, NULL, &t, NULL));
}
static void *init_event(void) {
	int *fd = malloc(sizeof *fd);
	*fd = eventfd(0, 0);
	return fd;
}

static int do_nanosleep(void *p) {
	(void)p;
	return ended(nanosleep(&nap, NULL));
}

static int do_futex(void *p) { return timed_out(syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, 0, &nap, NULL, 0), ETIMEDOUT); }
static void *init_futex(void) { return calloc(1, sizeof(int)); }

static struct kind kinds[] = {
	{"epoll_wait", do_epoll, init_epoll, 0, 0}, {"semtimedop", do_semop, init_semop, 0, 0},
	{"rt_sigtimedwait", do_sigtimedwait, init_futex, 0, 0}, {"io_getevents", do_getevents, init_getevents, 0, 0},
	{"recvfrom", do_recv, init_recv, 0, 0}, {"write", do_write, init_write, 0, 0}, {"read", do_read, init_read, 0, 0},
	{"poll", do_poll, init_event, 0, 0}, {"pselect6", do_select, init_event, 0, 0},
	{"clock_nanosleep", do_nanosleep, init_futex, 0, 0}, {"futex", do_futex, init_futex, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void *repeat(void *p) {
	struct kind *k = p;
	void *arg = k->init();
	if (arg == NULL) {
		fprintf(stderr, "%s cannot be made\n", k->name);
		exit(2);
	}
	for (int i = 0; i < rounds; i++) {
		int e = k->run(arg);
		k->eintr += e == EINTR;
		k->other += e != 0 && e != EINTR;
	}
	return NULL;
}

int main(int argc, char **argv) {
	rounds = argc > 1 ? atoi(argv[1]) : 10;
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	printf("%d\n", getpid());
	fflush(stdout);
	pthread_t t[KINDS];
	for (int i = 0; i < KINDS; i++)
		if (pthread_create(&t[i], NULL, repeat, &kinds[i]) != 0)
			return 2;
	for (int i = 0; i < KINDS; i++) {
		pthread_join(t[i], NULL);
		printf("%s %d %d\n", kinds[i].name, kinds[i].eintr, kinds[i].other);
	}
	return 0;
}
