#!/bin/sh
# chromium.sh finds the browser that the page tests drive, or installs it.
# It always succeeds: where no browser can be had it says what to install, and
# the tests that need one are skipped with that reason.
set -u

for name in headless_shell chromium chromium-browser google-chrome google-chrome-stable chrome; do
	if path=$(command -v "$name"); then
		echo "browser: $path"
		exit 0
	fi
done
if [ -x '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome' ]; then
	echo 'browser: Google Chrome'
	exit 0
fi

if ! command -v apt-get >/dev/null; then
	echo 'browser: none found. Install Chromium or Google Chrome to run the page tests; they are skipped now.'
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo 'browser: none found. `sudo apt-get install chromium` lets the page tests run; they are skipped now.'
	exit 0
fi

echo 'browser: none found, installing chromium with apt-get'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if apt-get update >"$log" 2>&1 </dev/null &&
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		chromium fonts-dejavu-core >>"$log" 2>&1 </dev/null; then
	echo "browser: $(command -v chromium)"
else
	tail -5 "$log"
	echo 'browser: apt-get could not install chromium (its last words are above); the page tests are skipped now.'
fi
