import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHome, startProcess } from '../../support/process.ts';
import { residentMegabytes } from './house.ts';
import { median, rounded } from './rows.ts';
import { CONNECTIONS, DIAL, type World } from './world.ts';

/** From nothing at all, with the PostgreSQL that comes along, and again on what is there then. */
export async function starts(world: World): Promise<void> {
  const cold: number[] = [];
  const warm: number[] = [];
  for (let turn = world.isQuick ? 1 : 3; turn > 0; turn--) {
    const home = makeHome();
    const settings = { DATA_DIR: path.join(home.directory, 'data') };
    for (const times of [cold, warm]) {
      await world.house.quiet();
      const began = performance.now();
      const service = await (await startProcess(settings)).ready();
      times.push((performance.now() - began) / 1000);
      service.kill('SIGTERM');
      await service.ended;
    }
    home.remove();
  }
  const how = 'with the PostgreSQL that comes along';
  const first = { what: 'Ready the first time, initdb and all, after', figure: median(cold), unit: 's' } as const;
  world.add({ ...first, target: { atMost: 3 }, how });
  const again = { what: 'Ready again, with its data present, after', figure: median(warm), unit: 's' } as const;
  world.add({ ...again, target: { atMost: 1 }, how });
}

/** Of one process: its resident memory with nothing to do, and the most of it under full load. */
export async function memory(world: World): Promise<void> {
  const { house } = world;
  await house.restart();
  await sleep(3_000);
  const idle = residentMegabytes(house.service.pid);
  world.add({ what: 'Memory when idle', figure: idle, unit: 'MB', target: { atMost: 120 }, how: 'resident' });
  const seen: number[] = [];
  const watch = setInterval(() => seen.push(residentMegabytes(house.service.pid)), 250);
  try {
    const run = { port: house.port, make: world.webhooks('answer'), connections: CONNECTIONS, expect: DIAL };
    await world.turn('answer', { ...run, seconds: world.isQuick ? 3 : 15 });
    await world.createTurn('create');
  } finally {
    clearInterval(watch);
  }
  const how = `the most while answers, then creates come over ${CONNECTIONS} connections`;
  world.add({ what: 'Memory at full load', figure: Math.max(...seen), unit: 'MB', target: { atMost: 250 }, how });
}

/** How much more memory is held at the end than when it had warmed up: medians over the first and the last stretches. */
export async function soak(world: World): Promise<void> {
  const perSecond = 200;
  const seconds = world.isQuick ? 1 : 10;
  const stretches = world.isQuick ? 15 : 60;
  const held: number[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const run = { port: world.house.port, make: world.webhooks('answer'), connections: 16, expect: DIAL };
    await world.generator.run({ ...run, perSecond, seconds, count: perSecond * seconds });
    held.push(residentMegabytes(world.house.service.pid));
  }
  const fifth = stretches / 5;
  const [early, late] = [median(held.slice(0, fifth)), median(held.slice(-fifth))];
  const minutes = rounded((stretches * seconds) / 60);
  world.add({
    what: `Growth of memory over ${minutes} minutes`,
    figure: 100 * (late / early - 1),
    unit: '%',
    ...(!world.isQuick && { target: { atMost: 10 } }),
    how: `from ${rounded(early)} to ${rounded(late)} MB at a steady ${perSecond} answers a second, after full load`,
  });
}
