// SPDX-License-Identifier: Apache-2.0
#include "server/process/start_up.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace spindle::process;
using spindle::runtime::Error;

namespace {

bool says(int error, const RingCircumstances& here, std::string_view part) {
    const std::string line = explain_ring_failure(Error{error}, here);
    CAPTURE(line);
    const bool found = line.find(part) != line.npos;
    CHECK(found);
    CHECK(line.find('\n') == line.npos);
    return found;
}

}  // namespace

TEST_CASE("A refused ring is explained by what refuses it") {
    says(EPERM, {.disabled = "2", .filtered = true}, "io_uring_disabled is 2");
    says(EPERM, {.disabled = "1", .privileged = false}, "io_uring_group");
    says(EPERM, {.disabled = "1", .filtered = true, .privileged = true}, "seccomp");
    says(EPERM, {.disabled = "0", .filtered = true}, "seccomp");
    says(EPERM, {.disabled = "0"}, "security module");
    says(ENOSYS, {.disabled = "0", .filtered = true}, "seccomp");
    says(ENOSYS, {.kernel = "5.0.1"}, "this kernel (5.0.1) has none");
    says(EINVAL, {.kernel = "5.4.2"}, "5.4.2) is too old");
    says(ENOMEM, {}, "RLIMIT_MEMLOCK");
    says(EMFILE, {}, "RLIMIT_NOFILE");
}
