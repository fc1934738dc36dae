// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/folder_listing.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "runtime/io.hpp"
#include "server/handlers/file_failure.hpp"
#include "server/http/accept.hpp"
#include "server/http/escape.hpp"
#include "server/http/percent.hpp"

namespace spindle::handlers {

using http::Request;
using http::Response;
using runtime::task;

namespace {

/// More are left out, and the page says so: nobody reads them, and a page of millions would be an attack.
constexpr std::size_t kEntriesMax = 10'000;

struct Entry {
    std::string name;
    bool folder = false;
    std::uint64_t size = 0;
    std::time_t modified = 0;
};

struct Entries {
    std::vector<Entry> list;
    bool more = false;
    int error = 0;
};

/// As StaticRoot opens it: what a link leads to, if it is followed and that lies in the folder.
bool look_at(int folder, const char* name, std::uint64_t resolution, struct stat& status) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = resolution;
    const Descriptor found(static_cast<int>(::syscall(SYS_openat2, folder, name, &how, sizeof how)));
    return found.get() >= 0 && ::fstat(found.get(), &status) == 0;
}

// Blocks.
Entries read_entries(const File& folder, std::uint64_t resolution) {
    Entries entries;
    const int number = ::openat(folder.descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(number < 0 ? nullptr : ::fdopendir(number), &::closedir);
    if (stream == nullptr) {
        entries.error = errno;
        if (number >= 0) ::close(number);
        return entries;
    }
    while (const dirent* entry = ::readdir(stream.get())) {
        if (entry->d_name[0] == '.') continue;
        struct stat status{};
        if (!look_at(number, entry->d_name, resolution, status)) continue;
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
        if (entries.list.size() == kEntriesMax) {
            entries.more = true;
            break;
        }
        entries.list.push_back({.name = entry->d_name,
                                .folder = S_ISDIR(status.st_mode),
                                .size = static_cast<std::uint64_t>(status.st_size),
                                .modified = status.st_mtim.tv_sec});
    }
    return entries;
}

// ---- order

enum class Key : std::uint8_t { name, size, modified };
constexpr std::array<std::pair<Key, std::string_view>, 3> kKeys{
    {{Key::name, "name"}, {Key::size, "size"}, {Key::modified, "modified"}}};

struct Order {
    Key key = Key::name;
    bool descending = false;
};

Order order_of(const Request& request) {
    Order order;
    const auto sort = request.query_value("sort");
    for (const auto& [key, name] : kKeys) {
        if (sort == name) order.key = key;
    }
    order.descending = request.query_value("order") == "desc";
    return order;
}

void sort(std::vector<Entry>& entries, Order order) {
    const auto before = [order](const Entry& a, const Entry& b) {
        if (a.folder != b.folder) return a.folder;
        const Entry& first = order.descending ? b : a;
        const Entry& second = order.descending ? a : b;
        if (order.key == Key::size && a.size != b.size && !a.folder) return first.size < second.size;
        if (order.key == Key::modified && a.modified != b.modified) return first.modified < second.modified;
        return first.name < second.name;
    };
    std::ranges::sort(entries, before);
}

// ---- as JSON

std::string to_json(const Entries& entries) {
    std::string text = "[";
    for (const Entry& entry : entries.list) {
        text += text.size() > 1 ? ",\n{\"name\":\"" : "\n{\"name\":\"";
        http::append_json_text(text, entry.name);
        text += fmt::format(R"(","type":"{}")", entry.folder ? "folder" : "file");
        if (!entry.folder) text += fmt::format(R"(,"size":{})", entry.size);
        text += fmt::format(R"(,"modified":"{:%FT%TZ}"}})", fmt::gmtime(entry.modified));
    }
    return text + "\n]\n";
}

// ---- as a page

void append_escaped_html(std::string& page, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '&': page += "&amp;"; break;
            case '<': page += "&lt;"; break;
            case '>': page += "&gt;"; break;
            case '"': page += "&quot;"; break;
            case '\'': page += "&#39;"; break;
            default: page += c;
        }
    }
}

std::string readable(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 6> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.25rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}"
    "th{text-align:left}th,td{padding:.4rem .6rem;border-bottom:1px solid #8884}"
    "td:first-child{overflow-wrap:anywhere}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "a{text-decoration:none}a:hover{text-decoration:underline}"
    "@media(max-width:34rem){.t{display:none}}";

void append_heading(std::string& page, Key key, std::string_view title, std::string_view css, Order order) {
    const bool current = key == order.key;
    const bool turns = current && !order.descending;
    page += fmt::format(R"(<th scope="col" class="{}"{}><a href="?sort={}{}">{}{}</a></th>)", css,
                        !current           ? ""
                        : order.descending ? " aria-sort=\"descending\""
                                           : " aria-sort=\"ascending\"",
                        kKeys[static_cast<std::size_t>(key)].second, turns ? "&amp;order=desc" : "", title,
                        !current           ? ""
                        : order.descending ? " &#9662;"
                                           : " &#9652;");
}

void append_row(std::string& page, const Entry& entry) {
    page += R"(<tr><td><a href="./)";
    std::string reference;
    http::append_encoded_path(reference, entry.name);
    append_escaped_html(page, reference);
    page += entry.folder ? "/\">" : "\">";
    append_escaped_html(page, entry.name);
    page += fmt::format("{}</a></td><td class=\"n\">{}</td><td class=\"n t\">{:%F %R}</td></tr>\n",
                        entry.folder ? "/" : "", entry.folder ? "" : readable(entry.size), fmt::gmtime(entry.modified));
}

std::string to_page(const Entries& entries, std::string_view path, Order order) {
    std::string page =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\"><title>";
    append_escaped_html(page, path);
    page.append("</title><style>").append(kStyle).append("</style></head>\n<body><h1>");
    append_escaped_html(page, path);
    page += "</h1>\n<table><thead><tr>";
    append_heading(page, Key::name, "Name", "", order);
    append_heading(page, Key::size, "Size", "n", order);
    append_heading(page, Key::modified, "Modified (UTC)", "n t", order);
    page += "</tr></thead><tbody>\n";
    if (path != "/") page += "<tr><td><a href=\"../\">../</a></td><td class=\"n\"></td><td class=\"n t\"></td></tr>\n";
    for (const Entry& entry : entries.list) append_row(page, entry);
    page += "</tbody></table>\n";
    if (entries.more) page += fmt::format("<p>Only {} entries are shown.</p>\n", kEntriesMax);
    return page + "</body></html>\n";
}

/// Rather than a page.
bool wants_json(const Request& request) {
    const std::string_view accept = request.field("Accept").value_or("");
    return http::weight_of_type(accept, "application/json") > http::weight_of_type(accept, "text/html");
}

}  // namespace

task<Response> list_folder(const Request& request, const StaticRoot& root, FilePointer folder) {
    auto read = [&] { return read_entries(*folder, root.resolution()); };
    auto entries = co_await runtime::blocking(read);
    if (!entries) co_return Response::busy("too much to do to read the folder\n");
    if (entries->error != 0) co_return failed(entries->error);
    const Order order = order_of(request);
    sort(entries->list, order);
    Response response;
    const bool json = wants_json(request);
    response.content_type = json ? "application/json" : "text/html; charset=utf-8";
    response.body = json ? to_json(*entries) : to_page(*entries, request.path, order);
    response.set("Vary", "Accept").set("Cache-Control", "no-cache");
    co_return response;
}

}  // namespace spindle::handlers
