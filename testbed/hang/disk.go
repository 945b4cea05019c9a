package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const fifreeze = 0xc0045877 // FIFREEZE of linux/fs.h

// silentFile makes a FUSE file system that never answers the operations mute
// (fsync, read, write), and returns a file of it, of so many bytes.
func silentFile(s *stage, mute string, size int64) (string, error) {
	store, mount := filepath.Join(s.dir, "store"), filepath.Join(s.dir, "silent")
	if err := os.Mkdir(store, 0o700); err != nil {
		return "", err
	}
	if err := os.Mkdir(mount, 0o700); err != nil {
		return "", err
	}
	if err := sparse(filepath.Join(store, "file"), size); err != nil {
		return "", err
	}
	// Unmounted when its server, which is told of after it, has been killed.
	if err := s.keeper.note("unmount", mount); err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(s.bin, "hungfs"), "-mount", mount, "-store", store, "-mute", mute)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // it ends with the harness
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if _, err := s.start(cmd); err != nil {
		return "", err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
		return "", fmt.Errorf("the silent file system says %q: %v", line, err)
	}
	return filepath.Join(mount, "file"), nil
}

func sparse(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

// loop attaches a loop device to a file.
func loop(s *stage, file string) (device string, err error) {
	backing, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()
	for range 100 { // others may take the one that was free
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return "", fmt.Errorf("ask for a free loop device: %w", err)
		}
		device = fmt.Sprintf("/dev/loop%d", n)
		err = attach(device, int(backing.Fd()))
		if errors.Is(err, unix.EBUSY) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if err != nil {
			return "", fmt.Errorf("attach %s: %w", device, err)
		}
		seq, err := diskSeq(device)
		if err != nil {
			return "", err
		}
		return device, s.keeper.note("detach", device+":"+seq)
	}
	return "", errors.New("no loop device is free")
}

func attach(device string, backing int) error {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlLoopConfigure(int(f.Fd()), &unix.LoopConfig{Fd: uint32(backing)})
}

// diskSeq returns a number that a loop device has from one attachment to the
// next, and never again.
func diskSeq(device string) (string, error) {
	data, err := os.ReadFile("/sys/block/" + filepath.Base(device) + "/diskseq")
	return strings.TrimSpace(string(data)), err
}

// detach frees a loop device if it is still attached as it was, by the number
// behind the colon: it may be somebody else's by now.
func detach(deviceAndSeq string) error {
	device, seq, _ := strings.Cut(deviceAndSeq, ":")
	attached := func() bool {
		now, err := diskSeq(device)
		_, loop := os.Stat("/sys/block/" + filepath.Base(device) + "/loop")
		return err == nil && now == seq && loop == nil
	}
	return retry("detach "+device, func() error {
		if !attached() {
			return nil
		}
		f, err := os.OpenFile(device, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		err = unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0)
		f.Close() // if it was in use, it is freed only now
		if err == nil && attached() {
			err = errors.New("it is still in use")
		}
		return err
	})
}

// ext4File makes an ext4 file system of its own on a loop device, and returns
// a file of it, of so many bytes that are there.
func ext4File(s *stage, size int64) (file string, err error) {
	image := filepath.Join(s.dir, "image")
	if err := sparse(image, max(16<<20, 2*size+(8<<20))); err != nil {
		return "", err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=0", image).CombinedOutput(); err != nil {
		return "", fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	if s.device, err = loop(s, image); err != nil {
		return "", err
	}
	dir := s.ext4()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if err := unix.Mount(s.device, dir, "ext4", 0, ""); err != nil {
		return "", fmt.Errorf("mount %s: %w", s.device, err)
	}
	if err := s.keeper.note("unmount", dir); err != nil {
		return "", err
	}
	file = filepath.Join(dir, "file")
	return file, filled(file, size)
}

// ext4 is where the stage's own file system is mounted.
func (s *stage) ext4() string { return filepath.Join(s.dir, "ext4") }

// filled makes a file whose bytes are on the device.
func filled(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := f.Write(block[:min(int64(len(block)), left)]); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// freeze freezes the file system of dir.
func freeze(s *stage, dir string) error {
	if err := s.keeper.note("thaw", dir); err != nil {
		return err
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s to freeze it: %w", dir, err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetInt(fd, fifreeze, 0); err != nil {
		return fmt.Errorf("freeze %s: %w", dir, err)
	}
	return nil
}

// number returns a block device's numbers, MAJOR:MINOR.
func number(device string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		return "", fmt.Errorf("look at %s: %w", device, err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
}
