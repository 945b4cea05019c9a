//go:build !unix

package main

import "errors"

func mapping(bool) error { return errors.New("there is no such way on this system") }

func memory(bool) error { return errors.New("there is no such way on this system") }
