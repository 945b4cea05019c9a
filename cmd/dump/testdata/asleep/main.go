// Command asleep waits for nobody. It has no C code, in which somebody might still come.
package main

import _ "github.com/lifesign-go/lifesign/hook" // which sends the runtime's last words to the agent

func main() { <-make(chan int) }
