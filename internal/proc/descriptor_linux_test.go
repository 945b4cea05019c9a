package proc

import (
	"os"
	"testing"
)

// TestReadStartThatFails: a file that may be opened and not read, such as the
// system call of another user's thread, gives no bytes, not fewer than none.
func TestReadStartThatFails(t *testing.T) {
	dir, err := os.Open(t.TempDir()) // to read a directory is an error
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if n, err := readStart(int(dir.Fd()), make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("readStart of a directory = %d, %v; want 0 and an error", n, err)
	}
}
