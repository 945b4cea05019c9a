package mono

import (
	"testing"
	"time"
)

func TestSinceFollowsSleep(t *testing.T) {
	start := Now()
	time.Sleep(20 * time.Millisecond)
	if got := Since(start); got < 20*time.Millisecond {
		t.Errorf("Since after a sleep of 20ms = %v", got)
	}
}
