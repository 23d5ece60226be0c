/**
 * Which of Docker's builders a build gets: BuildKit where there is a current one that can be held to limits; where there is an old one, only what needs it,
 * since there its limits hold everybody's builds; the classic one for all else. What none of them does is refused by name before the build begins, in
 * words that say what to do. PURE.
 */
import type { BuilderKind } from '../../shared/build.js';
import { type BuildKit, EngineError } from '../engine.js';

export interface Choice {
  /** The Dockerfile's. */
  text: string;
  /** Its name, for people. */
  dockerfile: string;
  hasSecrets: boolean;
  kit: BuildKit;
}

/** Throws an `EngineError`. */
export function chosenBuilder({ text: written, dockerfile, hasSecrets, kit }: Choice): BuilderKind {
  if (kit.level === 'current') return 'buildkit';
  const text = joined(written);
  const what =
    newWord(text) ?? (kit.level === 'none' ? (oldWord(text) ?? (hasSecrets ? 'build.secrets' : null)) : null);
  if (what !== null) {
    const subject = what === 'build.secrets' ? 'the service has build.secrets' : `${dockerfile} uses ${what}`;
    const only = what === 'build.secrets' ? 'gives to a build' : 'knows';
    throw new EngineError(
      'refused',
      `${subject}, which only ${kit.level === 'none' ? '' : 'a newer '}BuildKit ${only}, and this node has none that Orca can use: ${kit.reason}; build elsewhere (label orca.build), or without`,
    );
  }
  return kit.level === 'old' && (hasSecrets || oldWord(text) !== null) ? 'buildkit' : 'classic';
}

/** Lines that go on as one, without the comments between them. */
const joined = (text: string): string => text.replace(/\\\n(?:[ \t]*#[^\n]*\n)*/g, ' ');

/** What BuildKit of Docker 20.10 knows and the classic builder does not. */
const oldWord = (text: string): string | null =>
  /^[ \t]*(?:RUN[ \t]+(?:--\S+[ \t]+)*(--mount|--network|--security)\b|(?:COPY|ADD)[ \t]+(?:--\S+[ \t]+)*(--chmod)\b)/im
    .exec(text)
    ?.slice(1)
    .find((group) => group !== undefined) ?? null;

/** What came with Docker 23.0 and later. */
const newWord = (text: string): string | null =>
  /^[ \t]*(?:(?:COPY|ADD)[ \t]+(?:--\S+[ \t]+)*(--link|--exclude|--checksum|--parents|--keep-git-dir)\b|(?:RUN|COPY|ADD)\b[^\n]*[ \t]\d*(<<-?["']?\w+))/im
    .exec(text)
    ?.slice(1)
    .find((group) => group !== undefined) ?? null;
