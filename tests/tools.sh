#!/usr/bin/env bash
# Installs what the tests run beside Python packages, through apt when root on Debian; else says what is missing.
# Those tests are then skipped, but with CI set a missing tool is an error.
set -euo pipefail

# A program, and the Debian package that brings it.
declare -A packages=(
    [chromium]=chromium
    [firefox-esr]=firefox-esr
    [WebKitWebDriver]=webkit2gtk-driver
    [Xvfb]=xvfb
    [redis-server]=redis-server
    [nginx]=nginx-light
    [curl]=curl
    [ip]=iproute2
    [node]=nodejs
    [npm]=npm
)

missing() {
    local program
    for program in "${!packages[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || echo "$program"
    done
}

# The packages' services: neither started now (policy-rc.d, which apt asks) nor at the next boot.
install() {
    local policy=/usr/sbin/policy-rc.d service
    if [ ! -e "$policy" ]; then
        trap "rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
    for service in redis-server nginx; do
        if [[ " $* " == *" $service"* ]] && [ -d /run/systemd/system ]; then
            systemctl disable --quiet "$service"
        fi
    done
}

mapfile -t programs < <(missing)
if [ ${#programs[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
    wanted=()
    for program in "${programs[@]}"; do wanted+=("${packages[$program]}"); done
    echo "Installing ${wanted[*]}"
    install "${wanted[@]}"
    mapfile -t programs < <(missing)
fi
if [ ${#programs[@]} -gt 0 ]; then
    echo "Missing for some of the tests: ${programs[*]}. Please install them, e.g. on Debian:"
    for program in "${programs[@]}"; do echo "    apt install ${packages[$program]}"; done
    [ -z "${CI:-}" ]
fi
