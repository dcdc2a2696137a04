import { rounded } from './rows.ts';
import { CONNECTIONS, DIAL, type World } from './world.ts';

/** What providers tell of the ends of both legs, of the calls that were answered just before. */
export async function reports(world: World): Promise<void> {
  const count = world.isQuick ? 800 : 6_000;
  const run = { port: world.house.port, connections: CONNECTIONS, count };
  let calls = '';
  const { answer, dial, hangup } = await world.taking({
    answer: async () => {
      const make = world.webhooks('answer');
      calls = make.calls;
      return (await world.generator.run({ ...run, make, expect: DIAL })).rate;
    },
    dial: async () => {
      const make = world.webhooks('dial', { calls });
      return (await world.generator.run({ ...run, make, expect: { status: 200 } })).rate;
    },
    hangup: async () => {
      const make = world.webhooks('hangup', { calls });
      return (await world.generator.run({ ...run, make, expect: { status: 200 } })).rate;
    },
  });
  for (const [what, rate] of [
    ['Dial event', dial],
    ['Hangup', hangup],
  ] as const) {
    world.add({
      what: `${what}, of the answer’s rate`,
      figure: rate / answer,
      unit: 'ratio',
      target: { atLeast: 1 },
      how: `${rounded(rate)} of ${rounded(answer)} a second, the same ${rounded(count)} calls`,
    });
  }
}
