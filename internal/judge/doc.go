// Package judge draws verdicts from samples.
package judge
