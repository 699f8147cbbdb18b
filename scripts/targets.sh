# What releases are built for, and with what. Sourced, after tools.sh, by scripts/setup-release and scripts/release.
# shellcheck shell=bash

# The architectures of a release, by the names that its files have.
ARCHITECTURES=(x86_64 arm64)

# The program that lists the crates: its version, changed here by hand, and where it is, or has to be installed.
CYCLONEDX_VERSION=0.5.9
CYCLONEDX_ROOT=$CACHE/cargo-cyclonedx-$CYCLONEDX_VERSION

# The architecture of this machine.
host_arch() {
    case $(uname -m) in
    x86_64 | amd64) echo x86_64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
    esac
}

# musl, because a program that needs no library of the machine runs on each Linux of that architecture.
rust_target() {
    case $1 in
    x86_64) echo x86_64-unknown-linux-musl ;;
    arm64) echo aarch64-unknown-linux-musl ;;
    *) die "no architecture '$1'. There are: ${ARCHITECTURES[*]}" ;;
    esac
}

# The C compiler for an architecture: musl's on a machine of the same one, elsewhere Debian's cross compiler, whose headers
# are those of glibc. That is enough for what C there is (of all crates ring alone has some: arithmetic, no library).
c_compiler() {
    case $1:$(host_arch) in
    x86_64:x86_64 | arm64:arm64) echo musl-gcc ;;
    x86_64:*) echo x86_64-linux-gnu-gcc ;;
    arm64:*) echo aarch64-linux-gnu-gcc ;;
    esac
}

# The Debian packages that have it.
c_packages() {
    case $1:$(host_arch) in
    x86_64:x86_64 | arm64:arm64) echo musl-tools ;;
    x86_64:*) echo gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;;
    arm64:*) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
    esac
}
