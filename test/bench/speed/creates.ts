import { rounded } from './rows.ts';
import { CONNECTIONS, type World } from './world.ts';

/** Creates beside the one statement that nothing can do without. */
export async function creates(world: World): Promise<void> {
  const { bare, create } = await world.taking({
    bare: () => world.statement.rate(world.seconds),
    create: () => world.createTurn('create'),
  });
  world.add({
    what: 'Create with PINs, of the bare statement',
    figure: create / bare,
    unit: 'ratio',
    target: { atLeast: 1 },
    how: `${rounded(create)} over ${CONNECTIONS} connections, of ${rounded(bare)} a second over 16 by ${world.statement.by}`,
  });
}
