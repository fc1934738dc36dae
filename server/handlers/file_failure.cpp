// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_failure.hpp"

#include <cerrno>

namespace spindle::handlers {

using http::Cause;
using http::Response;

namespace {

Response used_up(Cause cause, const char* text) {
    Response response = Response::busy(text);
    response.cause = cause;
    return response;
}

}  // namespace

Response not_found() { return Response::text(404, "not found\n"); }

Response failed(int error) {
    switch (error) {
        case EACCES:
        case EPERM: return Response::text(403, "forbidden\n");
        case EMFILE:
        case ENFILE: return used_up(Cause::no_descriptor, "too many open files\n");
        case ENOMEM: return used_up(Cause::no_memory, "too little memory to open the file\n");
        case EIO: return Response::text(500, "the file cannot be read\n");
        default: return not_found();  // also ENAMETOOLONG, ENOTDIR, ELOOP, EXDEV (outside the root)
    }
}

}  // namespace spindle::handlers
