import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { builtService } from '../built.ts';
import { killAll } from '../support/process.ts';
import { knownCaller, steadyAnswers, unknownCaller } from './speed/answers.ts';
import { callbacks } from './speed/callbacks.ts';
import { creates } from './speed/creates.ts';
import { busyParties, fullPool } from './speed/crowded.ts';
import { expiry } from './speed/expiry.ts';
import { memory, soak, starts } from './speed/footprint.ts';
import { growth } from './speed/growth.ts';
import { House } from './speed/house.ts';
import { lists, totals } from './speed/lists.ts';
import { Generator, startBare } from './speed/load.ts';
import { lastRun, report } from './speed/report.ts';
import { reports } from './speed/reports.ts';
import { newlyFarBelow } from './speed/rows.ts';
import { BareStatement } from './speed/statement.ts';
import { World } from './speed/world.ts';

const given = (process.env.BENCH ?? '').split(' ');
const isQuick = given.includes('--quick');

it('speed', async () => {
  const last = lastRun();
  const house = await House.open();
  const generator = new Generator(builtService());
  const bares: { close(): void }[] = [];
  try {
    await house.start();
    await house.createFirst();
    const statement = await BareStatement.prepare(house.sql, house.url);
    const vault = await house.vault();
    const world = new World({ house, generator, vault, statement, isQuick });
    await world.grow(1_000, 100);
    const bare = await startBare(await world.replyLength());
    bares.push(bare);
    world.barePort = bare.port;
    await measure(world);
    const isCheck = given.includes('--check');
    await report(world, { inReadme: !isCheck });
    if (isCheck) expect(newlyFarBelow(world.rows, last)).toEqual([]);
  } finally {
    for (const bare of bares) bare.close();
    generator.close();
    await house.close();
    await killAll();
  }
});

/** From the smallest database to the largest. */
async function measure(world: World): Promise<void> {
  await world.warmUp();
  await world.part('Answer by one process', () => knownCaller(world, 1, 0.35));
  await world.part('Steady answers', steadyAnswers);
  await world.part('Unknown caller', unknownCaller);
  await world.part('Create', creates);
  await world.part('Dial events and hangups', reports);
  const processes = availableParallelism();
  await world.house.restart({ WORKERS: 'auto' });
  await world.warmUp();
  await world.part('Answer by all processes', () => knownCaller(world, processes, 0.5));
  await world.part('Memory', memory);
  await world.part('Growth of memory', soak);
  await world.part('Starts', starts);
  await world.part('Callbacks', callbacks);
  await world.part('Growth', growth);
  await world.part('Create with a full pool', fullPool);
  await world.part('Answer to a busy party', busyParties);
  await world.part('Lists', lists);
  await world.part('Totals', totals);
  await world.part('Expiry', expiry);
}
