// Package empty has the runtime that every program has.
package empty
