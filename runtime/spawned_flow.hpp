// SPDX-License-Identifier: Apache-2.0
//
// The root coroutine of a spawned flow, the same under both backends but for its payload.
#pragma once

#include <exception>
#include <utility>

#include "runtime/backend.hpp"
#include "runtime/io.hpp"
#include "runtime/root.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

/// `route`: user code of that name; null: runtime code.
template <typename Payload>
Root<Payload> spawned_flow(const Service& service, task<void> body, const char* route) {
    std::exception_ptr escaped;
    try {
        // Ends here and not with this coroutine's frame: a flow that has ended holds nothing.
        task<void> running = std::move(body);
        if (route != nullptr) {
            const HandlerScope scope(route);
            co_await running;
        } else {
            co_await running;
        }
    } catch (...) {
        escaped = std::current_exception();
    }
    if (escaped) {
        if (!service.on_exception) std::rethrow_exception(escaped);  // out of a root: terminates
        service.on_exception(route, std::exchange(escaped, nullptr));
    }
    current_worker().end_spawned();
}

/// The flow Service::main is: its end is the end of a service without listeners.
inline task<void> main_flow(const Service& service, Backend& backend) {
    task<void> body = service.main();
    co_await body;
    if (service.listeners.empty()) backend.request_drain();
}

}  // namespace spindle::runtime
