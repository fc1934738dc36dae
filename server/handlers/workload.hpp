// SPDX-License-Identifier: Apache-2.0
//
// The workloads that make the two backends comparable: the cheapest answer, computing, waiting, and blocking
// with and without saying so. The same code under both.
#pragma once

#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// 13 bytes of text/plain.
pipeline::Response plaintext(pipeline::Request& request, pipeline::Context& context);
pipeline::Response json(pipeline::Request& request, pipeline::Context& context);

/// Who answers: {"backend","process","worker","thread"}.
pipeline::Response backend(pipeline::Request& request, pipeline::Context& context);

/// ?us=N: N microseconds of CPU time.
pipeline::Response cpu(pipeline::Request& request, pipeline::Context& context);

/// ?ms=N: a timer; holds no thread.
pipeline::task<pipeline::Response> sleep(pipeline::Request& request, pipeline::Context& context);

/// ?ms=N: blocks the calling thread in a system call, and does not say so.
pipeline::Response block(pipeline::Request& request, pipeline::Context& context);

/// ?ms=N: the same block, declared with blocking().
pipeline::task<pipeline::Response> offload(pipeline::Request& request, pipeline::Context& context);

/// ?kib=N: calls itself until N KiB of stack are used. More than the stack has ends the process, with a line that
/// says so: mount it to see that, or what a deep call costs, and nowhere else.
pipeline::Response recurse(pipeline::Request& request, pipeline::Context& context);

/// What a broken handler does.
pipeline::Response throw_(pipeline::Request& request, pipeline::Context& context);

}  // namespace spindle::handlers
