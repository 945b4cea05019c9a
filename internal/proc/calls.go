package proc

// call describes a system call: which argument says what it works on.
type call struct {
	name string
	by   subject
	arg  int // of by
}

// subject is how a system call says what it works on.
type subject int

const (
	nothing    subject = iota // it works on nothing that can be asked
	descriptor                // arg is a descriptor
	closing                   // arg was a descriptor: its number is free while the file is being closed
	path                      // arg is a directory's descriptor, the next one the address of a path
	plainPath                 // arg is the address of a path
	mapping                   // arg is an address in a mapping
	lockOf                    // arg is the descriptor of a file that is to be locked, if it is not fcntl for something else
	word32                    // arg is the address of a futex
	events                    // it waits for what anybody may send
	clock                     // it waits for a time to come
	signals                   // it waits for a signal
	semaphore                 // arg is a set of semaphores
	queue                     // arg is a queue of messages
	child                     // arg says which child, as wait4 does
	childID                   // arg says by what, the next one which child, as waitid does
	newChild                  // it makes a process and waits until that lets go of the memory
)

// calls has the system calls that can wait, by number, for each architecture as
// Go calls it: arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h.
var calls = map[string]map[int64]call{
	"amd64": {
		0: {"read", descriptor, 0}, 1: {"write", descriptor, 0}, 2: {"open", plainPath, 0}, 3: {"close", closing, 0},
		4: {"stat", plainPath, 0}, 5: {"fstat", descriptor, 0}, 6: {"lstat", plainPath, 0}, 7: {"poll", events, 0},
		8: {"lseek", descriptor, 0}, 16: {"ioctl", descriptor, 0}, 17: {"pread64", descriptor, 0}, 18: {"pwrite64", descriptor, 0},
		19: {"readv", descriptor, 0}, 20: {"writev", descriptor, 0}, 21: {"access", plainPath, 0}, 23: {"select", events, 0},
		26: {"msync", mapping, 0}, 28: {"madvise", mapping, 0}, 34: {"pause", signals, 0}, 35: {"nanosleep", clock, 0},
		40: {"sendfile", descriptor, 0}, 42: {"connect", descriptor, 0}, 43: {"accept", descriptor, 0}, 44: {"sendto", descriptor, 0},
		45: {"recvfrom", descriptor, 0}, 46: {"sendmsg", descriptor, 0}, 47: {"recvmsg", descriptor, 0},
		56: {"clone", newChild, 0}, 57: {"fork", newChild, 0}, 58: {"vfork", newChild, 0}, 59: {"execve", plainPath, 0},
		60: {"exit", nothing, 0}, 61: {"wait4", child, 0}, 65: {"semop", semaphore, 0}, 69: {"msgsnd", queue, 0}, 70: {"msgrcv", queue, 0},
		72: {"fcntl", lockOf, 0}, 73: {"flock", lockOf, 0}, 74: {"fsync", descriptor, 0}, 75: {"fdatasync", descriptor, 0},
		76: {"truncate", plainPath, 0}, 77: {"ftruncate", descriptor, 0}, 78: {"getdents", descriptor, 0},
		82: {"rename", plainPath, 0}, 83: {"mkdir", plainPath, 0}, 84: {"rmdir", plainPath, 0}, 85: {"creat", plainPath, 0},
		87: {"unlink", plainPath, 0}, 89: {"readlink", plainPath, 0}, 128: {"rt_sigtimedwait", signals, 0}, 130: {"rt_sigsuspend", signals, 0},
		137: {"statfs", plainPath, 0}, 138: {"fstatfs", descriptor, 0}, 149: {"mlock", mapping, 0}, 162: {"sync", nothing, 0},
		166: {"umount2", plainPath, 0}, 202: {"futex", word32, 0}, 208: {"io_getevents", nothing, 0}, 217: {"getdents64", descriptor, 0},
		220: {"semtimedop", semaphore, 0}, 230: {"clock_nanosleep", clock, 0}, 231: {"exit_group", nothing, 0}, 232: {"epoll_wait", events, 0},
		242: {"mq_timedsend", descriptor, 0}, 243: {"mq_timedreceive", descriptor, 0}, 247: {"waitid", childID, 0},
		257: {"openat", path, 0}, 258: {"mkdirat", path, 0}, 262: {"newfstatat", path, 0}, 263: {"unlinkat", path, 0},
		264: {"renameat", path, 0}, 265: {"linkat", path, 0}, 267: {"readlinkat", path, 0}, 268: {"fchmodat", path, 0},
		269: {"faccessat", path, 0}, 270: {"pselect6", events, 0}, 271: {"ppoll", events, 0}, 275: {"splice", descriptor, 0},
		277: {"sync_file_range", descriptor, 0}, 281: {"epoll_pwait", events, 0}, 285: {"fallocate", descriptor, 0},
		288: {"accept4", descriptor, 0}, 295: {"preadv", descriptor, 0}, 296: {"pwritev", descriptor, 0},
		299: {"recvmmsg", descriptor, 0}, 306: {"syncfs", descriptor, 0}, 307: {"sendmmsg", descriptor, 0}, 316: {"renameat2", path, 0},
		322: {"execveat", path, 0}, 326: {"copy_file_range", descriptor, 2}, 327: {"preadv2", descriptor, 0}, 328: {"pwritev2", descriptor, 0},
		332: {"statx", path, 0}, 426: {"io_uring_enter", nothing, 0}, 435: {"clone3", newChild, 0}, 437: {"openat2", path, 0},
		441: {"epoll_pwait2", events, 0}, 449: {"futex_waitv", nothing, 0}, 455: {"futex_wait", word32, 0},
	},
	"arm64": {
		4: {"io_getevents", nothing, 0}, 22: {"epoll_pwait", events, 0}, 25: {"fcntl", lockOf, 0}, 29: {"ioctl", descriptor, 0},
		32: {"flock", lockOf, 0}, 34: {"mkdirat", path, 0}, 35: {"unlinkat", path, 0}, 37: {"linkat", path, 0}, 38: {"renameat", path, 0},
		39: {"umount2", plainPath, 0}, 43: {"statfs", plainPath, 0}, 44: {"fstatfs", descriptor, 0}, 45: {"truncate", plainPath, 0},
		46: {"ftruncate", descriptor, 0}, 47: {"fallocate", descriptor, 0}, 48: {"faccessat", path, 0}, 53: {"fchmodat", path, 0},
		56: {"openat", path, 0}, 57: {"close", closing, 0}, 61: {"getdents64", descriptor, 0}, 62: {"lseek", descriptor, 0},
		63: {"read", descriptor, 0}, 64: {"write", descriptor, 0}, 65: {"readv", descriptor, 0}, 66: {"writev", descriptor, 0},
		67: {"pread64", descriptor, 0}, 68: {"pwrite64", descriptor, 0}, 69: {"preadv", descriptor, 0}, 70: {"pwritev", descriptor, 0},
		71: {"sendfile", descriptor, 0}, 72: {"pselect6", events, 0}, 73: {"ppoll", events, 0}, 76: {"splice", descriptor, 0},
		78: {"readlinkat", path, 0}, 79: {"newfstatat", path, 0}, 80: {"fstat", descriptor, 0}, 81: {"sync", nothing, 0},
		82: {"fsync", descriptor, 0}, 83: {"fdatasync", descriptor, 0}, 84: {"sync_file_range", descriptor, 0}, 93: {"exit", nothing, 0},
		94: {"exit_group", nothing, 0}, 95: {"waitid", childID, 0}, 98: {"futex", word32, 0}, 101: {"nanosleep", clock, 0},
		115: {"clock_nanosleep", clock, 0}, 133: {"rt_sigsuspend", signals, 0}, 137: {"rt_sigtimedwait", signals, 0},
		182: {"mq_timedsend", descriptor, 0}, 183: {"mq_timedreceive", descriptor, 0}, 188: {"msgrcv", queue, 0}, 189: {"msgsnd", queue, 0},
		192: {"semtimedop", semaphore, 0}, 193: {"semop", semaphore, 0}, 202: {"accept", descriptor, 0}, 203: {"connect", descriptor, 0},
		206: {"sendto", descriptor, 0}, 207: {"recvfrom", descriptor, 0}, 211: {"sendmsg", descriptor, 0}, 212: {"recvmsg", descriptor, 0},
		220: {"clone", newChild, 0}, 221: {"execve", plainPath, 0}, 227: {"msync", mapping, 0}, 228: {"mlock", mapping, 0},
		233: {"madvise", mapping, 0}, 242: {"accept4", descriptor, 0}, 243: {"recvmmsg", descriptor, 0}, 260: {"wait4", child, 0},
		267: {"syncfs", descriptor, 0}, 269: {"sendmmsg", descriptor, 0}, 276: {"renameat2", path, 0}, 281: {"execveat", path, 0},
		285: {"copy_file_range", descriptor, 2}, 286: {"preadv2", descriptor, 0}, 287: {"pwritev2", descriptor, 0}, 291: {"statx", path, 0},
		426: {"io_uring_enter", nothing, 0}, 435: {"clone3", newChild, 0}, 437: {"openat2", path, 0}, 441: {"epoll_pwait2", events, 0},
		449: {"futex_waitv", nothing, 0}, 455: {"futex_wait", word32, 0},
	},
}

// reads are the calls on a descriptor that take from it: they wait for whoever
// writes. The others give to it.
var reads = map[string]bool{
	"read": true, "pread64": true, "readv": true, "preadv": true, "preadv2": true, "getdents": true, "getdents64": true,
	"accept": true, "accept4": true, "recvfrom": true, "recvmsg": true, "recvmmsg": true, "mq_timedreceive": true, "splice": true,
}
