import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { lines } from '../support/story-lines.ts';
import { playOut } from './switchboard.ts';

let world: StoryWorld;
let app: Receiver;
beforeAll(async () => {
  world = await startStories();
  app = await receiver((_request, response) => void response.end());
});
afterAll(async () => {
  await app.close();
  await world.service.close();
});

it('a call from its first ring to its end, as its app is told of it', async () => {
  const line = lines.plivo;
  const session = await world.session(line, { callback_url: `${app.url}/told` });
  const call = world.call(line, session.first);
  await call.dial();
  const { document } = call.last();
  const on = { line, serviceUrl: world.service.url, callId: call.callId, from: session.first, document };
  await playOut(on, 'callee hangs up');
  world.service.dispatcher.wake();
  await expect.poll(() => app.requests().length).toBe(6);

  const told = app.requests().map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  told.sort((a, b) => Number(a.SequenceNumber) - Number(b.SequenceNumber));
  const both = {
    ...{ SessionUUID: session.id, VirtualNumber: line.number.slice(1), From: session.first.slice(1) },
    ...{ To: session.second.slice(1), EventTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) },
  };
  const end = { PlivoHangupCause: 'Normal Hangup', PlivoHangupCauseCode: '4000' };
  expect(told).toEqual([
    { ...both, EventName: 'SessionFirstPartyAnswer', SequenceNumber: '1' },
    { ...both, EventName: 'SessionSecondPartyRing', SequenceNumber: '2' },
    { ...both, EventName: 'SessionSecondPartyAnswer', SequenceNumber: '3' },
    {
      ...{ ...both, ...end, EventName: 'SessionSecondPartyHangup', SequenceNumber: '4' },
      ...{ Duration: '31', BilledDuration: '60', Amount: '0.01781' },
    },
    {
      ...{ ...both, ...end, EventName: 'SessionFirstPartyHangup', SequenceNumber: '5' },
      ...{ Duration: '35', BilledDuration: '60', Amount: '0.00500' },
    },
    {
      ...{ ...both, ...end, EventName: 'SessionPartiesHangup', SequenceNumber: '6' },
      ...{ Duration: '31', BilledDuration: '120', Amount: '0.02281' },
    },
  ]);
});
