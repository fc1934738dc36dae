// SPDX-License-Identifier: Apache-2.0

// Go's net/http with the workload handlers of Spindle, as somebody at home in Go would write them.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID

// Not inlined: its prologue is where a loop of calls can be preempted, as it is in any real handler.
//
//go:noinline
func threadTime() time.Duration {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&now)), 0)
	return time.Duration(now.Nano())
}

// burn computes for that much CPU time. The goroutine may continue on another thread, whose clock
// shows something else, or others may have run on this one: such a step, and only such a one, is long
// or negative, and is left out. (LockOSThread would make the clock exact and the scheduler slow.)
func burn(amount time.Duration) {
	const stepMax = 100 * time.Microsecond
	last := threadTime()
	for spent := time.Duration(0); spent < amount; {
		now := threadTime()
		if step := now - last; step > 0 && step < stepMax {
			spent += step
		}
		last = now
	}
}

// block holds its thread in a system call, of which the runtime is told as it is of any file read.
func block(amount time.Duration) {
	for end := time.Now().Add(amount); ; {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		timeout := syscall.NsecToTimespec(left.Nanoseconds())
		syscall.Syscall6(syscall.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
	}
}

func workload(parameter string, unit time.Duration, work func(time.Duration)) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		amount, err := strconv.Atoi(request.URL.Query().Get(parameter))
		if err != nil || amount < 0 {
			http.Error(response, parameter+": a whole number", http.StatusBadRequest)
			return
		}
		work(time.Duration(amount) * unit)
		fmt.Fprintf(response, "done for %d %s\n", amount, parameter)
	}
}

var hello = []byte("Hello, World!")

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/plaintext", func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "text/plain")
		response.Write(hello)
	})
	mux.HandleFunc("/cpu", workload("us", time.Microsecond, burn))
	mux.HandleFunc("/block", workload("ms", time.Millisecond, block))
	mux.HandleFunc("/sleep", workload("ms", time.Millisecond, time.Sleep))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
