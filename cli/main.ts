#!/usr/bin/env node
/** The `orca` command. It only hands over: `run` decides, and its answer is the exit code. */
import { processIo } from './io.js';
import { run } from './run.js';

process.exitCode = await run(process.argv.slice(2), processIo());
