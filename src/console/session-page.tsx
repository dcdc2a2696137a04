import { useState } from 'preact/hooks';
import { ours, useRead } from './api.ts';
import { CallbackEntry, CallEntry } from './chapters.tsx';
import { Badge, Copy, Link, Page, type PageMeta, Panel, Phone, Shown, Time } from './parts.tsx';
import { EndDialog, ExtendDialog, RevealDialog } from './session-dialogs.tsx';
import type { Session } from './sessions.tsx';
import { type Callback, chaptersOf, type Exchange, type Leg, type Recording } from './story.ts';
import { T } from './texts.ts';
import { span } from './time.ts';

const S = T.session;
const F = S.fields;
interface List<O> {
  readonly meta: PageMeta;
  readonly objects: readonly O[];
}

/** One session: its facts, and its story in order. */
export function SessionPage({ id }: { id: string }) {
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState<'reveal' | 'extend' | 'end' | null>(null);
  const headers: Record<string, string> = reason === '' ? {} : { 'x-bauta-reveal': reason };
  const session = useRead<{ response: Session }>(ours(`Masking/Session/${id}/`), headers);
  const isLive = session.data !== null && session.data.response.status !== 'expired';
  const close = () => setAsked(null);
  return (
    <Page
      title={
        <>
          <Link to="/sessions">{S.back}</Link> <span class="faint">/</span>{' '}
          <Phone number={session.data?.response.virtual_number ?? ''} />
        </>
      }
      actions={
        session.data && (
          <>
            <button type="button" onClick={() => (reason === '' ? setAsked('reveal') : setReason(''))}>
              {reason === '' ? S.reveal : S.hide}
            </button>
            {isLive && (
              <>
                <button type="button" onClick={() => setAsked('extend')}>
                  {S.extend}
                </button>
                <button type="button" class="danger" onClick={() => setAsked('end')}>
                  {S.end}
                </button>
              </>
            )}
          </>
        )
      }
    >
      {reason !== '' && (
        <p class="notice" role="status">
          {S.revealed}
        </p>
      )}
      <Shown of={session}>
        {({ response }) => (
          <div class="split">
            <Story session={response} headers={headers} />
            <Facts session={response} />
          </div>
        )}
      </Shown>
      {asked === 'reveal' && (
        <RevealDialog
          onReveal={(word) => {
            setReason(word);
            close();
          }}
          onClose={close}
        />
      )}
      {asked === 'extend' && <ExtendDialog id={id} onDone={session.reload} onClose={close} />}
      {asked === 'end' && <EndDialog id={id} onDone={session.reload} onClose={close} />}
    </Page>
  );
}

function Facts({ session }: { session: Session }) {
  const entries: [string, preact.ComponentChildren][] = [
    [T.sessions.status, <Badge state={session.status}>{T.status[session.status]}</Badge>],
    [F.first_party, <Phone number={session.first_party} none={T.sessions.single} />],
    [F.second_party, <Phone number={session.second_party} none={T.sessions.single} />],
    ...(session.is_pin_authentication_required
      ? ([
          [F.first_party_pin, <span class="mono">{session.first_party_pin}</span>],
          [F.second_party_pin, <span class="mono">{session.second_party_pin}</span>],
        ] as [string, preact.ComponentChildren][])
      : []),
    [F.created_time, <Time at={session.created_time} />],
    [
      F.expiry_time,
      <>
        <Time at={session.expiry_time} /> <span class="faint">(</span>
        <Time at={session.expiry_time} relative />
        <span class="faint">)</span>
      </>,
    ],
    [F.call_time_limit, span(session.call_time_limit)],
    [F.ring_timeout, span(session.ring_timeout)],
    [F.virtual_number_cooloff_period, span(session.virtual_number_cooloff_period)],
    [F.record, session.record ? S.yes : S.no],
    [F.callback_url, session.callback_url || T.none],
    [S.legs, session.total_call_count],
    [S.billed, span(session.total_call_billed_duration)],
    [S.cost, session.total_call_amount.toFixed(5)],
    [
      F.session_uuid,
      <>
        <span class="mono small-text">{session.session_uuid}</span>{' '}
        <Copy text={session.session_uuid} what={F.session_uuid} />
      </>,
    ],
  ];
  return (
    <Panel title={S.facts}>
      <dl class="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

function Story({ session, headers }: { session: Session; headers: Record<string, string> }) {
  const one = { session_uuid: session.session_uuid };
  const legs = useRead<List<Leg>>(ours('Call/', one), headers);
  const callbacks = useRead<List<Callback>>(ours('Masking/Callback/', one));
  const recordings = useRead<List<Recording>>(ours('Recording/', one));
  const exchanges = useRead<{ objects: readonly Exchange[] }>(ours('Masking/Exchange/', { ...one, limit: 100 }));
  const chapters = chaptersOf({
    legs: legs.data?.objects ?? [],
    callbacks: callbacks.data?.objects ?? [],
    recordings: recordings.data?.objects ?? [],
    exchanges: exchanges.data?.objects ?? [],
  });
  const isOver = session.status === 'expired';
  return (
    <Panel title={S.story}>
      <Shown of={legs}>
        {({ meta }) => (
          <ol class="story">
            <Entry at={session.created_time} title={S.events.created}>
              {S.events.createdHint(`+${session.virtual_number}`, span(session.duration))}
            </Entry>
            {meta.total_count > meta.limit && <li class="faint">{S.more(meta.limit)}</li>}
            {chapters.map((chapter) =>
              chapter.kind === 'call' ? (
                <CallEntry key={chapter.call.id} at={chapter.at} call={chapter.call} />
              ) : (
                <CallbackEntry key={chapter.callback.id} callback={chapter.callback} onResent={callbacks.reload} />
              ),
            )}
            {chapters.length === 0 && (
              <li class="faint">
                {S.quiet} {S.quietHint}
              </li>
            )}
            <Entry at={session.expiry_time} title={isOver ? S.events.ended : S.events.ends} isFuture={!isOver}>
              <Time at={session.expiry_time} relative />
            </Entry>
          </ol>
        )}
      </Shown>
    </Panel>
  );
}

function Entry(props: { at: string; title: string; isFuture?: boolean; children: preact.ComponentChildren }) {
  return (
    <li class={props.isFuture ? 'future' : ''}>
      <p>
        <span class="strong">{props.title}</span> <Time at={props.at} />
      </p>
      <p class="faint">{props.children}</p>
    </li>
  );
}
