// SPDX-License-Identifier: Apache-2.0
//
// How flows of control wait for each other, from one source under both backends. Waiting parks the fiber
// inside a handler under `fiber` and suspends the coroutine everywhere else; it holds no thread. Whoever
// notifies may run on another processor than where the waiter waits: the waiter then runs there.
//
//     Mutex mutex;            auto guard = co_await mutex.lock();
//     ConditionVariable cv;   auto woken = co_await cv.wait(*guard);
//     Channel<Job> jobs(16);  auto sent = co_await jobs.send(job);   auto job = co_await jobs.receive();
//     WaitGroup group;        auto ended = co_await group.wait();
//     Semaphore places(8);    auto taken = co_await places.acquire();
//
// Every wait gives a Result: ECANCELED when the runtime stops or the flow's Scope was cancelled, ETIMEDOUT
// when the scope's deadline or the wait's own time limit (the last argument, zero: none) has passed. Where
// nothing has to be waited for, it succeeds also then. First come, first served.
//
// Beside them std::mutex, std::condition_variable and the like may be used inside handlers where they are
// not held across a co_await: under `fiber` a blocked thread costs only itself, its processor goes on
// elsewhere; under `event_loop` all wait. Held across a co_await they would be unlocked by another thread.
//
// thread_local variables: after every co_await a handler may run on another thread. Code keeps no pointer or
// reference to one across it, and neither does the compiler's code for anything but a plain function call in
// between: read them afresh in a function of their own that is not inlined. errno is one of them.
//
// Destroying a primitive that somebody waits for is a bug.
#pragma once

#include "runtime/scope.hpp"
#include "runtime/sync/channel.hpp"
#include "runtime/sync/condition_variable.hpp"
#include "runtime/sync/mutex.hpp"
#include "runtime/sync/semaphore.hpp"
#include "runtime/sync/wait_group.hpp"
