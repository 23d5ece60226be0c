/** `orca deploy-key create SERVICE`: a key that reads the service's repository. Its private half is a secret from the start; the public half is printed. */
import type { DeployKeyReply } from '../../shared/api-builds.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';

export async function deployKey(context: Context): Promise<number> {
  const [action, service] = context.args;
  if (action !== 'create' || service === undefined)
    throw new OrcaError('USAGE', 'say what for: orca deploy-key create SERVICE');
  const project = optionText(context.options, 'project');
  const replace = context.options.replace === true || undefined;
  const reply = await (await context.connect()).post<DeployKeyReply>('/keys/deploy', {
    service,
    project,
    replace,
  });
  if (context.json) context.output.json(reply);
  else print(context, cleaned(reply));
  return 0;
}

function print({ output }: Context, { secret, project, public_key, fingerprint }: DeployKeyReply): void {
  output.line(public_key);
  output.note(`Add this line to the repository as a deploy key; it only needs to read (${fingerprint}).`);
  output.note(`The private half is the secret ${secret} of ${project}. In [service.build]:`);
  output.note(`  deploy_key = "\${secrets.${secret}}"`);
}
