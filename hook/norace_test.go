//go:build !race

package hook

const racing = false
