package look

// sysReadv is process_vm_readv, which package syscall has no name for on this
// architecture (arch/x86/entry/syscalls/syscall_64.tbl).
const sysReadv = 310
