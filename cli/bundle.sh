#!/bin/sh
# Makes dist/cli/orca.js of dist/cli/main.js, and dist/parts of what it loads: the CLI, the master and the agent with their packages
# in few files, which start sooner than the many. Each command and program has its own part, loaded when it is asked for. What runs
# from the files below dist itself (tests) does the same. dist/parts.json names those of this build. Then what a node needs of all that.
#
# lmdb is a binary, and dockerode is loaded without half of itself (agent/dockerode.ts): both stay packages.
set -eu
cd "$(dirname "$0")/.."
common='--bundle --platform=node --format=esm --target=node20 --log-level=warning --external:lmdb --outdir=dist'
required="import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"
# shellcheck disable=SC2086 # they are words
node_modules/.bin/esbuild cli/orca=dist/cli/main.js parts/resolver-main=dist/proxy-config/resolver-main.js \
  parts/discovery-main=dist/discovery/discovery-main.js $common --splitting '--chunk-names=parts/[name]-[hash]' \
  --metafile=dist/parts.json "--banner:js=$required"
# The master that tests kill is started some hundred times.
# shellcheck disable=SC2086
node_modules/.bin/esbuild test-programs/dying-server=dist/test/support/dying-server.js $common "--banner:js=$required"
chmod +x dist/cli/orca.js
node dist/cli/pack-node.js
