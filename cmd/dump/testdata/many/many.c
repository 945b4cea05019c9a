// A program with many threads: the second one spins, the others wait for signals.
// What it has on its stacks and in its environment must not be in a dump.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile long turns;

__attribute__((noinline)) static void waits(void) {
	for (;;)
		pause();
}

__attribute__((noinline)) static void spins(void) {
	for (;;)
		turns++;
}

static void *run(void *spin) {
	char secret[100];
	snprintf(secret, sizeof secret, "password=%s;", getenv("MANY_SECRET") ? getenv("MANY_SECRET") : "none");
	if (spin)
		spins();
	waits();
	return secret;
}

int main(int argc, char **argv) {
	pthread_t t;
	for (int i = 1; i < atoi(argv[1]); i++)
		pthread_create(&t, NULL, run, (void *)(long)(i == 1));
	printf("%d\n", getpid());
	fflush(stdout);
	waits();
}
