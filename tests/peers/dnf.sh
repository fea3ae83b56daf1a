# Stock dnf with one repository and nothing else: no repository, plugin or cache of the machine takes part, and
# dnf's own state lies below the install root. Sourced by the tools `dnf-*`.

# dnf_prepare REPOSITORY ROOT: REPOSITORY is a base URL, or the URL or path of a `.repo` file.
dnf_prepare() {
    local repository=$1
    mkdir -p "$2"
    root=$(cd "$2" && pwd)
    state=$root/.dnf
    mkdir -p "$state/repos"
    if [[ $repository == *.repo ]]; then
        [[ $repository == *://* ]] || repository=file://$(realpath "$repository")
        curl --silent --show-error --fail --noproxy '*' -o "$state/repos/tannery.repo" "$repository"
    else
        printf '[tannery]\nname=tannery\nbaseurl=%s\nenabled=1\ngpgcheck=0\n' "$repository" >"$state/repos/tannery.repo"
    fi
    cat >"$state/dnf.conf" <<CONF
[main]
reposdir=$state/repos
varsdir=$state/vars
cachedir=$state/cache
persistdir=$state/persist
logdir=$state/log
pluginpath=$state/plugins
pluginconfpath=$state/plugins
plugins=False
gpgcheck=False
proxy=
# A repository that cannot be read is a failure, never passed over.
skip_if_unavailable=False
metadata_expire=0
retries=1
CONF
}

# dnf_run ARGUMENT...: runs dnf over what was prepared.
dnf_run() {
    env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY "${TANNERY_PEERS_DNF:-dnf}" \
        --config="$state/dnf.conf" --installroot="$root" --releasever=1 --assumeyes "$@"
}
