import { loadavg } from 'node:os';
import type { Vault } from '../../../src/store/vault.ts';
import { MAIN, PLIVO_TOKEN, SESSIONS } from '../../support/service.ts';
import { addNumbers, addSessions, type Party } from './fill.ts';
import { ANSWER, AUTHORIZATION, type House, PUBLIC_URL } from './house.ts';
import type { Generator, Measured, Run } from './load.ts';
import { median, type Row } from './rows.ts';
import type { BareStatement } from './statement.ts';

export const CONNECTIONS = 64;
export const DIAL = { status: 200, text: '<Dial ' };

// The quick form ends within three minutes, also on a busy machine: what would begin later is left out.
const QUICK_MS = 150_000;

const WITH_PINS = {
  is_pin_authentication_required: true,
  generate_pin: true,
  pin_prompt_play: 'https://app.example/pin.mp3',
};

/** What is measured and what is known of it so far. */
export class World {
  readonly house: House;
  readonly generator: Generator;
  readonly vault: Vault;
  readonly statement: BareStatement;
  readonly isQuick: boolean;
  readonly rows: Row[] = [];
  /** Where the bare route listens. */
  barePort = 0;
  parties: Party[] = [];
  sessions = 0;
  /** As it was the last time. */
  filledPerSecond = 0;
  numbers = 0;
  readonly #began = performance.now();
  #runs = 0;
  #created = 0;
  readonly #rates = new Map<string, number>();

  constructor(parts: Pick<World, 'house' | 'generator' | 'vault' | 'statement' | 'isQuick'>) {
    this.house = parts.house;
    this.generator = parts.generator;
    this.vault = parts.vault;
    this.statement = parts.statement;
    this.isQuick = parts.isQuick;
  }

  get parts(): ConstructorParameters<typeof World>[0] {
    const { house, generator, vault, statement, isQuick } = this;
    return { house, generator, vault, statement, isQuick };
  }

  get turns(): number {
    return this.isQuick ? 2 : 5;
  }

  /** Of one turn. */
  get seconds(): number {
    return this.isQuick ? 1 : 3;
  }

  add(row: Row): void {
    this.rows.push(row);
    process.stdout.write(`${row.what}: ${row.figure?.toPrecision(3) ?? '–'} ${row.unit} (${row.how})\n`);
  }

  say(text: string): void {
    process.stdout.write(`${text}; load ${loadavg()[0]?.toFixed(1)}\n`);
  }

  /** As many sessions on as many numbers, none fewer than there are. */
  async grow(sessions: number, numbers: number): Promise<void> {
    const { house, vault } = this;
    await addNumbers(house.sql, this.numbers, numbers);
    const began = performance.now();
    this.parties.push(...(await addSessions(house.url, vault, { from: this.sessions, to: sessions, numbers })));
    [this.sessions, this.numbers] = [sessions, numbers];
    await house.settle();
    const seconds = (performance.now() - began) / 1000;
    this.filledPerSecond = sessions / seconds;
    this.say(`${sessions} live sessions on ${numbers} numbers, in ${Math.round(seconds)} s`);
  }

  /** One turn of something: requests are made for as long as it lasts, by how many it was the last time. */
  async turn(what: string, run: Omit<Run, 'count' | 'seconds'> & { seconds?: number }): Promise<Measured> {
    const seconds = run.seconds ?? this.seconds;
    const count = Math.ceil((this.#rates.get(what) ?? 2_000) * seconds * 1.4);
    const measured = await this.generator.run({ ...run, count, seconds });
    this.#rates.set(what, measured.rate);
    return measured;
  }

  /** Webhooks of calls that are all new. */
  webhooks(
    kind: 'answer' | 'pin' | 'dial' | 'hangup',
    more: { parties?: readonly Party[]; calls?: string; strangers?: boolean } = {},
  ) {
    const paths = { answer: '', pin: '?try=1', dial: 'dial-callback/', hangup: 'hangup/' };
    const path = `${ANSWER}${paths[kind]}`;
    const parties = more.parties ?? this.parties.filter(({ pin }) => pin === null);
    return { kind, path, publicUrl: PUBLIC_URL, token: PLIVO_TOKEN, calls: this.newCalls(), ...more, parties } as const;
  }

  /** A process that has just started is compiled while it works, and several times as slow as it will be all its life. */
  async warmUp(): Promise<void> {
    const run = { port: this.house.port, make: this.webhooks('answer'), connections: CONNECTIONS, expect: DIAL };
    await this.turn('warming up', { ...run, seconds: 4 });
  }

  /** How long an answer's document is, in characters; the bare route's reply is as long. */
  async replyLength(): Promise<number> {
    const run = { port: this.house.port, make: this.webhooks('answer'), count: 1, connections: 1, keep: 1 };
    const { kept } = await this.generator.run({ ...run, expect: { status: 200, text: '<Dial ' } });
    return kept[0]?.length ?? 0;
  }

  newCalls(): string {
    this.#runs += 1;
    return `call-${this.#runs}`;
  }

  /** Sessions with PINs, of pairs that have none yet; of these first parties where some are given. */
  creates(firsts?: readonly string[]) {
    const from = this.#created;
    this.#created += 50_000;
    return { kind: 'create', path: SESSIONS, authorization: AUTHORIZATION, from, wish: WITH_PINS, firsts } as const;
  }

  /** One turn of creates. What they made is gone after it, so that the next finds as many as this one. */
  async createTurn(what: string, firsts?: readonly string[]): Promise<number> {
    const { sql, port } = this.house;
    const [before] = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
    const run = { port, make: this.creates(firsts), connections: CONNECTIONS, expect: { status: 201 } };
    const { rate } = await this.turn(what, run);
    await sql`delete from sessions where account_id = ${MAIN.id} and created_at >= ${before?.at ?? null}`;
    return rate;
  }

  /** Where it fails, or there is no time left, a row says so, and the others are measured all the same. */
  async part(what: string, work: (world: World) => Promise<void>): Promise<void> {
    try {
      if (this.isQuick && performance.now() - this.#began > QUICK_MS) throw new Error('there was no time left for it');
      await work(this);
    } catch (error) {
      this.add({ what, figure: null, unit: 'ratio', how: String(error).slice(0, 300) });
    }
  }

  /** Takes turns, A B A B, so that whatever else the machine does falls on both. @returns the medians of their figures. */
  async taking<K extends string>(
    turns: Readonly<Record<K, () => Promise<number>>>,
    { isWarm = false } = {},
  ): Promise<Record<K, number>> {
    const names = Object.keys(turns) as K[];
    const figures = new Map<K, number[]>(names.map((name) => [name, []]));
    // The first round warms up, unless something like it has done that before.
    for (let round = isWarm ? 1 : 0; round <= this.turns; round++) {
      for (const name of names) {
        await this.house.quiet();
        const figure = await turns[name]();
        if (round > 0) figures.get(name)?.push(figure);
      }
    }
    return Object.fromEntries(names.map((name) => [name, median(figures.get(name) ?? [])])) as Record<K, number>;
  }
}
