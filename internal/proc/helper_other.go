//go:build !linux

package proc

func threadID() int { return 1 }

func threadTime() int64 { return 0 }

// ProcessTime is what Linux alone tells.
func ProcessTime(int) (int64, error) { return -1, errNoWay }

// ownThread is never told elsewhere: then the clock decides alone.
func ownThread(int) (statText, schedstatText, error) {
	return statText{}, schedstatText{}, errAbsent
}
