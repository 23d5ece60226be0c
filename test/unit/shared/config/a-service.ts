/** The least that is a service, with what a test is about. */
export function aService(keys: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'api', image: 'nginx:1.27', ...keys };
}

/** The error's message of a call that must be refused with CONFIG_INVALID; '' when it was not refused. */
export async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
    return '';
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === 'CONFIG_INVALID' ? message : `${code}: ${message}`;
  }
}
