import { House } from './house.ts';
import { rounded } from './rows.ts';
import { CONNECTIONS, DIAL, World } from './world.ts';

/** The largest size beside a thousand sessions, which stand in a house of their own: the two take turns. */
export async function growth(world: World): Promise<void> {
  const house = await House.open();
  try {
    await house.start();
    await house.createFirst();
    const small = new World({ ...world.parts, house, vault: await house.vault() });
    await small.grow(1_000, 100);
    await world.grow(100_000, 1_000);
    if (!world.isQuick) await world.grow(1_000_000, 5_000);
    await compare('Answer', small, world, async (one) => {
      const run = { port: one.house.port, make: one.webhooks('answer'), connections: CONNECTIONS, expect: DIAL };
      return (await one.turn('answer', run)).rate;
    });
    // Since the filling ended with a checkpoint, each page is written whole once more, and there are very many: seconds of
    // the five minutes between two checkpoints, which would be all that is measured.
    for (let turn = 0; turn < world.turns; turn++) await world.createTurn('create');
    await compare('Create', small, world, (one) => one.createTurn('create'));
  } finally {
    await house.close();
  }
}

async function compare(
  what: string,
  small: World,
  large: World,
  rateOf: (world: World) => Promise<number>,
): Promise<void> {
  const rates = await large.taking(
    { small: () => rateOf(small), large: () => rateOf(large) },
    { isWarm: large.isQuick },
  );
  large.add({
    what: `${what} with ${rounded(large.sessions)} live sessions on ${rounded(large.numbers)} numbers, of that with 1 000 on 100`,
    figure: rates.large / rates.small,
    unit: 'ratio',
    target: { atLeast: 0.85 },
    how: `${rounded(rates.large)} of ${rounded(rates.small)} a second`,
  });
}
