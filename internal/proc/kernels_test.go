//go:build linux

package proc

import (
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// testdata has a thread each as kernels of that time write it: 6.18 is what one
// wrote, the others are put together from fs/proc/array.c and base.c of those
// versions and proc(5).
func TestKernels(t *testing.T) {
	second := int64(1_000_000_000)
	for kernel, want := range map[string]event.Thread{
		"3.10": {
			RanNS: 184467440, WaitedNS: 73709551, Slices: 615, Comm: "postgres: wal", State: "S", UserNS: second * 120 / 100, SystemNS: second * 45 / 100, Faults: 3,
			Switches: 4108, Forced: 12, ReadBytes: 40960, WroteBytes: 323932160, Syscall: 0, Call: "read", Wchan: "pipe_wait",
			Stack: []string{"pipe_wait", "pipe_read", "do_sync_read", "vfs_read", "SyS_read", "system_call_fastpath"},
		},
		"4.15": {
			Slices: 1, Comm: "a) R (b", State: "R", SystemNS: 18446744073 * 10_000_000, Switches: 1<<64 - 1, Forced: 1<<64 - 2, Syscall: -1, Killed: true, Policy: "idle", Nice: 19,
		},
		"5.10": {
			RanNS: 1866123456, WaitedNS: 12, Slices: 77, Comm: "fio", State: "D", UserNS: second * 183 / 100, SystemNS: second * 121 / 100, Faults: 29312,
			Switches: 77, Forced: 7, ReadBytes: 120061952, Syscall: -1, Fault: true, Wchan: "wait_on_page_bit_common", Killed: true,
			Stack: []string{"wait_on_page_bit_common", "__lock_page_or_retry", "filemap_fault", "ext4_filemap_fault", "__do_fault", "handle_mm_fault", "exc_page_fault", "asm_exc_page_fault"},
		},
		"6.1": {
			RanNS: 20051, WaitedNS: 2817, Slices: 3, Comm: "kill me", State: "Z", Switches: 3, Forced: 1, Syscall: -1, Killed: true, ExitCode: 9, Policy: "fifo", Nice: -20,
			Stack: []string{"do_exit"},
		},
		"6.18": {
			RanNS: 2013600, WaitedNS: 21308176, Slices: 22, Comm: "sleep", State: "S", Switches: 22, Forced: 19, ReadBytes: 24576,
			Syscall: 230, Call: "clock_nanosleep", Wchan: "hrtimer_nanosleep",
			Stack: []string{"hrtimer_nanosleep", "common_nsleep", "__x64_sys_clock_nanosleep", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
		},
	} {
		tasks, err := OpenTasks(Kernel{Proc: "testdata/" + kernel, PID: 7, Arch: "amd64"})
		if err != nil {
			t.Fatal(err)
		}
		defer tasks.Close()
		for round := 0; round < 2; round++ {
			all, err := tasks.Counters(nil)
			if err != nil || len(all) != 1 {
				t.Fatalf("%s: %v, %v", kernel, all, err)
			}
			tasks.State(&all[0])
			if want.ID, want.Depth = 8, event.DepthState; !reflect.DeepEqual(all[0], want) {
				t.Errorf("%s:\n%+v, want\n%+v", kernel, all[0], want)
			}
		}
	}
}
