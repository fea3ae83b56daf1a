# What must be on the machine for the tests, and how it gets there. Quick when all of it is there.
# Sourced by scripts/peers.

debian_packages=(
    ca-certificates createrepo-c curl dnf gnupg gpgv libsolv-tools openssl postgresql python3-venv rabbitmq-server rpm
    strace zypper
)

install_all() {
    install_debian
    install_python
    local tool
    for tool in createrepo_c curl dnf dumpsolv gpg gpgv openssl psql repo2solv rpm rpmbuild strace zypper; do
        command -v "$tool" >/dev/null || die "$tool is not there although its package is installed"
    done
}

install_debian() {
    local missing=() package
    for package in "${debian_packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing ${missing[*]}"
    # In a shell of its own, so that its trap does not replace the caller's.
    (
        trap 'services_may_start' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        services_may_not_start
        apt_get update
        apt_get install -y --no-install-recommends "${missing[@]}"
    ) || die "apt could not install ${missing[*]}"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >&2
}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# The packages of the servers would start a server of the machine's own. Debian asks this program
# first, under systemd and without it; 101 means no.
policy=/usr/sbin/policy-rc.d
policy_ours=
policy_moved=

services_may_not_start() {
    if [[ -e $policy ]]; then
        local answer=0
        as_root "$policy" rabbitmq-server start >/dev/null 2>&1 || answer=$?
        [[ $answer != 101 ]] || return 0
        as_root mv "$policy" "$policy.before-tannery"
        policy_moved=yes
    fi
    policy_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

services_may_start() {
    [[ -z $policy_ours ]] || as_root rm -f "$policy"
    [[ -z $policy_moved ]] || as_root mv "$policy.before-tannery" "$policy"
}

install_python() {
    local wanted=$root/tests/peers/requirements.txt have=$peers/venv/requirements.txt
    ! cmp -s "$wanted" "$have" || return 0
    say "making the Python environment .peers/venv"
    mkdir -p "$peers"
    rm -rf "$peers/venv"
    # Debian's Python by its path: another one that stands first in PATH may lack what we need.
    /usr/bin/python3 -m venv "$peers/venv" || die "python3 could not make .peers/venv"
    "$peers/venv/bin/python" -m pip --disable-pip-version-check install --quiet --requirement "$wanted" >&2 ||
        die "pip could not install tests/peers/requirements.txt"
    cp "$wanted" "$have"
}
