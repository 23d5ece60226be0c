/** Addresses that give credentials for registries: which may be asked, and how they are shown. */

/** Why it is no address to ask, as the end of a sentence; null: it is one. */
export function tokenUrlProblem(given: string): string | null {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url?.protocol !== 'https:') return 'must be an https URL: what it gives is a password';
  if (url.username !== '' || url.password !== '') return 'must hold no user or password; see --bearer';
  return url.hash === '' ? null : 'must end before the "#"';
}

/** As it is shown: its query may be nobody else's to know. */
export function shownUrl(given: string): string {
  const { origin, pathname, search } = new URL(given);
  return `${origin}${pathname}${search === '' ? '' : '?…'}`;
}
