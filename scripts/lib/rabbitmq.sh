# A RabbitMQ of our own: private node name, ports, epmd and files; bound to the loopback address.
# Users: guest with password, and tannery by client certificate (EXTERNAL). Sourced by scripts/peers.

rabbitmq_programs=/usr/lib/rabbitmq/bin

# Starts the broker and does not wait for it.
rabbitmq_launch() {
    rabbitmq_prepare
    "$run/epmd" >"$logs/epmd.log" 2>&1 </dev/null {lock}>&- &
    note_process "$run/epmd.process" $!
    "$run/rabbitmq-server" >"$logs/rabbitmq.out" 2>&1 </dev/null {lock}>&- &
    note_process "$run/rabbitmq.process" $!
}

# Writes what the broker reads, and the programs that are bound to it: epmd, rabbitmq-server and rabbitmqctl in
# the directory $run. The first two run until they are ended.
rabbitmq_prepare() {
    local home=$run/rabbitmq epmd_port
    [[ -x $rabbitmq_programs/rabbitmq-server ]] || die "rabbitmq-server is not at $rabbitmq_programs"
    mkdir -p "$home"
    free_port >"$run/rabbitmq.port"
    free_port >"$run/rabbitmq.tls_port"
    epmd_port=$(free_port)
    rabbitmq_configure "$home" "$epmd_port" "$(free_port)"
    rabbitmq_wrapper "$home" "$run/epmd" epmd -port "$epmd_port" -address 127.0.0.1
    rabbitmq_wrapper "$home" "$run/rabbitmq-server" "$rabbitmq_programs/rabbitmq-server"
    rabbitmq_wrapper "$home" "$run/rabbitmqctl" "$rabbitmq_programs/rabbitmqctl"
    : >"$logs/rabbitmq.log"
}

# rabbitmq_configure HOME EPMD_PORT DISTRIBUTION_PORT
rabbitmq_configure() {
    local home=$1
    rabbitmq_variables=(
        HOME="$home"
        ERL_EPMD_PORT="$2"
        ERL_EPMD_ADDRESS=127.0.0.1
        RABBITMQ_NODENAME="tannery-$$@localhost"
        RABBITMQ_DIST_PORT="$3"
        RABBITMQ_BASE="$home"
        RABBITMQ_MNESIA_BASE="$home/data"
        RABBITMQ_LOG_BASE="$logs"
        RABBITMQ_LOGS="$logs/rabbitmq.log"
        RABBITMQ_PID_FILE="$home/pid"
        RABBITMQ_CONF_ENV_FILE="$home/environment"
        RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf"
        RABBITMQ_ADVANCED_CONFIG_FILE="$home/none.config"
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins"
        RABBITMQ_GENERATED_CONFIG_DIR="$home/generated"
        # Makes the start script become the broker, so that the id we remember is the broker's.
        RUNNING_UNDER_SYSTEMD=yes
        # Waiting schedulers must not spin: two cores are shared with the tests.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
        RABBITMQ_CTL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"
    )
    : >"$home/environment"
    echo '[rabbitmq_auth_mechanism_ssl].' >"$home/plugins"
    rabbitmq_definitions >"$home/definitions.json"
    cat >"$home/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(<"$run/rabbitmq.port")
listeners.ssl.1 = 127.0.0.1:$(<"$run/rabbitmq.tls_port")
ssl_options.cacertfile = $run/tls/ca.pem
ssl_options.certfile = $run/tls/server.pem
ssl_options.keyfile = $run/tls/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
ssl_cert_login_from = common_name
auth_mechanisms.1 = EXTERNAL
auth_mechanisms.2 = PLAIN
auth_mechanisms.3 = AMQPLAIN
load_definitions = $home/definitions.json
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 50MB
log.file.level = info
CONF
}

# A user without a password hash can log in by certificate only.
rabbitmq_definitions() {
    cat <<'JSON'
{
  "vhosts": [{"name": "/"}],
  "users": [
    {"name": "guest", "password": "guest", "tags": "administrator"},
    {"name": "tannery", "password_hash": "", "tags": ""}
  ],
  "permissions": [
    {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
    {"user": "tannery", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
  ]
}
JSON
}

# rabbitmq_wrapper HOME FILE PROGRAM ARGUMENT...: writes a program that runs another one for this broker.
rabbitmq_wrapper() {
    local home=$1 file=$2
    shift 2
    {
        echo '#!/bin/sh'
        printf 'cd %q && exec env' "$home"
        printf ' %q' "${rabbitmq_variables[@]}" "$@"
        printf ' "$@"\n'
    } >"$file"
    chmod 755 "$file"
}

rabbitmq_wait() {
    local step
    for step in {1..900}; do
        ! grep -q 'Server startup complete' "$logs/rabbitmq.log" || return 0
        process_lives "$run/rabbitmq.process" || break
        sleep 0.1
    done
    fail_with_log "RabbitMQ" "$logs/epmd.log" "$logs/rabbitmq.out" "$logs/rabbitmq.log"
}
