# SPDX-License-Identifier: Apache-2.0
#
# What Spindle is built on. `./dev` fetches all of it; without `./dev`, a library that is missing or too
# old stops the configuration and names the package to install.
#
#   spindle_deps::liburing, spindle_deps::llhttp     static, so that the binary runs where neither is installed
#   spindle_deps::crypt                              libxcrypt, of the system
#   toml11::toml11, fmt::fmt, spdlog::spdlog, CLI11::CLI11, doctest::doctest, Threads::Threads
#   PkgConfig::zlib, PkgConfig::brotli, PkgConfig::zstd    compressors
include_guard(GLOBAL)

# Where ./dev unpacks packages of a newer Debian; what is there goes before the system's.
set(SPINDLE_DEPS_DIR ${PROJECT_SOURCE_DIR}/build/deps/usr CACHE PATH "A prefix searched before the system's")
list(PREPEND CMAKE_PREFIX_PATH ${SPINDLE_DEPS_DIR})

function(spindle_missing name wanted package found)
    if(found)
        set(found " (${found} is here)")
    endif()
    message(FATAL_ERROR
        "Spindle needs ${name} >= ${wanted}${found}.\n"
        "Debian 13 and newer:  apt-get install ${package}\n"
        "Debian 12:            ./dev build    (unpacks ${package} of Debian 13 into build/deps)")
endfunction()

# spindle_config_package(NAME VERSION DEBIAN_PACKAGE): a library that brings its CMake configuration.
macro(spindle_config_package name wanted package)
    # QUIET, and the version compared here, so that there is one message, which says what to do.
    find_package(${name} CONFIG QUIET)
    if(NOT ${name}_FOUND OR ${name}_VERSION VERSION_LESS ${wanted})
        spindle_missing(${name} ${wanted} ${package} "${${name}_VERSION}")
    endif()
endmacro()

# spindle_header_version(OUT FILE MAJOR MINOR): "major.minor" from two #define lines.
function(spindle_header_version out file major minor)
    set(version "")
    if(EXISTS "${file}")
        file(READ "${file}" text)
        if(text MATCHES "#define[ \t]+${major}[ \t]+([0-9]+)")
            set(version ${CMAKE_MATCH_1})
        endif()
        if(text MATCHES "#define[ \t]+${minor}[ \t]+([0-9]+)")
            string(APPEND version ".${CMAKE_MATCH_1}")
        endif()
    endif()
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

# spindle_static_library(NAME WANTED PACKAGE ARCHIVE HEADER VERSION_HEADER MAJOR MINOR): spindle_deps::NAME
function(spindle_static_library name wanted package archive header version_header major minor)
    find_path(SPINDLE_${name}_INCLUDE ${header})
    find_library(SPINDLE_${name}_LIBRARY ${archive})
    spindle_header_version(version "${SPINDLE_${name}_INCLUDE}/${version_header}" ${major} ${minor})
    if(NOT SPINDLE_${name}_LIBRARY OR NOT version OR version VERSION_LESS wanted)
        # Forgotten, so that installing the package and configuring again is enough.
        unset(SPINDLE_${name}_INCLUDE CACHE)
        unset(SPINDLE_${name}_LIBRARY CACHE)
        spindle_missing(${name} ${wanted} ${package} "${version}")
    endif()
    message(STATUS "${name} ${version}: ${SPINDLE_${name}_LIBRARY}")
    add_library(spindle_deps::${name} STATIC IMPORTED GLOBAL)
    set_target_properties(spindle_deps::${name} PROPERTIES
        IMPORTED_LOCATION ${SPINDLE_${name}_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${SPINDLE_${name}_INCLUDE})
endfunction()

# spindle_pkg_config_package(NAME WANTED MODULE DEBIAN_PACKAGE): PkgConfig::NAME
macro(spindle_pkg_config_package name wanted module package)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL "${module}>=${wanted}")
    if(NOT ${name}_FOUND)
        spindle_missing(${name} ${wanted} ${package} "")
    endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
spindle_static_library(liburing 2.9 liburing-dev liburing.a
    liburing.h liburing/io_uring_version.h IO_URING_VERSION_MAJOR IO_URING_VERSION_MINOR)
spindle_static_library(llhttp 9.2 libllhttp-dev libllhttp.a
    llhttp.h llhttp.h LLHTTP_VERSION_MAJOR LLHTTP_VERSION_MINOR)
find_path(SPINDLE_crypt_INCLUDE crypt.h)
find_library(SPINDLE_crypt_LIBRARY crypt)
if(NOT SPINDLE_crypt_INCLUDE OR NOT SPINDLE_crypt_LIBRARY)
    spindle_missing(libxcrypt 4.4 libcrypt-dev "")
endif()
add_library(spindle_deps::crypt UNKNOWN IMPORTED GLOBAL)
set_target_properties(spindle_deps::crypt PROPERTIES
    IMPORTED_LOCATION ${SPINDLE_crypt_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SPINDLE_crypt_INCLUDE})
find_package(PkgConfig REQUIRED)
spindle_pkg_config_package(zlib 1.2 zlib zlib1g-dev)
spindle_pkg_config_package(brotli 1.0 libbrotlienc libbrotli-dev)
spindle_pkg_config_package(zstd 1.4 libzstd libzstd-dev)
spindle_config_package(toml11 4.4 libtoml11-dev)
spindle_config_package(fmt 9.1 libfmt-dev)
spindle_config_package(spdlog 1.10 libspdlog-dev)
spindle_config_package(CLI11 2.1 libcli11-dev)
if(SPINDLE_BUILD_TESTS)
    spindle_config_package(doctest 2.4.11 doctest-dev)
endif()

# The kernel's own headers of the unpacked prefix, for every target: io_uring.h of Linux 6.1 lacks much,
# and a file that sees another one than liburing.h was written for compiles, and is wrong.
if(EXISTS ${SPINDLE_DEPS_DIR}/include/linux/io_uring.h)
    include_directories(BEFORE SYSTEM ${SPINDLE_DEPS_DIR}/include)
    include_directories(SYSTEM ${SPINDLE_DEPS_DIR}/include/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
