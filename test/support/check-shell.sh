#!/bin/sh
# Checks the shell scripts with shellcheck where it is installed, and with the shell's own parser everywhere.
set -eu
cd "$(dirname "$0")/../.."
for script in install.sh .ci/run cli/*.sh test/support/*.sh; do
  case $(head -n 1 "$script") in *bash) shell="bash" ;; *) shell="sh" ;; esac
  "$shell" -n "$script"
done
if command -v shellcheck >/dev/null 2>&1; then
  shellcheck install.sh .ci/run cli/*.sh test/support/*.sh
else
  echo "check: shellcheck is not installed (apt-get install shellcheck); only the syntax was checked"
fi
