//go:build cgo && linux && (amd64 || arm64)

#define _GNU_SOURCE
#include "cguard.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "_cgo_export.h"

/* A guarded call. It is on the stack of the thread that makes it. */
struct call {
	sigjmp_buf   home;  /* without the signal mask: saving that is a system call, 183 ns instead of 7 */
	struct call *outer;

	/* What the handler notes. */
	int       signal, code, depth;
	uintptr_t address, pc, sp;
	uintptr_t pcs[CGUARD_DEPTH];
};

/*
 * What a thread is about. inside is the guarded call whose C code the thread runs;
 * NULL while it runs Go, also Go that this C code has called. It is read by the
 * handler, so it is thread-local storage that is there from the thread's beginning.
 */
static __thread struct {
	struct call *inside;
	sigjmp_buf  *walking; /* while the handler walks a stack that may be broken */
	sigset_t     mask;    /* of the thread at its first guarded call */
	int          met;
} self __attribute__((tls_model("initial-exec")));

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

/* Written by cguard_install, before the handler is in place. */
static struct sigaction before[NSIG];
static pid_t process;

/* The registers that are needed, of the two processors. */
#if defined(__x86_64__)
static uintptr_t pc_of(ucontext_t *u) { return u->uc_mcontext.gregs[REG_RIP]; }
static uintptr_t sp_of(ucontext_t *u) { return u->uc_mcontext.gregs[REG_RSP]; }

/* Where a call to a bad address has come from: what it has pushed. */
static uintptr_t caller_of(ucontext_t *u) { return *(uintptr_t *)sp_of(u); }

/*
 * raised tells whether this very thread has sent the signal: it comes out of tgkill
 * or tkill to itself, or, as raise of musl and of glibc before 2.34 does, out of
 * rt_sigprocmask after one of them. The kernel says the sender's process only.
 */
static int raised(int sig, ucontext_t *u)
{
	greg_t *r = u->uc_mcontext.gregs;
	pid_t tid = syscall(SYS_gettid);
	if ((pc_of(u) & 0xfff) < 2 || memcmp((char *)pc_of(u) - 2, "\x0f\x05", 2) != 0)
		return 0;
	return (r[REG_RDI] == getpid() && r[REG_RSI] == tid && r[REG_RDX] == sig) ||
	       (r[REG_RDI] == tid && r[REG_RSI] == sig) ||
	       (r[REG_RDI] == SIG_SETMASK && r[REG_R10] == 8);
}
#elif defined(__aarch64__)
static uintptr_t pc_of(ucontext_t *u) { return u->uc_mcontext.pc; }
static uintptr_t sp_of(ucontext_t *u) { return u->uc_mcontext.sp; }
static uintptr_t caller_of(ucontext_t *u) { return u->uc_mcontext.regs[30]; }

static int raised(int sig, ucontext_t *u)
{
	unsigned long long *r = u->uc_mcontext.regs;
	unsigned long long tid = syscall(SYS_gettid);
	if ((pc_of(u) & 0xfff) < 4 || *(uint32_t *)(pc_of(u) - 4) != 0xd4000001)
		return 0;
	return (r[8] == SYS_tgkill && r[1] == tid && r[2] == sig) ||
	       (r[8] == SYS_tkill && r[1] == sig) ||
	       r[8] == SYS_rt_sigprocmask;
}
#endif

/* own tells whether the thread has met the signal by what it did itself. */
static int own(int sig, siginfo_t *info, ucontext_t *u)
{
	if (info->si_code > 0) /* by the kernel; a broken page that nobody has touched is told like this, too */
		return !(sig == SIGBUS && info->si_code == BUS_MCEERR_AO);
	return info->si_code == SI_TKILL && info->si_pid == getpid() && raised(sig, u);
}

/* handling tells whether the thread was in a signal handler already: that is not the guarded code. */
static int handling(ucontext_t *u)
{
	return !(u->uc_stack.ss_flags & SS_DISABLE) &&
	       sp_of(u) - (uintptr_t)u->uc_stack.ss_sp < u->uc_stack.ss_size;
}

/* die ends the process by sig, once the handler has returned: a fault comes again by itself. */
static void die(int sig, siginfo_t *info)
{
	signal(sig, SIG_DFL);
	if (info->si_code <= 0)
		raise(sig);
}

/* pass gives a signal to who had it before, which is Go. */
static void pass(int sig, siginfo_t *info, void *context)
{
	struct sigaction *old = &before[sig];
	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler == SIG_IGN && info->si_code <= 0) {
		return;
	} else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
		die(sig, info);
	} else {
		old->sa_handler(sig);
	}
}

struct walk {
	struct call *call;
	int          begun; /* the frames of the handler are behind us */
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	uintptr_t pc = _Unwind_GetIP(context);
	if (!w->begun) {
		w->begun = pc == w->call->pc;
		return _URC_NO_REASON;
	}
	if (w->call->depth == CGUARD_DEPTH || pc == 0 ||
	    _Unwind_FindEnclosingFunction((void *)(pc - 1)) == (void *)cguard_call)
		return _URC_END_OF_STACK;
	w->call->pcs[w->call->depth++] = pc;
	return _URC_NO_REASON;
}

/* trace notes the functions that the crash is in. It may meet a second crash, for the stack may be broken. */
static void trace(struct call *c, ucontext_t *u)
{
	sigjmp_buf out;
	sigset_t faults;
	struct walk w = {c, 0};
	c->pcs[0] = c->pc;
	c->depth = 1;
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigaddset(&faults, SIGBUS);
	sigaddset(&faults, SIGFPE);
	sigaddset(&faults, SIGILL);
	if (sigsetjmp(out, 0) == 0) {
		self.walking = &out;
		pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
		_Unwind_Backtrace(step, &w);
		if (c->depth == 1 && c->pc == c->address) { /* not code at all */
			uintptr_t caller = caller_of(u);
			c->pcs[c->depth++] = caller;
		}
	}
	self.walking = NULL;
}

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	struct call *c = self.inside;
	if (self.walking != NULL && info->si_code > 0)
		siglongjmp(*self.walking, 1);
	if (c != NULL && getpid() != process) { /* a child that the code has forked: there is no Go to go back to */
		die(sig, info);
		return;
	}
	if (c == NULL || handling(u) || !own(sig, info, u)) {
		pass(sig, info, context);
		return;
	}
	c->signal = sig;
	c->code = info->si_code;
	c->address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
	c->pc = pc_of(u);
	c->sp = sp_of(u);
	trace(c, u);
	pthread_sigmask(SIG_SETMASK, &self.mask, NULL);
	siglongjmp(c->home, 1);
}

static void copy(char *to, const char *from, size_t size, int front)
{
	size_t n = from == NULL ? 0 : strlen(from);
	if (n >= size) {
		from += front ? n - (size - 1) : 0;
		n = size - 1;
	}
	memcpy(to, from == NULL ? "" : from, n);
	to[n] = 0;
}

/* A crash that there is no memory left to tell of, by signal. */
static struct cguard_crash bare[NSIG];

/*
 * keep makes a record of what the handler has noted. It does not use the heap, which
 * may be broken, or locked by the very code that has crashed. The names are looked up
 * here and not in Go, where the goroutine may be on another thread by now: the loader's
 * lock may be held, and lets only its own thread in again.
 */
static struct cguard_crash *keep(struct call *c)
{
	struct cguard_crash *k = mmap(NULL, sizeof *k, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k == MAP_FAILED) {
		bare[c->signal].signal = c->signal;
		return &bare[c->signal];
	}
	k->mapped = 1;
	k->signal = c->signal;
	k->code = c->code;
	k->address = c->address;
	k->pc = c->pc;
	k->sp = c->sp;
	k->depth = c->depth;
	for (int i = 0; i < c->depth; i++) {
		struct cguard_frame *f = &k->frames[i];
		Dl_info d;
		f->pc = c->pcs[i];
		if (!dladdr((void *)(f->pc - (i > 0)), &d))
			continue;
		copy(f->object, d.dli_fname, sizeof f->object, 1);
		copy(f->symbol, d.dli_sname, sizeof f->symbol, 0);
		f->offset = f->pc - (uintptr_t)(d.dli_sname != NULL ? d.dli_saddr : d.dli_fbase);
	}
	return k;
}

void cguard_release(struct cguard_crash *crash)
{
	if (crash->mapped)
		munmap(crash, sizeof *crash);
}

__attribute__((noinline)) struct cguard_crash *cguard_call(void (*fn)(void *), void *arg)
{
	struct call c;
	if (!self.met) {
		pthread_sigmask(SIG_SETMASK, NULL, &self.mask);
		self.met = 1;
	}
	c.outer = self.inside;
	if (sigsetjmp(c.home, 0) != 0) {
		self.inside = c.outer;
		return keep(&c);
	}
	self.inside = &c;
	fn(arg);
	self.inside = c.outer;
	return NULL;
}

/*
 * Every call of C code into Go comes by crosscall2, and the linker sends it here
 * instead. Go is not guarded: its faults are panics, and what it calls in turn must
 * not be jumped out of, over Go's own frames. If Go panics through the C code that
 * called it, this does not return, and no guarded call is inside any more, rightly.
 */
void __real_crosscall2(void (*fn)(void *), void *arg, int size, size_t context);

void __wrap_crosscall2(void (*fn)(void *), void *arg, int size, size_t context)
{
	struct call *c = self.inside;
	self.inside = NULL;
	__real_crosscall2(fn, arg, size, context);
	self.inside = c;
}

int cguard_suspended(void) { return self.inside == NULL; }

int cguard_probe(void)
{
	struct call c;
	c.outer = self.inside;
	self.inside = &c;
	int noticed = lifesignCguardProbe();
	self.inside = c.outer;
	return noticed;
}

static _Unwind_Reason_Code stop(struct _Unwind_Context *context, void *arg) { return _URC_END_OF_STACK; }

int cguard_install(void)
{
	struct sigaction ours;
	process = getpid();
	_Unwind_Backtrace(stop, NULL); /* what the first one loads must not be loaded by a handler */
	memset(&ours, 0, sizeof ours);
	ours.sa_sigaction = handler;
	ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART; /* as Go's */
	sigfillset(&ours.sa_mask);
	for (int i = 0; i < SIGNALS; i++) {
		int sig = signals[i];
		if (sigaction(sig, NULL, &before[sig]) != 0 || sigaction(sig, &ours, NULL) != 0)
			return errno;
	}
	return 0;
}

int cguard_installed(void)
{
	for (int i = 0; i < SIGNALS; i++) {
		struct sigaction now;
		if (sigaction(signals[i], NULL, &now) != 0 || !(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != handler)
			return signals[i];
	}
	return 0;
}
