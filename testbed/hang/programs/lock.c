// Locks of pthreads:
//
//	abba     two threads, two mutexes, taken in opposite order
//	self     a mutex taken twice by the same thread
//	dead     a mutex whose owner has ended
//	held     a mutex whose owner sleeps, and will let go of it
//	cond     a condition that nobody signals
//	join     a thread that waits for work
#include "hang.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t signalled = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t both;

static void *first(void *arg) {
	(void)arg;
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&b);
	return NULL;
}

static void *second(void *arg) {
	(void)arg;
	pthread_mutex_lock(&b);
	ready();
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&a);
	return NULL;
}

static void *self(void *arg) {
	(void)arg;
	pthread_mutex_lock(&a);
	ready();
	pthread_mutex_lock(&a);
	return NULL;
}

static void *owner(void *arg) {
	(void)arg;
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&both);
	return NULL;
}

static void *heir(void *arg) {
	(void)arg;
	pthread_t t = start(owner, NULL);
	pthread_barrier_wait(&both);
	pthread_join(t, NULL);
	ready();
	pthread_mutex_lock(&a);
	return NULL;
}

static void *sleeper(void *arg) {
	(void)arg;
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&both);
	sleep_ms(600000);
	pthread_mutex_unlock(&a);
	return NULL;
}

static void *waiter(void *arg) {
	(void)arg;
	start(sleeper, NULL);
	pthread_barrier_wait(&both);
	ready();
	pthread_mutex_lock(&a);
	return NULL;
}

static void *condition(void *arg) {
	(void)arg;
	ready();
	pthread_mutex_lock(&a);
	for (;;)
		pthread_cond_wait(&signalled, &a);
	return NULL;
}

static void *worker(void *fd) {
	char c;
	(void)!read(*(int *)fd, &c, 1);
	return NULL;
}

static void *joiner(void *arg) {
	(void)arg;
	static int ends[2];
	check(pipe(ends), "pipe");
	pthread_t t = start(worker, ends);
	ready();
	pthread_join(t, NULL);
	return NULL;
}

int main(int argc, char **argv) {
	begin();
	pthread_barrier_init(&both, NULL, 2);
	const char *kind = argc > 1 ? argv[1] : "";
	if (!strcmp(kind, "abba")) {
		start(first, NULL);
		start(second, NULL);
	} else if (!strcmp(kind, "self"))
		start(self, NULL);
	else if (!strcmp(kind, "dead"))
		start(heir, NULL);
	else if (!strcmp(kind, "held"))
		start(waiter, NULL);
	else if (!strcmp(kind, "cond"))
		start(condition, NULL);
	else if (!strcmp(kind, "join"))
		start(joiner, NULL);
	else
		usage("lock abba|self|dead|held|cond|join");
	beat();
}
