#!/bin/sh
# Writes the secrets into a folder: a random password per database role, the codec server's token and the keys that
# payloads are encrypted under. Keeps those that are already there.
set -eu

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
# The folder keeps other users of this host out. The files are readable by all, since Compose mounts a secret's
# file with its own owner and mode, and every container here runs as a user of its own.
chmod 0700 "$folder"
# Puts what the command after the name prints into the secret of that name, unless there is one.
write() {
    file=$folder/$1
    shift
    if [ -s "$file" ]; then
        echo "kept $file"
        return
    fi
    "$@" > "$file.new"
    chmod 0444 "$file.new"
    mv "$file.new" "$file"
    echo "wrote $file"
}

# Hexadecimal: Temporal's configuration template quotes nothing.
random_hex() {
    od -An -N "$1" -t x1 /dev/urandom | tr -d ' \n'
}

# As `python -m keys.payload_keys new` makes it, which needs Python; its `rotate FILE` works on this file.
payload_keys() {
    key_id=$(date -u +%Y-%m-%d)-$(random_hex 3)
    key=$(head -c 32 /dev/urandom | base64)
    printf '{"current": "%s", "keys": {"%s": "%s"}}\n' "$key_id" "$key_id" "$key"
}

for name in postgres_password temporal_database_password closures_database_password codec_token; do
    write "$name" random_hex 32
done
write payload_keys payload_keys
