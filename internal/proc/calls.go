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
	path                      // arg is a directory's descriptor, the next one the address of a path
	plainPath                 // arg is the address of a path
)

// calls has the system calls by number, for each architecture as Go calls it:
// arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
// Calls that wait for somebody else than a file system or device (locks of
// files, polls) have a name and no subject.
var calls = map[string]map[int64]call{
	"amd64": {
		0: {"read", descriptor, 0}, 1: {"write", descriptor, 0}, 2: {"open", plainPath, 0}, 3: {"close", descriptor, 0},
		5: {"fstat", descriptor, 0}, 8: {"lseek", descriptor, 0}, 16: {"ioctl", descriptor, 0},
		17: {"pread64", descriptor, 0}, 18: {"pwrite64", descriptor, 0}, 19: {"readv", descriptor, 0}, 20: {"writev", descriptor, 0},
		40: {"sendfile", descriptor, 0}, 74: {"fsync", descriptor, 0}, 75: {"fdatasync", descriptor, 0},
		77: {"ftruncate", descriptor, 0}, 217: {"getdents64", descriptor, 0}, 277: {"sync_file_range", descriptor, 0},
		285: {"fallocate", descriptor, 0}, 295: {"preadv", descriptor, 0}, 296: {"pwritev", descriptor, 0},
		306: {"syncfs", descriptor, 0}, 326: {"copy_file_range", descriptor, 2},
		76: {"truncate", plainPath, 0}, 257: {"openat", path, 0}, 258: {"mkdirat", path, 0}, 262: {"newfstatat", path, 0},
		263: {"unlinkat", path, 0}, 264: {"renameat", path, 0}, 265: {"linkat", path, 0}, 267: {"readlinkat", path, 0},
		316: {"renameat2", path, 0}, 332: {"statx", path, 0}, 437: {"openat2", path, 0},
		42: {"connect", descriptor, 0}, 43: {"accept", descriptor, 0}, 44: {"sendto", descriptor, 0}, 45: {"recvfrom", descriptor, 0},
		46: {"sendmsg", descriptor, 0}, 47: {"recvmsg", descriptor, 0}, 288: {"accept4", descriptor, 0},
		35: {"nanosleep", nothing, 0}, 61: {"wait4", nothing, 0}, 72: {"fcntl", nothing, 0}, 73: {"flock", nothing, 0},
		162: {"sync", nothing, 0}, 202: {"futex", nothing, 0}, 230: {"clock_nanosleep", nothing, 0}, 232: {"epoll_wait", nothing, 0},
		247: {"waitid", nothing, 0}, 270: {"pselect6", nothing, 0}, 271: {"ppoll", nothing, 0}, 281: {"epoll_pwait", nothing, 0},
	},
	"arm64": {
		63: {"read", descriptor, 0}, 64: {"write", descriptor, 0}, 57: {"close", descriptor, 0},
		80: {"fstat", descriptor, 0}, 62: {"lseek", descriptor, 0}, 29: {"ioctl", descriptor, 0},
		67: {"pread64", descriptor, 0}, 68: {"pwrite64", descriptor, 0}, 65: {"readv", descriptor, 0}, 66: {"writev", descriptor, 0},
		71: {"sendfile", descriptor, 0}, 82: {"fsync", descriptor, 0}, 83: {"fdatasync", descriptor, 0},
		46: {"ftruncate", descriptor, 0}, 61: {"getdents64", descriptor, 0}, 84: {"sync_file_range", descriptor, 0},
		47: {"fallocate", descriptor, 0}, 69: {"preadv", descriptor, 0}, 70: {"pwritev", descriptor, 0},
		267: {"syncfs", descriptor, 0}, 285: {"copy_file_range", descriptor, 2},
		45: {"truncate", plainPath, 0}, 56: {"openat", path, 0}, 34: {"mkdirat", path, 0}, 79: {"newfstatat", path, 0},
		35: {"unlinkat", path, 0}, 38: {"renameat", path, 0}, 37: {"linkat", path, 0}, 78: {"readlinkat", path, 0},
		276: {"renameat2", path, 0}, 291: {"statx", path, 0}, 437: {"openat2", path, 0},
		203: {"connect", descriptor, 0}, 202: {"accept", descriptor, 0}, 206: {"sendto", descriptor, 0}, 207: {"recvfrom", descriptor, 0},
		211: {"sendmsg", descriptor, 0}, 212: {"recvmsg", descriptor, 0}, 242: {"accept4", descriptor, 0},
		101: {"nanosleep", nothing, 0}, 260: {"wait4", nothing, 0}, 25: {"fcntl", nothing, 0}, 32: {"flock", nothing, 0},
		81: {"sync", nothing, 0}, 98: {"futex", nothing, 0}, 115: {"clock_nanosleep", nothing, 0}, 22: {"epoll_pwait", nothing, 0},
		95: {"waitid", nothing, 0}, 72: {"pselect6", nothing, 0}, 73: {"ppoll", nothing, 0},
	},
}
