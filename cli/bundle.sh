#!/bin/sh
# Makes dist/cli/orca.js of dist/cli/main.js: the CLI with its packages in one file, which starts in less than half the
# time. The server and the agent stay as they are, and are loaded from beside it. Then what a node needs of all that.
set -eu
cd "$(dirname "$0")/.."
node_modules/.bin/esbuild dist/cli/main.js --bundle --platform=node --format=esm --target=node20 --log-level=warning \
  --external:./programs.js --outfile=dist/cli/orca.js \
  --banner:js="import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"
chmod +x dist/cli/orca.js
node dist/cli/pack-node.js
