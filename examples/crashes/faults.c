//go:build cgo && linux && (amd64 || arm64)

#include "faults.h"

#include <stdlib.h>

static int *volatile null = NULL;
static volatile int done;

void fault_null(void *arg) { *null = 1; }

void fault_free(void *arg)
{
	void *volatile p = malloc(24);
	free(p);
	free(p);
	done = 1;
}

void fault_abort(void *arg) { abort(); }

void fault_call(void (*f)(void *), void *arg) { f(arg); }
