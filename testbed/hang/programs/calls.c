// Blocking calls of 30 kinds, each in a thread of its own, again and again:
// who looks at this program must not change what they return. calls SECONDS says
// at the end, a line a kind: its name, how often it was called, how often it was
// interrupted (EINTR), and how often it returned anything else than it ought to,
// which a short read or write is. It writes files in its working directory.
#include "hang.h"
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

enum { ms = 20, large = 256 << 10 };

static const struct timespec brief = {0, ms * 1000000};
static const struct timeval brief_tv = {0, ms * 1000};
static volatile int over;

// kind is a kind of call. Where nothing else ends it in time, help does, in
// another thread and ms later.
struct kind {
	const char *name;
	void (*prepare)(struct kind *);
	long (*call)(struct kind *);
	void (*help)(struct kind *);
	long want; // what it returns; -errno if it is to fail
	int fd[2];
	long id;
	char *data;
	volatile int returned;
	long calls, interrupted, wrong;
};

static struct timespec deadline(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void make_pipe(struct kind *k) { check(pipe(k->fd), "pipe"); }
static void make_data(struct kind *k) { k->data = calloc(1, large); }

static void make_full_pipe(struct kind *k) {
	make_pipe(k);
	make_data(k);
}

static void make_sockets(struct kind *k) {
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, k->fd), "socketpair");
	make_data(k);
}

static void make_timed_sockets(struct kind *k) {
	make_sockets(k);
	check(setsockopt(k->fd[0], SOL_SOCKET, SO_RCVTIMEO, &brief_tv, sizeof brief_tv), "SO_RCVTIMEO");
	check(setsockopt(k->fd[0], SOL_SOCKET, SO_SNDTIMEO, &brief_tv, sizeof brief_tv), "SO_SNDTIMEO");
}

static void make_full_sockets(struct kind *k) {
	make_timed_sockets(k);
	while (send(k->fd[0], k->data, 4096, MSG_DONTWAIT) > 0)
		;
}

static void make_listener(struct kind *k) {
	k->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	check(listen(k->fd[0], 1), "listen");
	check(setsockopt(k->fd[0], SOL_SOCKET, SO_RCVTIMEO, &brief_tv, sizeof brief_tv), "SO_RCVTIMEO");
}

static void make_epoll(struct kind *k) { k->fd[0] = epoll_create1(0); }
static void make_semaphore(struct kind *k) { check((k->id = semget(IPC_PRIVATE, 1, 0600)) < 0, "semget"); }
static void make_queue(struct kind *k) { check((k->id = msgget(IPC_PRIVATE, 0600)) < 0, "msgget"); }
static void make_eventfd(struct kind *k) { k->fd[0] = eventfd(0, 0); }
static void make_timer(struct kind *k) { k->fd[0] = timerfd_create(CLOCK_MONOTONIC, 0); }

static void make_aio(struct kind *k) {
	aio_context_t context = 0;
	check(syscall(SYS_io_setup, 1, &context), "io_setup");
	k->id = (long)context;
}

static void make_mq(struct kind *k) {
	char name[32];
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
	snprintf(name, sizeof name, "/calls.%d.%s", getpid(), k->name);
	check((k->fd[0] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr)) < 0, "mq_open");
	mq_unlink(name);
}

static void make_full_mq(struct kind *k) {
	make_mq(k);
	check(mq_send(k->fd[0], "", 1, 0), "mq_send");
}

static void make_locked_file(struct kind *k) {
	char name[] = "calls.XXXXXX", again[64];
	k->fd[0] = mkstemp(name);
	check(k->fd[0] < 0, name);
	snprintf(again, sizeof again, "/proc/self/fd/%d", k->fd[0]);
	k->fd[1] = open(again, O_RDWR);
	unlink(name);
	check(k->fd[1] < 0 || flock(k->fd[1], LOCK_EX), "flock");
}

static void make_inotify(struct kind *k) {
	char name[] = "calls.XXXXXX";
	k->fd[0] = inotify_init1(0);
	k->fd[1] = mkstemp(name);
	check(k->fd[1] < 0 || inotify_add_watch(k->fd[0], name, IN_MODIFY) < 0, "inotify_add_watch");
	unlink(name);
	make_data(k);
}

static void make_fifo(struct kind *k) {
	k->data = "calls.fifo";
	check(mkfifo(k->data, 0600), "mkfifo");
}

static long do_nanosleep(struct kind *k) { (void)k; return nanosleep(&brief, NULL); }
static long do_clock_nanosleep(struct kind *k) { (void)k; return -clock_nanosleep(CLOCK_REALTIME, 0, &brief, NULL); }
static long do_poll(struct kind *k) { (void)k; return poll(NULL, 0, ms); }
static long do_ppoll(struct kind *k) { (void)k; return ppoll(NULL, 0, &brief, NULL); }
static long do_select(struct kind *k) { (void)k; struct timeval t = brief_tv; return select(0, NULL, NULL, NULL, &t); }
static long do_pselect(struct kind *k) { (void)k; return pselect(0, NULL, NULL, NULL, &brief, NULL); }
static long do_epoll(struct kind *k) { struct epoll_event e; return epoll_wait(k->fd[0], &e, 1, ms); }
static long do_epoll_pwait(struct kind *k) { struct epoll_event e; return epoll_pwait(k->fd[0], &e, 1, ms, NULL); }
static long do_semtimedop(struct kind *k) { struct sembuf b = {0, -1, 0}; return semtimedop(k->id, &b, 1, &brief); }
static long do_semop(struct kind *k) { struct sembuf b = {0, -1, 0}; return semop(k->id, &b, 1); }
static long do_io_getevents(struct kind *k) { struct io_event e; return syscall(SYS_io_getevents, k->id, 1, 1, &e, &brief); }
static long do_recv(struct kind *k) { return recv(k->fd[0], k->data, 1, 0); }
static long do_send(struct kind *k) { return send(k->fd[0], k->data, 4096, 0); }
static long do_accept(struct kind *k) { return accept(k->fd[0], NULL, NULL); }
static long do_read(struct kind *k) { char c[8]; return read(k->fd[0], c, sizeof c); }
static long do_flock(struct kind *k) { long n = flock(k->fd[0], LOCK_EX); if (!n) flock(k->fd[0], LOCK_UN); return n; }
static long do_mq_receive(struct kind *k) { char c[8]; struct timespec t = deadline(); return mq_timedreceive(k->fd[0], c, 8, NULL, &t); }
static long do_mq_send(struct kind *k) { struct timespec t = deadline(); return mq_timedsend(k->fd[0], "", 1, 0, &t); }
static long do_msgrcv(struct kind *k) { struct { long type; char c; } m; return msgrcv(k->id, &m, 1, 0, 0); }
static long do_inotify(struct kind *k) { return read(k->fd[0], k->data, 4096) > 0 ? 1 : -1; }

// do_pipe_write writes what is missing too: the reader waits for all of it.
static long do_pipe_write(struct kind *k) {
	long n = write(k->fd[1], k->data, large), wrote = n < 0 ? 0 : n;
	int why = errno;
	while (wrote < large) {
		long more = write(k->fd[1], k->data, large - wrote);
		wrote += more < 0 ? 0 : more;
	}
	errno = why;
	return n;
}

static long do_futex(struct kind *k) {
	static int word;
	(void)k;
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &brief, NULL, 0);
}

static long do_sigtimedwait(struct kind *k) {
	sigset_t set;
	(void)k;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &brief);
}

static long do_sigwaitinfo(struct kind *k) {
	sigset_t set;
	k->id = syscall(SYS_gettid);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigwaitinfo(&set, NULL);
}

static long do_timerfd(struct kind *k) {
	struct itimerspec t = {.it_value = brief};
	timerfd_settime(k->fd[0], 0, &t, NULL);
	return do_read(k);
}

static long do_wait(int by_id) {
	pid_t pid = child();
	siginfo_t info;
	if (pid == 0) {
		sleep_ms(ms);
		_exit(0);
	}
	return by_id ? waitid(P_PID, pid, &info, WEXITED) : waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static long do_waitpid(struct kind *k) { (void)k; return do_wait(0); }
static long do_waitid(struct kind *k) { (void)k; return do_wait(1); }

static long do_open(struct kind *k) {
	int fd = open(k->data, O_RDONLY);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static void send_one(struct kind *k) { (void)!write(k->fd[1], "12345678", 8); }
static void send_byte(struct kind *k) { (void)!write(k->fd[1], "", 1); }
static void post(struct kind *k) { struct sembuf b = {0, 1, 0}; semop(k->id, &b, 1); }
static void message(struct kind *k) { struct { long type; char c; } m = {1, 0}; msgsnd(k->id, &m, 1, 0); }
static void count(struct kind *k) { eventfd_write(k->fd[0], 1); }
static void unlock(struct kind *k) { flock(k->fd[1], LOCK_UN); }

// open_other goes on until the open has returned: a child that was forked
// meanwhile may have the other end open, and pass for the one who waits.
static void open_other(struct kind *k) {
	for (; !k->returned; sleep_ms(1))
		close(open(k->data, O_WRONLY | O_NONBLOCK));
}

static void signalled(struct kind *k) { syscall(SYS_tgkill, getpid(), k->id, SIGUSR1); }

static void drain(struct kind *k) {
	char data[4096];
	for (long n = 0; n < large;) {
		ssize_t got = read(k->fd[0], data, sizeof data);
		if (got <= 0)
			return;
		n += got;
	}
}

static struct kind kinds[] = {
	{.name = "nanosleep", .call = do_nanosleep},
	{.name = "clock_nanosleep", .call = do_clock_nanosleep},
	{.name = "poll", .call = do_poll},
	{.name = "ppoll", .call = do_ppoll},
	{.name = "select", .call = do_select},
	{.name = "pselect", .call = do_pselect},
	{.name = "epoll_wait", .prepare = make_epoll, .call = do_epoll},
	{.name = "epoll_pwait", .prepare = make_epoll, .call = do_epoll_pwait},
	{.name = "semtimedop", .prepare = make_semaphore, .call = do_semtimedop, .want = -EAGAIN},
	{.name = "semop", .prepare = make_semaphore, .call = do_semop, .help = post},
	{.name = "sigtimedwait", .call = do_sigtimedwait, .want = -EAGAIN},
	{.name = "sigwaitinfo", .call = do_sigwaitinfo, .help = signalled, .want = SIGUSR1},
	{.name = "io_getevents", .prepare = make_aio, .call = do_io_getevents},
	{.name = "recv_timeout", .prepare = make_timed_sockets, .call = do_recv, .want = -EAGAIN},
	{.name = "recv", .prepare = make_sockets, .call = do_recv, .help = send_byte, .want = 1},
	{.name = "send_timeout", .prepare = make_full_sockets, .call = do_send, .want = -EAGAIN},
	{.name = "accept_timeout", .prepare = make_listener, .call = do_accept, .want = -EAGAIN},
	{.name = "pipe_read", .prepare = make_pipe, .call = do_read, .help = send_one, .want = 8},
	{.name = "pipe_write", .prepare = make_full_pipe, .call = do_pipe_write, .help = drain, .want = large},
	{.name = "futex", .call = do_futex, .want = -ETIMEDOUT},
	{.name = "flock", .prepare = make_locked_file, .call = do_flock, .help = unlock},
	{.name = "waitpid", .call = do_waitpid},
	{.name = "waitid", .call = do_waitid},
	{.name = "mq_timedreceive", .prepare = make_mq, .call = do_mq_receive, .want = -ETIMEDOUT},
	{.name = "mq_timedsend", .prepare = make_full_mq, .call = do_mq_send, .want = -ETIMEDOUT},
	{.name = "msgrcv", .prepare = make_queue, .call = do_msgrcv, .help = message, .want = 1},
	{.name = "eventfd_read", .prepare = make_eventfd, .call = do_read, .help = count, .want = 8},
	{.name = "timerfd_read", .prepare = make_timer, .call = do_timerfd, .want = 8},
	{.name = "inotify_read", .prepare = make_inotify, .call = do_inotify, .help = send_byte, .want = 1},
	{.name = "open_fifo", .prepare = make_fifo, .call = do_open, .help = open_other},
};

enum { all = sizeof kinds / sizeof *kinds };

static void *helper(void *arg) {
	struct kind *k = arg;
	sleep_ms(ms);
	k->help(k);
	return NULL;
}

static void *repeat(void *arg) {
	struct kind *k = arg;
	while (!over) {
		pthread_t t = 0;
		if (k->call == do_flock)
			flock(k->fd[1], LOCK_EX);
		k->returned = 0;
		if (k->help)
			t = start(helper, k);
		long got = k->call(k);
		int interrupted = got == -EINTR || (got == -1 && errno == EINTR);
		if (got == -1)
			got = -errno;
		k->returned = 1;
		k->calls++;
		k->interrupted += interrupted;
		k->wrong += !interrupted && got != k->want;
		if (k->help)
			pthread_join(t, NULL);
		if (interrupted && k->call == do_semop)
			semctl(k->id, 0, SETVAL, 0);
	}
	return NULL;
}

int main(int argc, char **argv) {
	pthread_t t[all];
	sigset_t set;
	begin();
	if (argc < 2)
		usage("calls SECONDS");
	check(unshare(CLONE_NEWIPC), "unshare"); // what is made there ends with it
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD); // under strace even one that is ignored interrupts
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < all; i++)
		if (kinds[i].prepare)
			kinds[i].prepare(&kinds[i]);
	ready();
	for (int i = 0; i < all; i++)
		t[i] = start(repeat, &kinds[i]);
	for (long long end = now() + atoi(argv[1]) * 1000000000LL; now() < end;)
		sleep_ms(100);
	over = 1;
	for (int i = 0; i < all; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < all; i++) {
		struct kind *k = &kinds[i];
		printf("%s %ld %ld %ld\n", k->name, k->calls, k->interrupted, k->wrong);
	}
	return 0;
}
