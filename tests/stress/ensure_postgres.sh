#!/bin/sh
# Find a PostgreSQL server, or install Debian's where that needs no password. Fails without one.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
command -v initdb >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing PostgreSQL for the stress tests" >&2
    mkdir -p /etc/postgresql-common # the tests start a server of their own: no cluster is needed
    [ -e /etc/postgresql-common/createcluster.conf ] \
        || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    export DEBIAN_FRONTEND=noninteractive
    for attempt in 1 2 3; do
        if apt-get update -qq && apt-get install -y -qq postgresql; then
            exit 0
        fi
        sleep $((attempt * 5))
    done >&2
fi
echo "no PostgreSQL server is installed; try: apt-get install postgresql" >&2
exit 1
