#!/bin/sh
# Writes one random password per database role into a folder of secrets; keeps those that are already there.
set -eu

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
# The folder keeps other users of this host out. The files are readable by all, since Compose mounts a secret's
# file with its own owner and mode, and every container here runs as a user of its own.
chmod 0700 "$folder"
for name in postgres_password temporal_database_password closures_database_password; do
    file=$folder/$name
    if [ -s "$file" ]; then
        echo "kept $file"
        continue
    fi
    # Hexadecimal: Temporal's configuration template quotes nothing.
    od -An -N 32 -t x1 /dev/urandom | tr -d ' \n' > "$file.new"
    chmod 0444 "$file.new"
    mv "$file.new" "$file"
    echo "wrote $file"
done
