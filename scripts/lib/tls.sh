# Whom do broker and client trust? A certificate authority made for one run, a server certificate
# for the loopback address, and a client certificate whose common name is the broker's user.
# Sourced by scripts/peers.

tls_make() {
    local dir=$run/tls
    mkdir -p "$dir"
    tls_authority "$dir"
    tls_certificate "$dir" server localhost "extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1"
    tls_certificate "$dir" client tannery "extendedKeyUsage=clientAuth"
    # For the tests of refusal: a client that trusts the broker and that the broker does not trust
    # (ca.pem, client.pem, client.key), and an authority that the broker's certificate is not of.
    mkdir -p "$dir/stranger"
    tls_authority "$dir/stranger"
    tls_certificate "$dir/stranger" client tannery "extendedKeyUsage=clientAuth"
    mv "$dir/stranger/ca.pem" "$dir/stranger/authority.pem"
    cp "$dir/ca.pem" "$dir/stranger/ca.pem"
}

tls_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 \
        -subj "/CN=Tannery test authority" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$1/ca.key" -out "$1/ca.pem" 2>"$logs/openssl.log" ||
        fail_with_log "the certificate authority" "$logs/openssl.log"
}

# tls_certificate DIR NAME COMMON_NAME EXTENSIONS: makes NAME.pem and NAME.key (PKCS#8).
tls_certificate() {
    local dir=$1 name=$2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" \
        -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>"$logs/openssl.log" &&
        openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 7 \
            -extfile <(printf '%s\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n' "$4") \
            -out "$dir/$name.pem" 2>"$logs/openssl.log" ||
        fail_with_log "the certificate of $name" "$logs/openssl.log"
    rm -f "$dir/$name.csr"
}
