/**
 * Which paths a push touches, as far as its payload is whole. PURE. Null is "not known", and then it counts as touching everything: a
 * list is cut short (GitHub: 2,048 commits, 3,000 files; Gitea and GitLab say how many commits there were), a branch is new, history
 * was rewritten (what went away with it is in no list), or a commit comes without its lists.
 */
interface Commit {
  added?: string[] | null | undefined;
  removed?: string[] | null | undefined;
  modified?: string[] | null | undefined;
}

interface Pushed {
  before?: string | null | undefined;
  created?: boolean | null | undefined;
  forced?: boolean | null | undefined;
  commits?: Commit[] | null | undefined;
  total_commits?: number | null | undefined;
  total_commits_count?: number | null | undefined;
}

const MAX_COMMITS = 2_048;
const MAX_FILES = 3_000;
/** To match more takes longer than it is worth. */
const MAX_PATHS = 10_000;

/** Each path once. */
export function touchedPaths(pushed: Pushed): string[] | null {
  const { before, created, forced, commits } = pushed;
  const isNew = created === true || before == null || /^0+$/.test(before);
  if (isNew || forced === true || !commits?.length || commits.length >= MAX_COMMITS) return null;
  const total = pushed.total_commits ?? pushed.total_commits_count ?? commits.length;
  if (total > commits.length) return null;
  const touched = new Set<string>();
  for (const { added, removed, modified } of commits) {
    if (!added && !removed && !modified) return null;
    const files = [...(added ?? []), ...(removed ?? []), ...(modified ?? [])];
    if (files.length >= MAX_FILES) return null;
    for (const file of files) touched.add(file);
  }
  return touched.size === 0 || touched.size > MAX_PATHS ? null : [...touched];
}
