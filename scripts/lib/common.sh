# How scripts speak, find ports, and end the processes that they started, and only those.
# Sourced by scripts/peers.

say() { printf 'peers: %s\n' "$*" >&2; }

die() {
    printf 'peers: error: %s\n' "$*" >&2
    exit 1
}

export_line() { printf 'export %s=%q\n' "$1" "$2"; }

# Prints a port of 127.0.0.1 where nobody listens, below the range that outgoing connections take.
free_port() {
    local port
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    die "no free port between 20000 and 32000"
}

# The start time tells a process from a later one that was given the same id.
process_started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# note_process FILE PID: remembers a process that we started.
note_process() { printf '%s %s\n' "$2" "$(process_started "$2")" >"$1"; }

process_lives() {
    local pid started
    [[ -f $1 ]] || return 1
    read -r pid started <"$1" || return 1
    [[ -n $started && $(process_started "$pid") == "$started" ]] || return 1
    # One that ended and that nobody has waited for yet does not live.
    [[ $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1) != Z ]]
}

# ask_process FILE SIGNAL: sends it, if that very process still lives.
ask_process() {
    local pid
    process_lives "$1" || return 0
    read -r pid _ <"$1"
    kill "-$2" "$pid" 2>/dev/null || true
}

# end_process FILE NAME: waits until a process that was asked to stop has ended; forces it after 20 s.
end_process() {
    local step
    for step in {1..200}; do
        if ! process_lives "$1"; then
            rm -f "$1"
            return 0
        fi
        sleep 0.1
    done
    say "$2 did not stop within 20 s: killed"
    ask_process "$1" KILL
    for step in {1..50}; do
        process_lives "$1" || break
        sleep 0.1
    done
    rm -f "$1"
}

# fail_with_log NAME FILE...: the end of the logs, then the error.
fail_with_log() {
    local name=$1 file
    shift
    for file in "$@"; do
        [[ -s $file ]] || continue
        printf -- '--- %s\n' "$file" >&2
        tail -n 40 "$file" >&2
    done
    die "$name did not start (its log is above)"
}
