# syntax=docker/dockerfile:1
# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t spindle .
#   docker run --rm -p 8080:8080 --security-opt seccomp=unconfined spindle
#
# The default seccomp profile of Docker and containerd forbids io_uring, without which Spindle does not
# start (it says so). `unconfined` is the short way for a try; for use, allow the three calls
# io_uring_setup, io_uring_enter and io_uring_register in a copy of the default profile.
# A site of your own: -v ./site:/etc/spindle/site:ro, or -v ./spindle.toml:/etc/spindle/spindle.toml:ro

FROM debian:13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        g++ cmake ninja-build pkg-config \
        liburing-dev libllhttp-dev libtoml11-dev libfmt-dev libspdlog-dev libcli11-dev \
        zlib1g-dev libbrotli-dev libzstd-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release && cmake --build --preset release \
    && strip --strip-debug build/release/server/spindle
# Inside a container nobody reaches the loopback address.
RUN sed -i -E '/^address *=/ s/"(127\.0\.0\.1|\[::1\]):/"0.0.0.0:/' config/spindle.toml

FROM debian:13-slim
LABEL org.opencontainers.image.title="Spindle" \
      org.opencontainers.image.description="HTTP server on io_uring with two concurrency backends" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="debian:13-slim"
# liburing and llhttp are linked in.
RUN apt-get update && apt-get install -y --no-install-recommends \
        libspdlog1.15 zlib1g libbrotli1 libzstd1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin spindle
COPY --from=build /src/build/release/server/spindle /usr/bin/spindle
COPY --from=build /src/config/spindle.toml /etc/spindle/
COPY --from=build /src/config/site/ /etc/spindle/site/
USER spindle
EXPOSE 8080
# TERM drains: requests in flight are answered. Give it longer than timeouts.drain (docker stop -t).
STOPSIGNAL SIGTERM
# The access log goes to stdout, everything else to stderr.
ENTRYPOINT ["/usr/bin/spindle", "-c", "/etc/spindle/spindle.toml"]
