// SPDX-License-Identifier: Apache-2.0

// What loadtest/fibers.cpp measures of fibers, of goroutines: goroutines [PARKED]
package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	switches    = 10_000_000
	many        = 20_000
	lives       = 2_000_000
	wakes       = 1_000
	wakeBusy    = time.Millisecond
	wakePause   = time.Millisecond
	livesAtOnce = 100
)

const processClock = 2 // CLOCK_PROCESS_CPUTIME_ID

// cpuTime: what others do on the machine meanwhile does not count.
func cpuTime() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processClock, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

func each(start int64, count int) float64 {
	return float64(cpuTime()-start) / float64(count)
}

// circle: so many goroutines give way to each other.
func circle(goroutines int) float64 {
	rounds := switches / goroutines
	var done sync.WaitGroup
	run := func(rounds int) {
		for i := 0; i < rounds; i++ {
			runtime.Gosched()
		}
		done.Done()
	}
	start := cpuTime()
	done.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go run(rounds)
	}
	done.Wait()
	return each(start, rounds*goroutines)
}

// pingPong: two goroutines wake each other over channels.
func pingPong() float64 {
	const count = switches / 10
	to, from := make(chan int), make(chan int)
	go func() {
		for value := range to {
			from <- value
		}
		close(from)
	}()
	start := cpuTime()
	for i := 0; i < count; i++ {
		to <- i
		<-from
	}
	close(to)
	return each(start, 2*count)
}

// life: begun, run, ended, as many at once as a burst of requests.
func life() float64 {
	start := cpuTime()
	for i := 0; i < lives/livesAtOnce; i++ {
		var done sync.WaitGroup
		done.Add(livesAtOnce)
		for j := 0; j < livesAtOnce; j++ {
			go done.Done()
		}
		done.Wait()
	}
	return each(start, lives)
}

// wake: how long after it was made runnable a goroutine runs when its processor stays busy, so that the
// other one has to take it. The other sleeps before.
func wake() []time.Duration {
	sent := make(chan time.Time)
	found := make([]time.Duration, 0, wakes)
	ended := make(chan bool)
	go func() {
		for start := range sent {
			found = append(found, time.Since(start))
		}
		ended <- true
	}()
	for i := 0; i < wakes; i++ {
		time.Sleep(wakePause)
		start := time.Now()
		sent <- start
		for time.Since(start) < wakeBusy {
		}
	}
	close(sent)
	<-ended
	sort.Slice(found, func(i, j int) bool { return found[i] < found[j] })
	return found
}

func memory() float64 {
	rollup, _ := os.ReadFile("/proc/self/smaps_rollup")
	status, _ := os.ReadFile("/proc/self/status")
	pss, _ := strconv.Atoi(string(regexp.MustCompile(`Pss:\s+(\d+)`).FindSubmatch(rollup)[1]))
	tables, _ := strconv.Atoi(string(regexp.MustCompile(`VmPTE:\s+(\d+)`).FindSubmatch(status)[1]))
	return float64(pss+tables) * 1024
}

func parked(count int) {
	release := make(chan bool)
	var ready, done sync.WaitGroup
	before := memory()
	start := cpuTime()
	ready.Add(count)
	done.Add(count)
	for i := 0; i < count; i++ {
		go func() {
			ready.Done()
			<-release
			done.Done()
		}()
	}
	ready.Wait()
	fmt.Printf("park_with_stack_ns %.2f\n", each(start, count))
	fmt.Printf("parked_with_stack_bytes %.2f\n", (memory()-before)/float64(count))
	start = cpuTime()
	close(release)
	done.Wait()
	fmt.Printf("resume_with_stack_ns %.2f\n", each(start, count))
}

func main() {
	count := 1_000_000
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	processors := runtime.GOMAXPROCS(1)
	fmt.Printf("yield_2_ns %.2f\n", circle(2))
	fmt.Printf("yield_many_ns %.2f\n", circle(many))
	fmt.Printf("ping_pong_ns %.2f\n", pingPong())
	fmt.Printf("life_ns %.2f\n", life())
	parked(count)
	runtime.GC()
	runtime.GOMAXPROCS(processors)
	fmt.Printf("ping_pong_2_ns %.2f\n", pingPong())
	found := wake()
	fmt.Printf("wake_p50_us %.2f\n", float64(found[len(found)/2].Nanoseconds())/1000)
	fmt.Printf("wake_p99_us %.2f\n", float64(found[len(found)*99/100].Nanoseconds())/1000)
}
