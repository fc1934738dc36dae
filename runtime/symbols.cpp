// SPDX-License-Identifier: Apache-2.0
#include "runtime/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace spindle::runtime {
namespace {

/// A file mapped for reading, empty if that cannot be.
class MappedFile {
  public:
    explicit MappedFile(const char* path) {
        const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) return;
        struct stat status{};
        if (::fstat(descriptor, &status) == 0 && status.st_size > 0) {
            const auto bytes = static_cast<std::size_t>(status.st_size);
            void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
            if (memory != MAP_FAILED) bytes_ = {static_cast<const std::byte*>(memory), bytes};
        }
        ::close(descriptor);
    }
    ~MappedFile() {
        if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    /// `count` objects at `offset`; empty if the file does not hold them.
    template <typename T>
    [[nodiscard]] std::span<const T> at(std::uint64_t offset, std::uint64_t count) const {
        if (offset > bytes_.size() || count > (bytes_.size() - offset) / sizeof(T)) return {};
        if (offset % alignof(T) != 0) return {};
        return {reinterpret_cast<const T*>(bytes_.data() + offset), static_cast<std::size_t>(count)};
    }

  private:
    std::span<const std::byte> bytes_;
};

struct Function {
    std::uint64_t begin;  // as linked: add the load address
    std::uint64_t size;
    std::string name;
};

std::vector<Function> functions_of(const MappedFile& file, std::span<const Elf64_Shdr> sections,
                                   const Elf64_Shdr& table) {
    std::vector<Function> functions;
    if (table.sh_link >= sections.size()) return functions;
    const Elf64_Shdr& names_section = sections[table.sh_link];
    const auto names = file.at<char>(names_section.sh_offset, names_section.sh_size);
    for (const Elf64_Sym& symbol : file.at<Elf64_Sym>(table.sh_offset, table.sh_size / sizeof(Elf64_Sym))) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0 || symbol.st_name >= names.size())
            continue;
        const auto name = names.subspan(symbol.st_name);
        functions.push_back({symbol.st_value, symbol.st_size, {name.data(), ::strnlen(name.data(), name.size())}});
    }
    return functions;
}

/// The executable's functions, by address.
std::vector<Function> read_functions() {
    const MappedFile file("/proc/self/exe");
    const auto header = file.at<Elf64_Ehdr>(0, 1);
    if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
    const auto sections = file.at<Elf64_Shdr>(header[0].e_shoff, header[0].e_shnum);
    for (const Elf64_Shdr& section : sections) {
        if (section.sh_type != SHT_SYMTAB) continue;
        std::vector<Function> functions = functions_of(file, sections, section);
        std::ranges::sort(functions, {}, &Function::begin);
        return functions;
    }
    return {};
}

/// The load address of the executable: what to subtract from an address to find it in its file.
std::uintptr_t load_address() noexcept {
    std::uintptr_t base = 0;
    // The first one is the executable.
    auto take_first = [](dl_phdr_info* info, std::size_t, void* into) {
        *static_cast<std::uintptr_t*>(into) = info->dlpi_addr;
        return 1;
    };
    ::dl_iterate_phdr(take_first, &base);
    return base;
}

const Function* function_at(std::uintptr_t address) {
    static const std::vector<Function> functions = read_functions();
    static const std::uintptr_t base = load_address();
    const std::uint64_t linked = address - base;
    auto behind = std::ranges::upper_bound(functions, linked, {}, &Function::begin);
    if (address < base || behind == functions.begin()) return nullptr;
    const Function& candidate = *std::prev(behind);
    return linked - candidate.begin < std::max<std::uint64_t>(candidate.size, 1) ? &candidate : nullptr;
}

std::string hexadecimal(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

/// A coroutine's frame function is called "f(f(int)::_Z1fi.Frame*) [clone .actor]" by g++: "f (coroutine)" says as much.
std::string shortened(std::string name) {
    if (!name.ends_with("[clone .actor]")) return name;
    for (std::size_t at = name.find('('); at != std::string::npos; at = name.find('(', at + 1)) {
        if (name.compare(at + 1, at, name, 0, at) == 0) return name.substr(0, at) + " (coroutine)";
    }
    return name;
}

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> readable(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                               &std::free);
    return status == 0 ? shortened(readable.get()) : name;
}

}  // namespace

std::string describe_address(const void* address) {
    const auto number = reinterpret_cast<std::uintptr_t>(address);
    if (const Function* function = function_at(number)) {
        const std::uint64_t begin = function->begin + load_address();
        return demangled(function->name.c_str()) + "+" + hexadecimal(number - begin);
    }
    Dl_info info{};
    if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return hexadecimal(number);
    if (info.dli_sname != nullptr) {
        return demangled(info.dli_sname) + "+" + hexadecimal(number - reinterpret_cast<std::uintptr_t>(info.dli_saddr));
    }
    const std::string_view path = info.dli_fname;
    return std::string(path.substr(path.rfind('/') + 1)) + "+" +
           hexadecimal(number - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
}

}  // namespace spindle::runtime
