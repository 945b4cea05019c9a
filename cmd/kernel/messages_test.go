package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// logs has lines of real kernels, as they stand in /dev/kmsg but for the numbers
// of their records, and what is to be made of them.
var logs = []struct {
	name  string
	lines string
	want  []Message
}{
	{"an oops, x86, 6.1", `
1,871,93771235,-;BUG: kernel NULL pointer dereference, address: 0000000000000000
1,872,93771300,-;#PF: supervisor write access in kernel mode
1,873,93771331,-;#PF: error_code(0x0002) - not-present page
6,874,93771360,-;PGD 0 P4D 0 
4,875,93771380,-;Oops: 0002 [#1] PREEMPT SMP NOPTI
4,876,93771420,-;CPU: 0 PID: 97 Comm: victim Tainted: G           OE      6.1.0-44-amd64 #1  Debian 6.1.164-1
4,877,93771500,-;RIP: 0010:oops_write+0x2a/0x60 [oops]
4,878,93771900,-;---[ end trace 0000000000000000 ]---
4,879,93771950,-;note: victim[97] exited with irqs disabled`,
		[]Message{
			{Oops, "BUG: kernel NULL pointer dereference, address: 0000000000000000", 0, "", 93771235},
			{Oops, "Oops: 0002 [#1] PREEMPT SMP NOPTI", 0, "", 93771380},
			{Oops, "CPU: 0 PID: 97 Comm: victim Tainted: G           OE      6.1.0-44-amd64 #1  Debian 6.1.164-1", 97, "victim", 93771420},
			{Oops, "note: victim[97] exited with irqs disabled", 97, "victim", 93771950},
		}},
	{"an oops, x86, 6.12, of a thread with a space in its name", `
1,871,5,-;BUG: unable to handle page fault for address: ffffffffdeadbeef
4,875,6,-;Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI
4,876,7,-;CPU: 1 UID: 0 PID: 4711 Comm: wal writer Not tainted 6.12.43+deb13-amd64 #1  Debian 6.12.43-1`,
		[]Message{
			{Oops, "BUG: unable to handle page fault for address: ffffffffdeadbeef", 0, "", 5},
			{Oops, "Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI", 0, "", 6},
			{Oops, "CPU: 1 UID: 0 PID: 4711 Comm: wal writer Not tainted 6.12.43+deb13-amd64 #1  Debian 6.12.43-1", 4711, "wal writer", 7},
		}},
	{"an oops, arm64", `
1,10,1,-;Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000
4,11,2,-;Internal error: Oops: 0000000096000044 [#1] SMP
4,12,3,-;CPU: 3 PID: 812 Comm: etcd Not tainted 6.1.0-44-arm64 #1  Debian 6.1.164-1`,
		[]Message{
			{Oops, "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000", 0, "", 1},
			{Oops, "Internal error: Oops: 0000000096000044 [#1] SMP", 0, "", 2},
			{Oops, "CPU: 3 PID: 812 Comm: etcd Not tainted 6.1.0-44-arm64 #1  Debian 6.1.164-1", 812, "etcd", 3},
		}},
	{"tasks that hang", `
3,901,241664,-;INFO: task fuse writer:1204 blocked for more than 120 seconds.
3,902,241670,-;      Not tainted 6.18.0 #1
3,903,241690,-;INFO: task fuse writer:1204 <writer> blocked on an rw-semaphore likely owned by task dd:1203 <writer>
3,904,241691,-;INFO: task a:12 is blocked on a mutex likely owned by task b:13.
3,905,241692,-;INFO: task jbd2/dm-0-8:300 blocked in I/O wait for more than 120 seconds.`,
		[]Message{
			{Hung, "INFO: task fuse writer:1204 blocked for more than 120 seconds.", 1204, "fuse writer", 241664},
			{Hung, "INFO: task fuse writer:1204 <writer> blocked on an rw-semaphore likely owned by task dd:1203 <writer>", 1204, "fuse writer", 241690},
			{Hung, "INFO: task a:12 is blocked on a mutex likely owned by task b:13.", 12, "a", 241691},
			{Hung, "INFO: task jbd2/dm-0-8:300 blocked in I/O wait for more than 120 seconds.", 300, "jbd2/dm-0-8", 241692},
		}},
	{"processors that do not come back, and the end", `
0,1,1,-;watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [spin:77]
3,2,2,-;rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
3,3,3,-;rcu: INFO: rcu_sched self-detected stall on CPU
0,4,4,-;Kernel panic - not syncing: Fatal exception in interrupt`,
		[]Message{
			{Lockup, "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [spin:77]", 0, "", 1},
			{Lockup, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", 0, "", 2},
			{Lockup, "rcu: INFO: rcu_sched self-detected stall on CPU", 0, "", 3},
			{Panic, "Kernel panic - not syncing: Fatal exception in interrupt", 0, "", 4},
		}},
	{"of no concern", `
6,1,1,-;EXT4-fs (loop0): mounted filesystem r/w with ordered data mode. Quota mode: none.
4,2,2,-;WARNING: CPU: 0 PID: 1 at kernel/x.c:12 f+0x1/0x2
4,3,3,-;CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1
6,4,4,-;prog[1200]: segfault at 0 ip 0000000000401126 sp 00007ffd0 error 6 in prog[401000+1000]
6,5,5,-;Oops: x[1201]: segfault at 0 ip 0000000000401126 sp 00007ffd0 error 6 in x[401000+1000]
12,6,6,-;BUG: kernel NULL pointer dereference, address: 0000000000000000
14,7,7,-;INFO: task a:12 blocked for more than 120 seconds.
4,8,8,c;a debugger prints Oops: in the middle
 SUBSYSTEM=usb`, nil},
}

func TestMessagesOfRealKernels(t *testing.T) {
	for _, test := range logs {
		var m messageReader
		var got []Message
		for _, line := range strings.Split(test.lines, "\n") {
			if msg, ok := m.next([]byte(line + "\n DEVICE=x\n")); ok {
				got = append(got, msg)
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", test.name, got, test.want)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, test := range logs {
		for _, line := range strings.Split(test.lines, "\n") {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := messageReader{inOops: oopsLines}
		msg, ok := m.next(b)
		if ok && (msg.Kind == "" || msg.TID < 0 || strings.Contains(msg.Text, "\n")) {
			t.Errorf("%+v", msg)
		}
	})
}

// The log is read for real: the kernel tells of a program's fault, which is of no
// concern, so the test looks at the records below what Read picks.
func TestMessagesBeginAtTheEnd(t *testing.T) {
	m, err := NewMessages()
	if err != nil {
		t.Fatalf("open the kernel's log (this takes root): %v", err)
	}
	defer m.Close()
	// Whoever may write to the log cannot feign a fault of the kernel.
	mark := fmt.Sprintf("lifesign's test %d", os.Getpid())
	log, err := os.OpenFile(messageLog, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	feigned := "BUG: unable to handle nothing, " + mark
	fmt.Fprintf(log, "<3>%s\n", feigned)
	program := crash(t, "BUG: "+fmt.Sprint(os.Getpid()))

	raw, err := openMessages(messageLog)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := unix.Seek(raw.fd, 0, unix.SEEK_SET); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for {
		n, err := unix.Read(raw.fd, raw.buf)
		if err == unix.EPIPE {
			continue
		}
		if err != nil {
			break
		}
		if r, ok := parseRecord(raw.buf[:n]); ok {
			seen["feigned"] = seen["feigned"] || r.facility == 1 && r.text == feigned
			seen["crash"] = seen["crash"] || r.facility == 0 && strings.HasPrefix(r.text, program+"[")
		}
	}
	if !seen["feigned"] || !seen["crash"] {
		t.Errorf("of what was put into the log, only %v was found there", seen)
	}
	got, err := m.Read()
	if err != nil || m.Lost() != 0 {
		t.Errorf("%v, %d losses", err, m.Lost())
	}
	for _, msg := range got {
		if strings.Contains(msg.Text, mark) || strings.HasPrefix(msg.Text, program) {
			t.Errorf("%+v was believed", msg)
		}
	}
}

// crash runs a program of that name that writes to address 0, and waits for it.
func crash(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "c.c"), filepath.Join(dir, name)
	if err := os.WriteFile(source, []byte("int main(void) { *(volatile int *)0 = 1; }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	if err := exec.Command(program).Run(); err == nil {
		t.Fatal("a program that writes to address 0 ended well")
	}
	return name
}

func TestMessagesErrors(t *testing.T) {
	if _, err := openMessages(filepath.Join(t.TempDir(), "none")); err == nil || !strings.HasPrefix(err.Error(), "open the kernel's log: ") {
		t.Errorf("%v", err)
	}
}
