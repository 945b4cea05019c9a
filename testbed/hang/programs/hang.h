// What the programs have in common. Each is one line of the table of what the
// kernel shows, made for real: it says on standard output
//
//	ready TID    the subject is the thread TID, and waits for a line
//	event TIME   the line has come, and it does its deed now (CLOCK_MONOTONIC ns)
//
// and ends by SIGALRM after HANG_SECONDS (60), whatever it does then. Its main
// thread beats on, where it is not the subject itself: a program that would pass
// for sound by any heartbeat.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static UNUSED void check(int bad, const char *what) {
	if (bad) {
		perror(what);
		_exit(1);
	}
}

static UNUSED void usage(const char *text) {
	dprintf(2, "usage: %s\n", text);
	_exit(2);
}

// begin is to be called first.
static UNUSED void begin(void) {
	const char *seconds = getenv("HANG_SECONDS");
	alarm(seconds ? atoi(seconds) : 60);
}

static UNUSED long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static UNUSED void sleep_ms(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

// ready names the calling thread as the subject and waits for the line.
static UNUSED void ready(void) {
	char c = 0;
	dprintf(1, "ready %d\n", (int)syscall(SYS_gettid));
	while (read(0, &c, 1) == 1 && c != '\n')
		;
	dprintf(1, "event %lld\n", now());
}

static UNUSED pthread_t start(void *(*f)(void *), void *arg) {
	pthread_t t;
	errno = pthread_create(&t, NULL, f, arg);
	check(errno, "pthread_create");
	return t;
}

// beat is what the main thread does meanwhile.
static UNUSED void beat(void) {
	for (;;)
		sleep_ms(100);
}

// child forks a process that ends with its parent. It returns 0 in it.
static UNUSED pid_t child(void) {
	pid_t pid = fork();
	check(pid < 0, "fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}
