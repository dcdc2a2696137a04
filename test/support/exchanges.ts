import { api, type TestService } from './service.ts';
import type { Line } from './story-lines.ts';

interface Page {
  readonly objects: readonly { readonly webhook: string; readonly decision: string }[];
}

/** What the log of a call says, oldest first: the webhook and the decision in words. */
export async function logOf(service: TestService, { account }: Line, query: string): Promise<string[]> {
  // The log writes every fifth of a second: part of a call may be there already, and part not yet.
  await service.deps.exchanges.flush();
  const path = `/v1/Account/${account.id}/Masking/Exchange/?after=0&limit=100&${query}`;
  const { body } = await api(service, 'GET', path, undefined, account);
  const { objects } = body as unknown as Page;
  return objects.map(({ webhook, decision }) => `${webhook}: ${decision.replace(/^\w+: /, '')}`);
}
