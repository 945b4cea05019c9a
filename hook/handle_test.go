//go:build go1.25

package hook

const weakPointers = true
