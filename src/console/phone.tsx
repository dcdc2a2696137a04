import { useRef, useState } from 'preact/hooks';
import { ask, me, ours, type Refusal, useRead } from './api.ts';
import { Handset, Keypad } from './handset.tsx';
import { Badge, Page, Panel } from './parts.tsx';
import { heardBy, type Simulated, type Stage, standing } from './pretend.ts';
import { T } from './texts.ts';

const P = T.phone;

interface Wish {
  readonly from: string | null;
  readonly to: string;
  readonly press: readonly string[];
}

/** How it ends, in the words of the endpoint. */
interface Ending {
  readonly callee?: 'answers' | 'busy' | 'silent';
  readonly hangs_up?: 'caller' | 'callee';
  readonly talk_seconds?: number;
  readonly gives_up?: boolean;
}

interface Held {
  readonly wish: Wish;
  readonly call: Simulated;
  readonly stage: Stage;
  readonly until: number;
}

/**
 * Two handsets, side by side. Each thing that somebody does asks the endpoint to play the call anew with everything done
 * so far; on a demo account the whole call is booked once it is over.
 */
export function PhonePage() {
  const [held, setHeld] = useState<Held | null>(null);
  const [keyed, setKeyed] = useState('');
  const [error, setError] = useState<Refusal | null>(null);
  const [isBusy, setBusy] = useState(false);
  const talksSince = useRef(0);
  const isBooked = me.value?.is_demo === true;
  const pool = useRead<{ numbers: readonly { number: string }[] }>(ours('Masking/Pool/', { limit: 1000 }));

  /** Plays so far; what is over by itself is booked as it came. */
  const play = async (wish: Wish, ending: Ending | null = null) => {
    setBusy(true);
    setKeyed('');
    try {
      const body = { ...wish, ...ending };
      let call = await ask<Simulated>('POST', ours('Masking/Simulate/'), {
        ...body,
        live: isBooked && ending !== null,
      });
      const stand = ending
        ? { stage: 'ended' as const, until: call.timeline.length }
        : standing(call, wish.press.length);
      if (isBooked && ending === null && stand.stage === 'ended') {
        call = await ask<Simulated>('POST', ours('Masking/Simulate/'), { ...body, live: true });
      }
      setHeld({ wish, call, ...stand });
      setError(null);
    } catch (refusal) {
      setError(refusal as Refusal);
    } finally {
      setBusy(false);
    }
  };
  const dial = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    play({ from: text('from') || null, to: text('to'), press: [] });
  };
  const stage = held?.stage ?? 'idle';
  const isOpen = stage !== 'idle' && stage !== 'ended';
  const talked = () => Math.max(1, Math.round((Date.now() - talksSince.current) / 1000));
  const hangUp = (who: 'caller' | 'callee') => {
    if (held === null) return;
    if (stage === 'talks') play(held.wish, { callee: 'answers', hangs_up: who, talk_seconds: talked() });
    else if (stage === 'asked') play(held.wish, { gives_up: true });
    else play(held.wish, { callee: who === 'callee' ? 'busy' : 'silent' });
  };
  const answer = () => {
    if (held === null) return;
    talksSince.current = Date.now();
    const talk = held.call.timeline.findIndex(({ kind }) => kind === 'talk');
    setHeld({ ...held, stage: 'talks', until: talk });
  };
  const told = (side: 'caller' | 'callee' | 'provider') => (held ? heardBy(held.call, side, held.until) : []);

  return (
    <Page title={P.title}>
      <p class="calm">{isBooked ? P.hintBooked : P.hint}</p>
      {error && (
        <p class="error" role="alert">
          {error.message}
        </p>
      )}
      <div class="handsets">
        <Handset title={P.caller} screen={P.screens.caller[stage]} heard={told('caller')}>
          {isOpen ? (
            <>
              {stage === 'asked' && (
                <Keypad
                  keyed={keyed}
                  onKey={setKeyed}
                  onSend={() => held && play({ ...held.wish, press: [...held.wish.press, keyed] })}
                />
              )}
              <button type="button" class="danger" disabled={isBusy} onClick={() => hangUp('caller')}>
                {P.hangUp}
              </button>
            </>
          ) : (
            <form class="dial" onSubmit={dial}>
              <label>
                {P.from}
                <input name="from" inputMode="tel" placeholder={P.withheld} defaultValue={held?.wish.from ?? ''} />
              </label>
              <label>
                {P.to}
                <input
                  {...{ name: 'to', inputMode: 'tel', list: 'ours', required: true }}
                  defaultValue={held?.wish.to ?? ''}
                  placeholder={T.sessions.numberPlaceholder}
                />
              </label>
              <datalist id="ours">
                {(pool.data?.numbers ?? []).map(({ number }) => (
                  <option key={number} value={`+${number}`} />
                ))}
              </datalist>
              <button type="submit" class="primary" disabled={isBusy}>
                {P.dial}
              </button>
            </form>
          )}
        </Handset>
        <Handset
          title={P.other}
          screen={stage === 'rings' || stage === 'talks' ? P.screen(held?.call.caller_id ?? null) : P.screens.callee}
          isRinging={stage === 'rings'}
          heard={told('callee')}
        >
          {stage === 'rings' && (
            <button type="button" class="primary" disabled={isBusy} onClick={answer}>
              {P.answer}
            </button>
          )}
          {(stage === 'rings' || stage === 'talks') && (
            <button type="button" class="danger" disabled={isBusy} onClick={() => hangUp('callee')}>
              {stage === 'rings' ? P.decline : P.hangUp}
            </button>
          )}
        </Handset>
      </div>
      {held && (
        <Panel
          title={P.provider}
          aside={
            <Badge state={held.call.leak_check.passed ? 'active' : 'failing'}>
              {held.call.leak_check.passed ? P.safe : P.leak}
            </Badge>
          }
        >
          {held.call.leak_check.faults.map(({ words }) => (
            <p key={words} class="error">
              {words}
            </p>
          ))}
          <ol class="heard">
            {told('provider').map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ol>
          {stage === 'ended' && <p class="strong">{P.ended(held.call.end)}</p>}
        </Panel>
      )}
    </Page>
  );
}
