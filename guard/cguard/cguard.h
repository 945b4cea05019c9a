#ifndef LIFESIGN_CGUARD_H
#define LIFESIGN_CGUARD_H

#include <signal.h>
#include <stdint.h>

#define CGUARD_DEPTH 48

struct cguard_frame {
	uintptr_t pc;         /* where the instruction is, or right behind the call */
	uintptr_t offset;     /* of pc from the symbol, or from the object if there is none */
	char      symbol[160]; /* cut off if it is longer; "" if dladdr knows none */
	char      object[96];  /* the file, cut off in front if it is longer */
};

/* What a crash was. It is made for each by keep and given back by cguard_release. */
struct cguard_crash {
	int       signal, code;
	uintptr_t address, pc, sp;
	int       depth;  /* frames in use */
	int       mapped; /* to be given back */
	struct cguard_frame frames[CGUARD_DEPTH];
};

/* All return at once, and take no lock of the C library's. */
int  cguard_install(void);   /* 0, or errno */
int  cguard_installed(void); /* the first signal whose handler is another one, 0 if there is none */
int  cguard_probe(void);     /* 1 if calls back into Go are noticed */
int  cguard_suspended(void);
void cguard_release(struct cguard_crash *crash);

/* Calls fn, and returns NULL, or what the crash was that has ended it. */
struct cguard_crash *cguard_call(void (*fn)(void *), void *arg);

#endif
