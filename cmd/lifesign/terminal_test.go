package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// countInterrupts says how often it was interrupted within two seconds of the
// first time.
const countInterrupts = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	c := make(chan os.Signal, 8)
	signal.Notify(c, os.Interrupt)
	fmt.Println("ready")
	<-c
	n := 1
	for end := time.After(2 * time.Second); ; {
		select {
		case <-c:
			n++
		case <-end:
			fmt.Println("interrupts:", n)
			return
		}
	}
}
`

// TestInterruptTypedAtTerminalArrivesOnce types Ctrl-C at a terminal, which
// sends the signal to lifesign and to the program.
func TestInterruptTypedAtTerminalArrivesOnce(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module count\n\ngo 1.21\n", "main.go": countInterrupts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	master, slave := openTerminal(t)
	cmd := exec.Command("lifesign", "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	time.AfterFunc(2*time.Minute, func() { master.Close() }) // nothing here takes that long
	var screen bytes.Buffer
	typed := false
	for buf := make([]byte, 4096); ; {
		n, err := master.Read(buf)
		screen.Write(buf[:n])
		if !typed && strings.Contains(screen.String(), "ready") {
			typed = true
			fmt.Fprint(master, "\x03")
		}
		if err != nil { // EIO when the last one has closed the terminal
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	if !strings.Contains(screen.String(), "interrupts: 1\r\n") {
		t.Errorf("the screen says:\n%s", &screen)
	}
	if !strings.Contains(screen.String(), "\r\x1b[Kwoven: ") {
		t.Errorf("the line of progress was not cleared:\n%q", &screen)
	}
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
