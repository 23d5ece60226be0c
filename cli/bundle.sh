#!/bin/sh
# Makes dist/cli/orca.js of dist/cli/main.js, and dist/parts of what it loads: the CLI, the master and the agent with their packages
# in few files, which start sooner than the many. Each command and program has its own part, loaded when it is asked for. What runs
# from the files below dist itself (tests) does the same. dist/parts.json names those of this build. Then what a node needs of all that.
#
# Each file is put in its place whole, those that others load first, and only where it has changed: programs start from here meanwhile (install.sh
# builds again over what runs).
#
# lmdb is a binary, and dockerode is loaded without half of itself (agent/dockerode.ts): both stay packages.
set -eu
cd "$(dirname "$0")/.."
made=dist/bundle.partial
rm -rf "$made"
common="--bundle --platform=node --format=esm --target=node20 --log-level=warning --external:lmdb --outdir=$made"
required="import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"
# shellcheck disable=SC2086 # they are words
node_modules/.bin/esbuild cli/orca=dist/cli/main.js parts/resolver-main=dist/proxy-config/resolver-main.js \
  parts/discovery-main=dist/discovery/discovery-main.js $common --splitting '--chunk-names=parts/[name]-[hash]' \
  "--metafile=$made/parts.json" "--banner:js=$required"
# The master that tests kill is started some hundred times.
# shellcheck disable=SC2086
node_modules/.bin/esbuild test-programs/dying-server=dist/test/support/dying-server.js $common "--banner:js=$required"
chmod +x "$made/cli/orca.js"
sed "s|$made/|dist/|g" "$made/parts.json" >"$made/parts.json.new"
mv "$made/parts.json.new" "$made/parts.json"

place() { # place FILE: relative to dist
  cmp -s "$made/$1" "dist/$1" || mv -f "$made/$1" "dist/$1"
}
mkdir -p dist/cli dist/parts dist/test-programs
for chunk in "$made"/parts/*-????????.js; do place "parts/${chunk##*/}"; done
for entry in parts/resolver-main.js parts/discovery-main.js cli/orca.js test-programs/dying-server.js parts.json; do place "$entry"; done
rm -rf "$made"
node dist/cli/pack-node.js
