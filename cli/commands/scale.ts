/** `orca scale SERVICE N`: another number of copies, of the release that runs. */
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import { type Context, servicePath } from '../context.js';

export async function scale(context: Context): Promise<number> {
  const text = context.args[1] ?? '';
  if (!/^\d+$/.test(text) || Number(text) > 1_000) {
    throw new OrcaError(
      'USAGE',
      `the number of replicas must be from 0 to 1000; it is ${JSON.stringify(text)}`,
    );
  }
  const client = await context.connect();
  const body = { replicas: Number(text) };
  const reply = await client.post<{ service: string; replicas: number }>(
    `${servicePath(context)}/scale`,
    body,
  );
  if (context.json) context.output.json(reply);
  else
    context.output.line(
      `${cleaned(reply).service}: ${reply.replicas} wanted; watch with \`orca status --watch\``,
    );
  return 0;
}
