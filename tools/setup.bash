# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What `./dev` needs before it can build: sourced by ./dev, which sets `root` (the checkout).
#
# Debian 13 has every library new enough, so there it is only apt-get install. Debian 12 does not:
# five packages come from Debian 13 (trixie), are checked against Debian's archive keyring by an apt
# whose state lies wholly in build/, and are unpacked (not installed) into build/deps. Of the system
# that apt reads one thing, where its Debian mirror is, and changes nothing.
#
# Everything here does nothing, quickly, when its work is done already.

root=${root:?}
deps="$root/build/deps"

# shellcheck disable=SC2034  # used by name, in set_up
{
    build_packages=(g++ cmake ninja-build pkg-config libfmt-dev libspdlog-dev libcli11-dev libcrypt-dev
        zlib1g-dev libbrotli-dev libzstd-dev)
    test_packages=(python3 curl wrk gdb)
    bench_packages=(python3 wrk golang-go)
    lint_packages=(clang-tidy-19 clang-format-19 shellcheck mypy)
    model_packages=(spin gcc)
    fuzz_packages=(clang-19 libclang-rt-19-dev)
}

# Too old in, or missing from, Debian 12. linux-libc-dev: its io_uring.h is of Linux 6.1.
trixie_packages=(liburing-dev libllhttp-dev libtoml11-dev doctest-dev linux-libc-dev)
trixie_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf './dev: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# set_up GROUP...: makes sure that the packages of the named groups are there.
set_up() {
    local wanted=() group
    for group in "$@"; do
        local -n packages_of_group="${group}_packages"
        wanted+=("${packages_of_group[@]}")
    done
    case "$(debian_release)" in
    12)
        install_missing "${wanted[@]}"
        unpack_trixie
        ;;
    none) say "this is not Debian 12 or newer: nothing is installed for you; CMake says what it misses" ;;
    *) install_missing "${wanted[@]}" "${trixie_packages[@]}" ;;
    esac
}

# 12, 13, … ; "newer" for testing, which has no number; "none" for anything that is not Debian.
debian_release() {
    local ID="" VERSION_ID=""
    # shellcheck source=/dev/null
    [[ -r /etc/os-release ]] && . /etc/os-release
    if [[ $ID != debian ]] || ((${VERSION_ID:-99} < 12)); then
        echo none
    else
        echo "${VERSION_ID:-newer}"
    fi
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

install_missing() {
    local package missing=()
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    can_be_root || die "root must install packages, and sudo is not here. As root run:
  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    say "installing ${missing[*]}"
    # A source that is none of ours may fail to update; whether ours are there, the install tells.
    as_root apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install ${missing[*]}"
}

can_be_root() { ((EUID == 0)) || command -v sudo >/dev/null; }

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian 12 only: the trixie packages, unpacked into build/deps.
unpack_trixie() {
    local stamp="$deps/.unpacked" content="trixie ${trixie_packages[*]}"
    [[ -f $stamp && $(<"$stamp") == "$content" ]] && return
    mkdir -p "$root/build"
    exec {lock}>"$root/build/.setup.lock"
    flock "$lock"
    if [[ ! -f $stamp || $(<"$stamp") != "$content" ]]; then
        say "fetching ${trixie_packages[*]} from Debian 13 into build/deps"
        fetch_trixie "$root/build/apt"
        unpack_all "$root/build/apt" "$deps.new"
        echo "$content" >"$deps.new/.unpacked"
        rm -rf "$deps"
        mv "$deps.new" "$deps"
        rm -rf "$root/build/apt"
    fi
    exec {lock}>&-
}

# Downloads into the folder $1, with an apt that knows trixie and nothing else.
fetch_trixie() {
    local folder=$1
    rm -rf "$folder"
    mkdir -p "$folder"/{state/lists/partial,cache/archives/partial,parts,packages}
    : >"$folder/status"
    write_apt_conf "$folder" >"$folder/apt.conf"
    [[ -r $trixie_keyring ]] || die "$trixie_keyring is missing; install debian-archive-keyring"
    printf 'deb [signed-by=%s] %s trixie main\n' "$trixie_keyring" "$(debian_mirror)" >"$folder/sources.list"
    APT_CONFIG="$folder/apt.conf" apt-get update -qq || die "could not read Debian 13's package lists"
    (cd "$folder/packages" && APT_CONFIG="$folder/apt.conf" download "${trixie_packages[@]}") ||
        die "could not download ${trixie_packages[*]} from Debian 13"
}

# How to reach a mirror (proxies and the like: Acquire) is taken over from the system. Hooks and
# pinning are not, and the rules on signatures are set last, so that nothing taken over can relax them.
write_apt_conf() {
    local folder=$1
    apt-config dump | grep '^Acquire::' | grep -v -E '^Acquire::(IndexTargets|Languages)'
    cat <<CONF
Dir::State "$folder/state";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "$folder/parts";
Dir::Etc::main "$folder/parts/none";
Dir::Etc::parts "$folder/parts";
Dir::Etc::preferences "$folder/parts/none";
Dir::Etc::preferencesparts "$folder/parts";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
APT::Get::AllowUnauthenticated "false";
CONF
}

# The mirror that the system has Debian 12 from. --print-uris needs neither lists nor root, and
# understands every notation of a source.
debian_mirror() {
    local mirror
    mirror=$(apt-get update --print-uris 2>/dev/null |
        sed -n -E "s#^'(.*)/dists/(bookworm|oldstable|oldoldstable)/InRelease'.*#\1#p" | head -n 1)
    [[ -n $mirror ]] || die "found no source of Debian 12 in apt's sources"
    echo "$mirror"
}

unpack_all() {
    local folder=$1 target=$2 package
    rm -rf "$target"
    mkdir -p "$target"
    for package in "$folder"/packages/*.deb; do
        dpkg-deb --extract "$package" "$target"
    done
}

# The sandbox user often cannot enter a checkout in somebody's home.
download() { apt-get -o APT::Sandbox::User=root download -qq "$@"; }

# nginx, the peer of `./dev bench`. Installing its package would start a service on port 80, and
# preventing that means a policy-rc.d or a mask in the system. So it is unpacked into build/peers and
# only ever run by the benchmark; the few libraries it needs are those of a system with curl and CMake.
set_up_nginx() {
    local nginx="$root/build/peers/usr/sbin/nginx"
    command -v nginx >/dev/null || [[ -x $nginx ]] && return
    fetch_package nginx build/peers || die "could not fetch nginx; install it yourself (apt-get install nginx-light) and call again"
    "$nginx" -v 2>/dev/null || die "nginx does not run: $(ldd "$nginx" | grep 'not found')"
}

# Chart.js, which the report of a load test carries within it. One file of a package whose others nobody needs.
set_up_charts() {
    local file=usr/share/javascript/chart.js/chart.min.js
    [[ -r /$file || -r $root/build/charts/$file ]] && return
    fetch_package libjs-chart.js build/charts || say "could not fetch libjs-chart.js: reports will have tables alone"
}

# fetch_package PACKAGE FOLDER: unpacks the system's version of it, which apt checks, into the folder.
fetch_package() {
    say "fetching $1 into $2"
    mkdir -p "$root/$2"
    (
        cd "$root/$2" && rm -f "$1"_*.deb &&
            { download "$1" || { can_be_root && as_root apt-get update -qq && download "$1"; }; } &&
            dpkg-deb --extract "$1"_*.deb . && rm "$1"_*.deb
    )
}
