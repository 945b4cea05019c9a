package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// offsets are where this kernel keeps what the program over tasks reads, by the
// kernel's own type information.
type offsets struct {
	pid, tgid, comm  int32
	state, exitState int32
	stateSize        int // 4 bytes since 5.14, 8 before

	blocker   int32 // the lock that a task waits for; 0: this kernel does not tell
	mutex     int32 // struct mutex: owner
	rwsem     int32 // struct rw_semaphore: owner
	semaphore int32 // struct semaphore: last_holder; -1 if there is none
	why       error // why there is no blocker
}

var errNoField = errors.New("this kernel has no such field")

func findOffsets(spec *btf.Spec) (o offsets, err error) {
	var task *btf.Struct
	if err := spec.TypeByName("task_struct", &task); err != nil {
		return o, fmt.Errorf("find struct task_struct in the kernel's types: %w", err)
	}
	for _, f := range []struct {
		name string
		to   *int32
	}{{"pid", &o.pid}, {"tgid", &o.tgid}, {"comm", &o.comm}, {"exit_state", &o.exitState}} {
		if *f.to, _, err = member(task, f.name); err != nil {
			return o, fmt.Errorf("find task_struct.%s: %w", f.name, err)
		}
	}
	var state btf.Type
	if o.state, state, err = member(task, "__state"); err != nil {
		if o.state, state, err = member(task, "state"); err != nil { // before 5.14
			return o, fmt.Errorf("find task_struct.state: %w", err)
		}
	}
	if o.stateSize, err = btf.Sizeof(state); err != nil || o.stateSize != 4 && o.stateSize != 8 {
		return o, fmt.Errorf("task_struct.state has %d bytes, %v", o.stateSize, err)
	}
	o.why = o.findBlocker(spec, task)
	if o.why != nil {
		o.blocker = 0
	}
	return o, nil
}

// findBlocker: task_struct.blocker is there since 6.16, with
// CONFIG_DETECT_HUNG_TASK_BLOCKER. Its low bits tell the kind (linux/hung_task.h).
func (o *offsets) findBlocker(spec *btf.Spec, task *btf.Struct) (err error) {
	if o.blocker, _, err = member(task, "blocker"); err != nil {
		return fmt.Errorf("find task_struct.blocker: %w", err)
	}
	for _, f := range []struct {
		lock, owner string
		to          *int32
	}{{"mutex", "owner", &o.mutex}, {"rw_semaphore", "owner", &o.rwsem}, {"semaphore", "last_holder", &o.semaphore}} {
		var s *btf.Struct
		if err := spec.TypeByName(f.lock, &s); err != nil {
			return fmt.Errorf("find struct %s in the kernel's types: %w", f.lock, err)
		}
		at, _, err := member(s, f.owner)
		if err != nil && f.lock == "semaphore" {
			at = -1
		} else if err != nil {
			return fmt.Errorf("find %s.%s: %w", f.lock, f.owner, err)
		}
		*f.to = at
	}
	return nil
}

// member finds a member by its name, in what has no name of its own too, which
// is where kernels that shuffle their structures keep most of them.
func member(s *btf.Struct, name string) (offset int32, t btf.Type, err error) {
	return memberOf(s.Members, name)
}

func memberOf(members []btf.Member, name string) (int32, btf.Type, error) {
	for _, m := range members {
		if m.Name == name {
			return int32(m.Offset.Bytes()), m.Type, nil
		}
		if m.Name != "" {
			continue
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if at, t, err := memberOf(inner, name); err == nil {
			return int32(m.Offset.Bytes()) + at, t, nil
		}
	}
	return 0, nil, errNoField
}
