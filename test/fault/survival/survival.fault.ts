import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House } from './house.ts';
import type { Weather } from './line.ts';
import { tableOf } from './table.ts';

const SKEW = new URL('skew.mjs', import.meta.url).href;
const isQuick = process.env.FAULTS === 'quick';
/** How often or how long: in full, or in the quick form. */
const dose = (full: number, quick: number) => (isQuick ? quick : full);

let house: House | undefined;
beforeAll(async () => {
  house = await House.open();
});
afterAll(async () => {
  process.stdout.write(`\n${tableOf(house?.figures ?? [])}\n`);
  await house?.close();
});

function fault(name: string, happen: (house: House) => Promise<readonly string[] | undefined> | Promise<void>): void {
  test(name, async () => {
    const { missed } = await theHouse().endure(name, () => happen(theHouse()));
    expect(missed).toEqual([]);
  });
}

function theHouse(): House {
  if (house === undefined) throw new Error('no house');
  return house;
}

fault('nothing', async () => {
  await sleep(dose(10_000, 4_000));
});

fault('kill -9 of an instance', async (house) => {
  for (let kills = 0; kills < dose(20, 3); kills++) {
    await sleep(500 + 1_000 * house.chance());
    await house.kill(house.anyInstance());
    await house.start();
  }
});

fault('SIGKILL of all of PostgreSQL', async (house) => {
  for (let kills = 0; kills < dose(5, 1); kills++) {
    await sleep(1_000);
    house.server.signal('SIGKILL');
    await sleep(1_000);
    await house.server.restart();
    await sleep(1_000);
  }
});

fault('PostgreSQL stopped', async (house) => {
  house.server.signal('SIGSTOP');
  await sleep(dose(10_000, 6_000));
  house.server.signal('SIGCONT');
});

fault('backends terminated, 5 a second', async (house) => {
  for (let kills = 0; kills < dose(300, 50); kills++) {
    await house.server.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'bauta' order by random() limit 1`;
    await sleep(200);
  }
});

const lost = (weather: Weather, full: number, quick: number) => async (house: House) => {
  house.line.become(weather);
  await sleep(dose(full, quick));
  house.line.become('fair');
};

fault('line dead without a word, 5 s', lost('hole', 5_000, 5_000));
fault('line dead without a word, 15 s', lost('hole', 15_000, 8_000));
if (!isQuick) fault('line dead without a word, 60 s', lost('hole', 60_000, 0));
fault('line held up', lost('freeze', 15_000, 5_000));
fault('connections refused', lost('refuse', 15_000, 5_000));
fault('line 2 s slow', lost('slow', 20_000, 6_000));

fault('connections reset, 2 times a second', async ({ line }) => {
  for (let resets = 0; resets < dose(60, 12); resets++) {
    line.reset();
    await sleep(500);
  }
});

fault('no connection left in PostgreSQL', ({ server }) => server.exhaust(dose(15_000, 5_000)));

fault('disk full', async ({ server }) => {
  const freeDisk = await server.fillDisk();
  await sleep(dose(15_000, 5_000));
  await freeDisk();
  // It gives up where it cannot write its log; whoever runs it starts it again.
  await server.restart();
});

fault('database read-only', async ({ server: { sql } }) => {
  const setReadOnly = async (value: 'on' | 'off') => {
    await sql.unsafe(`alter system set default_transaction_read_only = ${value}`);
    await sql`select pg_reload_conf()`;
  };
  await setReadOnly('on');
  await sleep(dose(15_000, 5_000));
  await setReadOnly('off');
});

fault('rolling restart', async (house) => {
  const missed: string[] = [];
  for (const instance of [...house.instances]) missed.push(...(await house.replace(instance)));
  return missed;
});

fault('SIGTERM under load', async (house) => {
  const missed: string[] = [];
  for (let rounds = 0; rounds < dose(5, 1); rounds++) {
    missed.push(...(await house.leave(house.anyInstance(), 'asked')));
    await house.start();
  }
  return missed;
});

fault('clocks wrong by 5 min, one fast, one slow', async (house) => {
  const missed: string[] = [];
  const renew = async (skews: readonly (number | null)[]) => {
    for (const skewMs of skews) {
      const [instance] = house.instances;
      const more = skewMs === null ? {} : { NODE_OPTIONS: `--import=${SKEW}`, SKEW_MS: String(skewMs) };
      if (instance) missed.push(...(await house.replace(instance, more)));
    }
  };
  await renew([300_000, -300_000]);
  await sleep(dose(20_000, 5_000));
  await renew([null, null]);
  return missed;
});

fault('four migrate at once', async (house) => {
  const missed: string[] = [];
  for (let rounds = 0; rounds < dose(3, 1); rounds++) missed.push(...(await house.migrateAtOnce(`empty_${rounds}`, 4)));
  return missed;
});

test('every callback that was booked has arrived', async () => {
  const { booked, lost, duplicates, missed } = await theHouse().callbacks();
  process.stdout.write(`${booked} callbacks booked, ${lost} lost, ${duplicates} received twice\n`);
  expect(missed).toEqual([]);
  expect(booked).toBeGreaterThan(0);
});
