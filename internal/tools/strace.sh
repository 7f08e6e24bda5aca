#!/bin/sh
# strace.sh finds or installs strace, by which a test makes the syncs of a real
# process fail. It always succeeds: where it cannot be had that test is skipped
# and says so.
set -u

if path=$(command -v strace); then
	echo "strace: $path"
elif ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo 'strace: none found; the test with failing syncs of a real process is skipped now.'
elif { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends strace; } >/dev/null 2>&1 </dev/null; then
	echo "strace: $(command -v strace)"
else
	echo 'strace: apt-get could not install it; the test with failing syncs of a real process is skipped now.'
fi
