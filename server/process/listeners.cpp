// SPDX-License-Identifier: Apache-2.0
#include "server/process/listeners.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace spindle::process {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kInherited = "systemd";

/// Of unix sockets. Their process removes them, at the latest when it ends by std::quick_exit, which destroys nothing.
class SocketFiles {
  public:
    static SocketFiles& of_this_process() {
        static SocketFiles* const files = new SocketFiles;  // never destroyed: threads end after static objects
        return *files;
    }
    void add(std::string path) {
        if (owner_ == 0) std::at_quick_exit([] { of_this_process().remove(); });
        owner_ = ::getpid();
        paths_.push_back(std::move(path));
    }
    /// Not those of the process that this one was forked from.
    void remove() const noexcept {
        if (owner_ != ::getpid()) return;
        for (const std::string& path : paths_) ::unlink(path.c_str());
    }

  private:
    pid_t owner_ = 0;
    std::vector<std::string> paths_;
};

/// Where to bind; any family.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] int family() const noexcept { return storage.ss_family; }
    sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::unexpected<std::string> failure(std::string_view address, int error) {
    std::string_view advice;
    if (error == EADDRINUSE) advice = " (another server has it; end that one, or listen elsewhere)";
    const bool local = address.starts_with(kUnixPrefix);
    if (error == EACCES && !local) advice = " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    if (error == EACCES && local) advice = " (this user may not create files in its folder)";
    if (error == ENOENT) advice = " (its folder is not there; create it)";
    if (error == EMFILE) advice = " (raise RLIMIT_NOFILE, ulimit -n)";
    if (error == EADDRNOTAVAIL) advice = " (no network interface of this machine has that address)";
    // glibc's words are "Address already in use".
    return std::unexpected(fmt::format("cannot listen on {}: {}{}", address, ::strerrordesc_np(error), advice));
}

std::expected<SocketAddress, std::string> parse_tcp(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found);
    if (error != 0) return std::unexpected(fmt::format("cannot listen on {}: {}", text, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    SocketAddress address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.size = found->ai_addrlen;
    return address;
}

/// While it lives, files are made with `mode` exactly, so that a socket is never open to more than these. The process
/// has one umask: no other thread may make files meanwhile.
class CreationMode {
  public:
    explicit CreationMode(std::optional<unsigned> mode) noexcept
        : previous_(mode ? std::optional(::umask(~*mode & 0777)) : std::nullopt) {}
    ~CreationMode() {
        if (previous_) ::umask(*previous_);
    }
    CreationMode(const CreationMode&) = delete;
    CreationMode& operator=(const CreationMode&) = delete;

  private:
    std::optional<mode_t> previous_;
};

/// A descriptor, or -errno.
int open_listening(const SocketAddress& address, const config::Listen& listen, bool reuse_port) {
    const int descriptor = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    const int on = 1;
    if (address.family() != AF_UNIX) {
        ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        // Accepted sockets inherit it: one call here instead of one a connection.
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    // Unless asked for, so that 0.0.0.0:80 and [::]:80 can stand side by side, as in nginx.
    const int only = listen.dual_stack ? 0 : 1;
    if (address.family() == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    if (reuse_port) ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    const CreationMode restricted(listen.mode);
    if (::bind(descriptor, address.get(), address.size) == 0 && ::listen(descriptor, listen.backlog) == 0)
        return descriptor;
    const int error = errno;
    ::close(descriptor);
    return -error;
}

/// SO_REUSEPORT would let a second server of the same user in, which would then get half of the connections.
int refuse_if_in_use(const SocketAddress& address, const config::Listen& listen) {
    const int probe = open_listening(address, listen, false);
    if (probe < 0) return probe;
    ::close(probe);
    return 0;
}

std::string url_of(int descriptor) {
    SocketAddress bound;
    bound.size = sizeof bound.storage;
    ::getsockname(descriptor, bound.get(), &bound.size);
    if (bound.family() == AF_UNIX) {
        const auto& local = reinterpret_cast<const sockaddr_un&>(bound.storage);
        const std::size_t length = bound.size - offsetof(sockaddr_un, sun_path);
        if (length > 0 && local.sun_path[0] == '\0')  // of the abstract namespace, shown as systemd does
            return fmt::format("{}@{}", kUnixPrefix, std::string_view(local.sun_path + 1, length - 1));
        return fmt::format("{}{}", kUnixPrefix, std::string_view(local.sun_path, ::strnlen(local.sun_path, length)));
    }
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    ::getnameinfo(bound.get(), bound.size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    return bound.family() == AF_INET6 ? fmt::format("http://[{}]:{}", host, port)
                                      : fmt::format("http://{}:{}", host, port);
}

}  // namespace

Listeners::Listeners(std::size_t workers) : workers_(workers) {}

Listeners::Listeners(Listeners&& other) noexcept
    : workers_(std::move(other.workers_)),
      descriptors_(std::exchange(other.descriptors_, {})),
      configured_(std::move(other.configured_)),
      urls_(std::move(other.urls_)) {}

Listeners::~Listeners() {
    if (descriptors_.empty()) return;
    for (const int descriptor : descriptors_) ::close(descriptor);
    SocketFiles::of_this_process().remove();
}

std::expected<Listeners, std::string> Listeners::open(std::span<const config::Listen> listen, unsigned loops) {
    auto activation = Activation::take();
    if (!activation) return std::unexpected(activation.error());
    Listeners listeners(loops == 0 ? 1 : loops);
    for (std::size_t i = 0; i < listen.size(); ++i) {
        const config::Listen& one = listen[i];
        const auto opened = one.address.starts_with(kInherited)    ? listeners.inherit(one, *activation)
                            : one.address.starts_with(kUnixPrefix) ? listeners.open_unix(one)
                                                                   : listeners.open_tcp(one, loops > 0);
        if (!opened) return std::unexpected(opened.error());
        listeners.configured_.resize(listeners.workers_.front().size(), i);
    }
    for (const Activation::Socket& socket : activation->left()) {
        spdlog::warn("the socket \"{}\" that systemd passed (descriptor {}) is no listener's: add a [[listen]] for it",
                     socket.name, socket.descriptor);
        ::close(socket.descriptor);
    }
    return listeners;
}

void Listeners::share(int descriptor, std::string url) {
    descriptors_.push_back(descriptor);
    for (std::vector<int>& worker : workers_) worker.push_back(descriptor);
    urls_.push_back(std::move(url));
}

std::expected<void, std::string> Listeners::inherit(const config::Listen& listen, Activation& activation) {
    const auto sockets = activation.sockets_for(listen.address);
    if (!sockets) return std::unexpected(sockets.error());
    for (const int descriptor : *sockets) {
        const int on = 1;  // accepted sockets inherit it; nothing on a unix socket
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        share(descriptor, url_of(descriptor));
    }
    return {};
}

std::expected<void, std::string> Listeners::open_tcp(const config::Listen& listen, bool reuse_port) {
    auto address = parse_tcp(listen.address);
    if (!address) return std::unexpected(address.error());
    if (reuse_port) {
        if (const int refused = refuse_if_in_use(*address, listen); refused < 0)
            return failure(listen.address, -refused);
    }
    for (std::vector<int>& worker : workers_) {
        const int descriptor = open_listening(*address, listen, reuse_port);
        if (descriptor < 0) return failure(listen.address, -descriptor);
        descriptors_.push_back(descriptor);
        worker.push_back(descriptor);
        // The first settles the port that 0 stands for.
        address->size = sizeof address->storage;
        ::getsockname(descriptor, address->get(), &address->size);
    }
    urls_.push_back(url_of(descriptors_.back()));
    return {};
}

std::expected<void, std::string> Listeners::open_unix(const config::Listen& listen) {
    const std::string path = listen.address.substr(kUnixPrefix.size());
    SocketAddress address;
    auto& unix_address = reinterpret_cast<sockaddr_un&>(address.storage);
    if (path.size() >= sizeof unix_address.sun_path) return failure(listen.address, ENAMETOOLONG);
    unix_address.sun_family = AF_UNIX;
    path.copy(unix_address.sun_path, path.size());
    address.size = sizeof unix_address;

    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) {
            return std::unexpected(
                fmt::format("cannot listen on {}: there is a file that is no socket; remove it, or listen elsewhere",
                            listen.address));
        }
        // Left behind by a server that was killed, unless somebody answers.
        const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool alive = ::connect(probe, address.get(), address.size) == 0 || errno != ECONNREFUSED;
        ::close(probe);
        if (alive) return failure(listen.address, EADDRINUSE);
        ::unlink(path.c_str());
    }
    const int descriptor = open_listening(address, listen, false);
    if (descriptor < 0) return failure(listen.address, -descriptor);
    SocketFiles::of_this_process().add(path);
    share(descriptor, listen.address);
    return {};
}

}  // namespace spindle::process
