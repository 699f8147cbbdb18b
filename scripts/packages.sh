# Installs Debian packages without starting what is in them. Sourced, after tools.sh, by scripts/setup and
# scripts/setup-bench.
# shellcheck shell=bash

# install_packages PACKAGE...
install_packages() {
    local by_hand="sudo apt-get install $*" as_root
    command -v apt-get >/dev/null || die "missing: $*. Install with your package manager."
    if [ "$(id -u)" = 0 ]; then
        as_root=(env)
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        die "missing: $*. Install them: $by_hand"
    fi
    note "installing $* with apt-get"
    apt_get "$@" || die "apt-get failed. Try: $by_hand"
}

# lastseat runs a Redis, a Prometheus, an nginx and a PostgreSQL of its own where it needs them. Installing the packages must not
# start the system's ones: Debian asks /usr/sbin/policy-rc.d before it starts a service, and 101 means "not allowed".
apt_get() {
    "${as_root[@]}" bash -euo pipefail -s -- "$@" <<'ROOT'
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get update -qq </dev/null
apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
# Nor at the next boot: package and service.
for pair in redis-server:redis-server prometheus:prometheus nginx-light:nginx postgresql:postgresql; do
    case " $* " in *" ${pair%:*} "*)
        if [ -d /run/systemd/system ]; then systemctl --quiet disable "${pair#*:}" || true; fi ;;
    esac
done
ROOT
}
