// One thread has what another one waits for, as glibc keeps it. The argument says
// what that is. Tells the waiting thread's number, the owner's, and the address.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static pthread_t owner;
static const char *what;
static volatile int owned, waiting;
static volatile void *at;

static int is(const char *s) { return strcmp(what, s) == 0; }

static void take(void)
{
	if (is("writer") || is("writers")) {
		at = &rwlock;
		pthread_rwlock_wrlock(&rwlock);
	} else if (is("reader")) {
		at = &rwlock;
		pthread_rwlock_rdlock(&rwlock);
	} else {
		at = &mutex;
		pthread_mutex_lock(&mutex);
	}
}

static void *own(void *unused)
{
	if (!is("condition") && !is("semaphore") && !is("join"))
		take();
	owned = syscall(SYS_gettid);
	if (is("orphan"))
		return NULL;
	for (;;)
		pause();
}

static void *wait_for(void *unused)
{
	waiting = syscall(SYS_gettid);
	if (is("join")) {
		pthread_join(owner, NULL);
	} else if (is("condition")) {
		at = &cond;
		pthread_mutex_lock(&mutex);
		pthread_cond_wait(&cond, &mutex);
	} else if (is("semaphore")) {
		at = &sem;
		sem_init(&sem, 0, 0);
		sem_wait(&sem);
	} else if (is("writer")) {
		pthread_rwlock_rdlock(&rwlock);
	} else if (is("writers") || is("reader")) {
		pthread_rwlock_wrlock(&rwlock);
	} else {
		take();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t a;
	pthread_t waiter;

	what = argv[1];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_mutexattr_init(&a);
	if (is("recursive"))
		pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	if (is("checking"))
		pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	if (is("adaptive"))
		pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ADAPTIVE_NP);
	if (is("robust"))
		pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (is("inheriting"))
		pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	if (is("shared"))
		pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&mutex, &a);
	pthread_create(&owner, NULL, own, NULL);
	while (!owned)
		usleep(1000);
	pthread_create(&waiter, NULL, wait_for, NULL);
	while (!waiting)
		usleep(1000);
	printf("%d %d %p\n", waiting, owned, (void *)at);
	fflush(stdout);
	for (;;)
		pause();
}
