//go:build race

package hook

const racing = true
