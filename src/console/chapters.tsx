import { useState } from 'preact/hooks';
import { ask, ours, type Refusal } from './api.ts';
import { Badge, Phone, Time } from './parts.tsx';
import type { Callback, CallStory, Exchange, Leg } from './story.ts';
import { T } from './texts.ts';
import { clock, full, short, span, timeOf } from './time.ts';

const S = T.session;

/** A call in a session's story: its legs, what its provider asked, its recordings. */
export function CallEntry({ at, call }: { at: Date; call: CallStory }) {
  const [legA] = call.legs;
  const reason = legA?.explanation ?? call.exchanges.find(({ webhook }) => webhook === 'answer')?.decision;
  return (
    <li class="call">
      <p>
        <span class="strong">{S.events.call}</span>{' '}
        <time dateTime={at.toISOString()} title={full(at)}>
          {short(at)}
        </time>{' '}
        {legA && <Badge state={legA.outcome}>{S.outcomes[legA.outcome] ?? legA.outcome}</Badge>}
      </p>
      {reason && <p class="faint">{reason}</p>}
      <div class="legs">
        {call.legs.map((leg) => (
          <LegBox key={leg.call_uuid} leg={leg} />
        ))}
      </div>
      {call.recordings.map(({ recording_id, recording_url, recording_duration_ms }) => (
        <div key={recording_id} class="recording">
          {recording_url === null ? (
            <p class="faint">
              {S.events.recording}: {S.events.recordingPending}
            </p>
          ) : (
            <>
              {/* biome-ignore lint/a11y/useMediaCaption: what two people said has no captions. */}
              <audio controls preload="none" src={recording_url} aria-label={S.listen} />
              <a href={recording_url} target="_blank" rel="noreferrer">
                {S.download}
              </a>{' '}
              <span class="faint">{S.events.recordingHint(Math.round(Number(recording_duration_ms) / 1000))}</span>
            </>
          )}
        </div>
      ))}
      {call.exchanges.length > 0 && (
        <details>
          <summary>{S.document}</summary>
          {call.exchanges.map((one) => (
            <ExchangeBox key={one.id} exchange={one} />
          ))}
        </details>
      )}
    </li>
  );
}

function LegBox({ leg }: { leg: Leg }) {
  const L = S.leg;
  const isOver = leg.call_state === 'ended';
  const words = [
    leg.answer_time === null ? L.notAnswered : `${L.answered} ${L.talked(span(leg.call_duration))}`,
    leg.billed_duration > 0 && L.billed(span(leg.billed_duration)),
    Number(leg.total_amount) > 0 && L.cost(leg.total_amount, leg.currency),
    isOver ? leg.hangup_cause_name : L.running,
    leg.closed_by_sweep && L.swept,
  ];
  return (
    <div>
      <p class="small-text faint">{leg.parent_call_uuid === null ? S.events.legA : S.events.legB}</p>
      <p>
        <Phone number={leg.from_number} /> → <Phone number={leg.to_number} />
      </p>
      <p class="small-text">{words.filter(Boolean).join(' · ')}</p>
    </div>
  );
}

function ExchangeBox({ exchange }: { exchange: Exchange }) {
  const fields = Object.entries(exchange.request).map(([name, value]) => `${name}: ${String(value)}`);
  return (
    <div class="exchange">
      <p>
        {clock(timeOf(exchange.time))} {S.events.asked(exchange.webhook, exchange.decision)}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard. */}
      <pre tabIndex={0}>
        {fields.join('\n')}
        {'\n\n'}
        {exchange.document}
      </pre>
    </div>
  );
}

/** A callback with its attempts, to be sent again. */
export function CallbackEntry({ callback, onResent }: { callback: Callback; onResent: () => void }) {
  return (
    <li class="callback">
      <p>
        <span class="strong">{S.events.callback(callback.event)}</span> <Time at={callback.occurred_at} />{' '}
        <Badge state={callback.state}>{T.callbackStates[callback.state]}</Badge>
      </p>
      <Attempts callback={callback} />
      <Resend callback={callback} onResent={onResent} />
    </li>
  );
}

export function Attempts({ callback }: { callback: Callback }) {
  if (callback.attempts.length === 0) return null;
  const C = T.callbacks;
  return (
    <p class="faint small-text">
      {callback.attempts
        .map(({ attempt, status, error, duration_ms }) =>
          C.attempt(attempt, status === null ? (error ?? T.none) : C.status(status), duration_ms),
        )
        .join(' · ')}
    </p>
  );
}

export function Resend({ callback, onResent }: { callback: Callback; onResent: () => void }) {
  const [said, setSaid] = useState('');
  const resend = () =>
    ask('POST', ours(`Masking/Callback/${callback.id}/Resend/`)).then(
      () => {
        setSaid(T.callbacks.resent);
        onResent();
      },
      (refusal: Refusal) => setSaid(refusal.message),
    );
  return (
    <>
      <button type="button" class="small" onClick={resend}>
        {T.callbacks.resend}
      </button>{' '}
      <span role="status" class="faint">
        {said}
      </span>
    </>
  );
}
