import { median, rounded } from './rows.ts';
import { CONNECTIONS, DIAL, type World } from './world.ts';

/** A known caller's answer beside the bare route, with so many processes. */
export async function knownCaller(world: World, processes: number, target: number): Promise<void> {
  const p99: number[] = [];
  const { bare, answer } = await world.taking({
    bare: async () => {
      const make = world.webhooks('answer');
      const run = { port: world.barePort, make, connections: CONNECTIONS, expect: { status: 200 } };
      return (await world.turn('bare', { ...run, seconds: world.seconds / 2 })).rate;
    },
    answer: async () => {
      const make = world.webhooks('answer');
      const run = { port: world.house.port, make, connections: CONNECTIONS, expect: DIAL };
      const measured = await world.turn(`answer ${processes}`, run);
      p99.push(measured.p99);
      return measured.rate;
    },
  });
  const by = processes === 1 ? 'one process' : 'a process for each core';
  world.add({
    what: `Answer to a known caller, booked, by ${by}, of the bare Fastify route`,
    figure: answer / bare,
    unit: 'ratio',
    target: { atLeast: target },
    how: `${rounded(answer)} of ${rounded(bare)} a second, ${CONNECTIONS} connections`,
  });
  world.add({
    what: `… its p99 at full load, by ${by}`,
    figure: median(p99.slice(1)),
    unit: 'ms',
    target: { atMost: 25 },
    how: `${CONNECTIONS} connections`,
  });
}

/** How long one waits when there is little to do. */
export async function steadyAnswers(world: World): Promise<void> {
  const perSecond = 300;
  const times = [];
  for (let i = 0; i < world.turns; i++) {
    await world.house.quiet();
    const seconds = world.isQuick ? 3 : 8;
    const make = world.webhooks('answer');
    const run = { port: world.house.port, make, connections: 16, perSecond, seconds, count: perSecond * seconds };
    times.push(await world.generator.run({ ...run, expect: DIAL }));
  }
  world.add({
    what: 'Answer’s p99 at a steady 300 a second',
    figure: median(times.map(({ p99 }) => p99)),
    unit: 'ms',
    target: { atMost: 5 },
    how: `median ${rounded(median(times.map(({ p50 }) => p50)))} ms`,
  });
}

/** Somebody unknown is asked for a PIN, keys it and is connected: each step of the same calls by itself. */
export async function unknownCaller(world: World): Promise<void> {
  const parties = world.parties.filter(({ pin }) => pin !== null);
  const run = { port: world.house.port, connections: CONNECTIONS };
  const { known, asked, keyed } = await world.taking({
    known: async () => (await world.turn('known', { ...run, make: world.webhooks('answer'), expect: DIAL })).rate,
    asked: async () => {
      const make = world.webhooks('answer', { parties, strangers: true });
      return (await world.turn('asked', { ...run, make, expect: { status: 200, text: '<GetDigits ' } })).rate;
    },
    keyed: async () => {
      const count = world.isQuick ? 400 : 3_000;
      const make = world.webhooks('answer', { parties, strangers: true });
      await world.generator.run({ ...run, make, count, expect: { status: 200, text: '<GetDigits ' } });
      const pins = world.webhooks('pin', { parties, strangers: true, calls: make.calls });
      return (await world.generator.run({ ...run, make: pins, count, expect: DIAL })).rate;
    },
  });
  for (const [what, rate] of [
    ['Unknown caller asked for a PIN', asked],
    ['… connected by it', keyed],
  ] as const) {
    world.add({
      what: `${what}, of the known caller’s rate`,
      figure: rate / known,
      unit: 'ratio',
      target: { atLeast: 0.8 },
      how: `${rounded(rate)} of ${rounded(known)} a second`,
    });
  }
}
