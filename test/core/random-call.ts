import fc from 'fast-check';
import { decideCall } from '../../src/core/call.ts';
import type {
  CallDecision,
  CallFacts,
  CallProgress,
  CallQuestionFacts,
  ConnectionOnCall,
  PartyOnCall,
  SessionOnCall,
} from '../../src/core/call-facts.ts';
import { DEFAULT_POLICY } from '../../src/core/call-policy.ts';
import type { Phone } from '../../src/core/phone.ts';
import { otherSide, type Side } from '../../src/core/session.ts';

export const NUMBER = '+14155550100' as Phone;
/** Phones that sessions have, then phones of strangers. */
export const PHONES = Array.from({ length: 12 }, (_, i) => `+1202555${1000 + i}` as Phone);
const STRANGERS = PHONES.slice(8);
export const FALLBACK = PHONES[11] as Phone;

/** A question before anything was keyed. */
export const UNASKED: CallQuestionFacts = { attestation: 'unknown', hasKeyed: false, digits: null, tryNumber: null };

/** A session as it stands on the number, with its PINs; the store would find it while it lives. */
interface Standing {
  session: SessionOnCall;
  readonly pins: Readonly<Record<Side, string>>;
  isLive: boolean;
}

/** The sessions of one virtual number, and the connection that its calls come by. */
export interface World {
  readonly standing: readonly Standing[];
  readonly connection: ConnectionOnCall;
}

const url = (name: string) => fc.constantFrom('', `https://sounds.example/${name}.mp3`);

/** Sessions of every kind: PINs off, on and forced; one party, both, and one that was completed later. */
const sessionShape = fc.record({
  kind: fc.constantFrom('two', 'first alone', 'second alone', 'completed'),
  pinRequired: fc.boolean(),
  forcePin: fc.boolean(),
  lastCaller: fc.option(fc.constantFrom(...PHONES)),
  pinRetry: fc.nat({ max: 5 }),
  pinRetryWaitSeconds: fc.integer({ min: 5, max: 10 }),
  pinPromptPlayUrl: fc.constant('https://sounds.example/pin.mp3'),
  incorrectPinPlayUrl: url('incorrect'),
  playUrls: fc.record({ first: url('first'), second: url('second') }),
  recordFormat: fc.constantFrom(null, 'mp3', 'wav'),
  ringTimeoutSeconds: fc.constant(45),
  callTimeLimitSeconds: fc.constant(600),
});

export const connection = fc.record({
  successPlayUrl: url('success'),
  failurePlayUrl: url('failure'),
  fallback: fc.constantFrom(
    null,
    { kind: 'extension', extension: '1092' } as const,
    { kind: 'phone', phone: FALLBACK, ringTimeoutSeconds: 45, timeLimitSeconds: 600 } as const,
  ),
});

/** Up to three sessions on one number, whose parties and PINs differ as its unique indexes have it. */
export const world: fc.Arbitrary<World> = fc
  .record({ shapes: fc.array(sessionShape, { maxLength: 3 }), connection })
  .map(({ shapes, connection: brought }) => ({
    connection: brought,
    standing: shapes.map(({ kind, lastCaller, ...shape }, i) => {
      const parties = {
        first: kind === 'second alone' ? null : (PHONES[2 * i] ?? null),
        second: kind === 'first alone' ? null : (PHONES[2 * i + 1] ?? null),
      };
      const singleParty = kind !== 'two';
      const session = {
        id: `session-${i}`,
        ...shape,
        parties,
        singleParty,
        lastCaller: singleParty ? lastCaller : null,
      };
      return { session, pins: { first: `${i}135`, second: `${i}246` }, isLive: true };
    }),
  }));

export const caller = fc.option(fc.constantFrom(...PHONES.slice(0, 6), ...STRANGERS), { freq: 9 });

/** What happens on a call: keys, a provider that asks again, a session that ends meanwhile. */
export const events = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ press: fc.constantFrom('0135', '0246', '1135', '1246', '2246', '9999', '8888', '') }),
    },
    { weight: 1, arbitrary: fc.constant({ again: true } as const) },
    { weight: 1, arbitrary: fc.record({ end: fc.nat({ max: 2 }) }) },
  ),
  { maxLength: 10 },
);
export type Event = { readonly press: string } | { readonly again: true } | { readonly end: number };

/** One question and what was decided, with all that was known. */
export interface Round {
  readonly facts: CallFacts;
  readonly question: CallQuestionFacts;
  readonly decision: CallDecision;
}

/** Tells a whole call: what was decided each time that the provider asked, and asked a second time. */
export function tellCall(given: World, from: Phone | null, happened: readonly Event[]): Round[] {
  const standing = given.standing.map((one) => ({ ...one }));
  const rounds: Round[] = [];
  let call: CallProgress | null = null;
  let booked: { readonly sessionId: string; readonly side: Side } | null = null;
  let question: CallQuestionFacts & { readonly keys: string | null } = { ...UNASKED, keys: null };

  const ask = () => {
    const facts = factsOf({ ...given, standing }, from, { call, booked }, question.keys);
    const decision = decideCall(facts, question);
    rounds.push({ facts, question, decision });
    const { step } = decision;
    if (step === null) return decision;
    const { outcome, tries, policy, authenticated, party } = step;
    call = { outcome, tries, policy, authenticated } as CallProgress;
    booked = party;
    const known = standing.find(({ session }) => session.id === party?.sessionId);
    if (step.remembersCaller && known) known.session = { ...known.session, lastCaller: from };
    return decision;
  };

  let last = ask();
  for (const event of happened) {
    if ('end' in event) {
      const ended = standing[event.end];
      if (ended) ended.isLive = false;
      continue;
    }
    if ('press' in event) {
      const { ending } = last.plan;
      // Where nothing was asked, the provider can only ask again.
      if (ending.kind === 'gather') {
        question = {
          ...UNASKED,
          hasKeyed: event.press !== '',
          digits: `digest of ${event.press}`,
          tryNumber: ending.tryNumber,
          keys: event.press,
        };
      }
    }
    last = ask();
  }
  return rounds;
}

/** What the store would read for a question. */
export function factsOf(
  { standing, connection: brought }: World,
  from: Phone | null,
  { call, booked }: { call: CallProgress | null; booked: { readonly sessionId: string; readonly side: Side } | null },
  keys: string | null,
): CallFacts {
  const live = standing.filter(({ isLive }) => isLive);
  const find = (isIt: (one: Standing, side: Side) => boolean): PartyOnCall | null => {
    for (const one of live) {
      for (const side of ['first', 'second'] as const) if (isIt(one, side)) return { session: one.session, side };
    }
    return null;
  };
  const askers = live.filter(({ session }) => session.pinRequired);
  return {
    virtualNumber: NUMBER,
    caller: from,
    call,
    known: find(({ session }, side) => from !== null && session.parties[side] === from),
    named: find(({ session, pins }, side) => session.pinRequired && pins[side] === keys),
    booked: find(({ session }, side) => session.id === booked?.sessionId && side === booked.side),
    asker: askers.at(-1)?.session ?? null,
    open: find(({ session }, side) => {
      const isSingle = session.singleParty && !session.pinRequired;
      return isSingle && session.parties[side] === null && session.parties[otherSide(side)] !== null;
    }),
    unknownCallerPlayUrl: '',
    pinLengths: askers.length > 0 ? { min: 4, max: 4 } : null,
    connection: brought,
    policy: DEFAULT_POLICY,
    barred: null,
    pinSpent: { byCaller: false, onNumber: false },
  };
}
