#!/bin/sh
# Creates the namespace, or brings its retention up to the setting, and returns when the server answers for it.
set -eu

: "${TEMPORAL_NAMESPACE:?}" "${NAMESPACE_RETENTION:?}"

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1; then
    temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
fi

# A new namespace is known to every part of the server some seconds later.
tries=30
until temporal workflow count --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "namespace: the server does not answer for $TEMPORAL_NAMESPACE" >&2
        exit 1
    fi
    sleep 2
done
