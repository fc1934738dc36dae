// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/encoded_stream.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include "runtime/io.hpp"

namespace spindle::pipeline {
namespace {

class EncodedWriter final : public BodyWriter {
  public:
    EncodedWriter(http::StreamEncoder& encoder, BodyWriter& to) noexcept : encoder_(encoder), to_(to) {}

    task<std::expected<void, runtime::Error>> write(std::string_view bytes) override {
        using Answer = std::expected<void, runtime::Error>;
        if (stuck_) co_return Answer(std::unexpect, runtime::Error{EPIPE});
        const bool fits_one = bytes.size() <= http::StreamEncoder::kPieceBytesMax;
        while (!bytes.empty()) {
            const std::string_view piece = bytes.substr(0, http::StreamEncoder::kPieceBytesMax);
            bytes.remove_prefix(piece.size());
            auto work = [this, piece] { encoder_.encode(piece, encoded_); };
            stuck_ = true;  // should it throw
            if (fits_one) {
                work();
            } else {
                const auto done = co_await runtime::blocking(work);
                if (!done) work();  // refused; the stream can neither be left out nor wait
            }
            stuck_ = false;
            auto written = co_await send();
            if (!written) co_return written;
        }
        co_return Answer{};
    }

    [[nodiscard]] bool sound() const noexcept override { return !stuck_ && to_.sound(); }

    /// The producer came to its end.
    task<void> end() {
        if (stuck_) throw std::bad_alloc();  // it made light of the first one
        if (!begun_ || !to_.sound()) co_return;
        encoder_.finish(encoded_);
        [[maybe_unused]] const auto written = co_await send();
    }

  private:
    task<std::expected<void, runtime::Error>> send() {
        begun_ = true;
        auto written = co_await to_.write(encoded_);
        encoded_.clear();
        co_return written;
    }

    http::StreamEncoder& encoder_;
    BodyWriter& to_;
    std::string encoded_;  ///< of one piece
    bool begun_ = false;
    bool stuck_ = false;  ///< the encoder cannot be continued
};

task<void> produce_encoded(const StreamedBody::Producer& produce, http::StreamEncoder& encoder, BodyWriter& to) {
    EncodedWriter writer(encoder, to);
    task<void> producing = produce(writer);
    co_await producing;
    co_await writer.end();
}

}  // namespace

void encode_stream(StreamedBody& body, std::shared_ptr<http::StreamEncoder> encoder) {
    body.produce = [produce = std::move(body.produce), encoder = std::move(encoder)](BodyWriter& to) {
        return produce_encoded(produce, *encoder, to);
    };
}

}  // namespace spindle::pipeline
