/**
 * A program beside each bed of a test: it waits until the test's process has ended, however it did (the pipe to it closes),
 * and removes what is left of the bed. In a session of its own, so that Ctrl-C does not reach it.
 */
import { removeBed } from './testbed-removal.js';

process.stdin.resume().once('close', () => removeBed(process.argv[2] ?? ''));
