//go:build cgo && linux && (amd64 || arm64)

#define _GNU_SOURCE
#include "faulty.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "_cgo_export.h"

static int *volatile null = NULL;
static volatile int zero = 0, seven = 7, sink;

void faulty_nothing(void *arg) {}
void faulty_null(void *arg) { *null = 1; }
void faulty_wild(void *arg) { *(volatile int *)0xdead0000beef0000 = 1; }

void faulty_nowhere(void *arg)
{
	void (*volatile f)(void) = (void (*)(void))null;
	f();
	sink = 1; /* so that it is a call and not a jump */
}

void faulty_readonly(void *arg) { *(volatile char *)"constant" = 'C'; }

void faulty_bus(void *arg)
{
	int fd = memfd_create("shrunk", 0);
	volatile char *p;
	if (fd < 0 || ftruncate(fd, 4096) != 0)
		return;
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 0) != 0)
		return;
	close(fd);
	*(void **)arg = (void *)p; /* for who cleans up */
	sink = p[7];
}

void faulty_divide(void *arg)
{
#if defined(__x86_64__)
	sink = seven / zero;
#else
	raise(SIGFPE); /* a division by zero is 0 there */
	sink = seven;
#endif
}

void faulty_illegal(void *arg)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	__asm__ volatile(".inst 0"); /* udf */
#endif
}

void faulty_abort(void *arg) { abort(); }

/* Not a loop after all, whatever the compiler thinks. */
__attribute__((noinline)) static int deeper(volatile char *above)
{
	volatile char room[1000];
	room[0] = above[0] + 1;
	return deeper(room) + room[0];
}

void faulty_overflow(void *arg)
{
	volatile char first[1] = {0};
	sink = deeper(first);
}

void faulty_free(void *arg)
{
	void *volatile p = malloc(24);
	free(p);
	free(p);
	sink = 1;
}

/* The stack is of no use to who wants to walk it: where to return to is overwritten. */
__attribute__((noinline)) void faulty_smash(void *arg)
{
	volatile uintptr_t *p = __builtin_frame_address(0);
	getpid(); /* so that it has a frame of its own */
	p[0] = p[1] = 0x4141414141414141;
	*null = 1;
}

void faulty_raise(void *arg)
{
	raise(SIGSEGV);
	sink = 1; /* so that it is a call and not a jump */
}

/* A crash while signals are blocked must not leave them blocked. */
void faulty_blocked(void *arg)
{
	sigset_t all;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	*null = 1;
}

void faulty_spin(void *arg)
{
	faultyReady();
	for (;;)
		sink++;
}

void faulty_back(void *arg) { faultyBack(*(uintptr_t *)arg); }

void faulty_back_null(void *arg)
{
	faultyBack(*(uintptr_t *)arg);
	*null = 1;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void faulty_locked(void *arg)
{
	pthread_mutex_lock(&lock);
	*null = 1;
	pthread_mutex_unlock(&lock);
}

int faulty_busy(void)
{
	if (pthread_mutex_trylock(&lock) != 0)
		return 1;
	pthread_mutex_unlock(&lock);
	return 0;
}

static void *calls(void *handle)
{
	faultyBack(*(uintptr_t *)handle);
	return NULL;
}

void faulty_thread(void *arg)
{
	pthread_t t;
	if (pthread_create(&t, NULL, calls, arg) == 0)
		pthread_join(t, NULL);
}

static void *crashes(void *arg)
{
	*null = 1;
	return NULL;
}

void faulty_crashing_thread(void *arg)
{
	pthread_t t;
	if (pthread_create(&t, NULL, crashes, NULL) == 0)
		pthread_join(t, NULL);
}

/* A child crashes; how it has ended is stored in what arg points to. */
void faulty_fork(void *arg)
{
	pid_t child = fork();
	if (child == 0) {
		*null = 1;
		_exit(0);
	}
	waitpid(child, arg, 0);
}

static void *sends(void *to)
{
	usleep(100000);
	pthread_kill(*(pthread_t *)to, SIGSEGV);
	return NULL;
}

/* Another thread of the process sends what looks like a fault. */
void faulty_other_thread(void *arg)
{
	pthread_t me = pthread_self(), other;
	pthread_create(&other, NULL, sends, &me);
	for (;;)
		sink++;
}

void faulty_call(void (*f)(void *), void *arg) { f(arg); }

void faulty_unmap(void *p) { munmap(p, 4096); }

void *faulty_handler(int sig)
{
	struct sigaction now;
	sigaction(sig, NULL, &now);
	return (void *)now.sa_sigaction;
}
