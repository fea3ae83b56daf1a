# A PostgreSQL of our own, on the loopback address, for one run. Its data is in a new directory
# below /tmp: PostgreSQL refuses root, and the user that Debian made for it may not be
# able to reach the place where the project lies. Sourced by scripts/peers.

postgres_start() {
    local programs port data
    programs=$(postgres_programs)
    postgres_ensure_user
    data=$(mktemp -d /tmp/tannery-postgres.XXXXXX)
    echo "$data" >"$run/postgres.data"
    if [[ $(id -u) == 0 ]]; then chown postgres: "$data"; fi
    port=$(free_port)
    echo "$port" >"$run/postgres.port"
    : >"$logs/postgres.log"
    as_postgres "$data" "$programs/initdb" --pgdata="$data/cluster" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$logs/initdb.log" 2>&1 ||
        fail_with_log "PostgreSQL (initdb)" "$logs/initdb.log"
    postgres_configure "$port" | as_postgres "$data" tee -a "$data/cluster/postgresql.conf" >/dev/null
    as_postgres "$data" "$programs/pg_ctl" --pgdata="$data/cluster" --wait --timeout=60 start \
        >>"$logs/postgres.log" 2>&1 </dev/null {lock}>&- ||
        fail_with_log "PostgreSQL" "$logs/postgres.log"
    note_process "$run/postgres.process" "$(as_postgres "$data" head -n 1 "$data/cluster/postmaster.pid")"
    psql -X -q -v ON_ERROR_STOP=1 -d "postgres://postgres@127.0.0.1:$port/postgres" \
        -c 'CREATE ROLE tannery LOGIN CREATEDB' || fail_with_log "PostgreSQL" "$logs/postgres.log"
}

# Safe against a crash of a test, not of the machine: these data are thrown away after the run.
postgres_configure() {
    cat <<CONF
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 64MB
dynamic_shared_memory_type = mmap
log_min_messages = warning
CONF
}

postgres_programs() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [[ -x $found/initdb ]] || die "no initdb below /usr/lib/postgresql"
    echo "$found"
}

postgres_ensure_user() {
    [[ $(id -u) != 0 ]] || id postgres >/dev/null 2>&1 || die "the user postgres of Debian's package is not there"
}

# as_postgres HOME CMD...
as_postgres() {
    local home=$1
    shift
    if [[ $(id -u) == 0 ]]; then
        (cd "$home" && exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME="$home" "$@")
    else
        (cd "$home" && exec "$@")
    fi
}

# Removes the data of a server that has ended.
postgres_clear() {
    local data
    [[ -f $run/postgres.data ]] || return 0
    data=$(<"$run/postgres.data")
    [[ $data == /tmp/tannery-postgres.* ]] && rm -rf -- "$data"
}
