import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 40;

/**
 * Asks again while the service sheds load, as an app does: a test that shares its process with the service and asks
 * as much as it can keeps both busy.
 */
export async function patient<T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status !== 503 || tries === TRIES) return answer;
    await sleep(250);
  }
}
