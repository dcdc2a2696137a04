import { useState } from 'preact/hooks';
import { ask, me, ours, type Refusal, useRead } from './api.ts';
import type { Endpoint } from './attention.tsx';
import { Attempts, Resend } from './chapters.tsx';
import { Badge, Choice, Empty, Link, Page, type PageMeta, Pager, Panel, Shown, Time } from './parts.tsx';
import { route, setQuery } from './route.ts';
import { ChangeDialog } from './session-dialogs.tsx';
import type { Callback } from './story.ts';
import { Table } from './table.tsx';
import { T } from './texts.ts';

const C = T.callbacks;
const STATES = { all: C.allStates, ...T.callbackStates };

export function Callbacks() {
  const [isPausing, setPausing] = useState(false);
  const { query } = route.value;
  const state = query.get('state') ?? 'all';
  const isMain = me.value?.is_subaccount === false;
  const list = useRead<{ meta: PageMeta; objects: readonly Callback[] }>(
    ours('Masking/Callback/', {
      state: state === 'all' ? undefined : state,
      limit: 20,
      offset: query.get('offset') ?? '0',
    } as Record<string, string | number>),
  );
  return (
    <Page
      title={C.title}
      actions={
        isMain && (
          <button type="button" onClick={() => setPausing(true)}>
            {C.pauseTitle}
          </button>
        )
      }
    >
      {isMain ? <Endpoints /> : <p class="calm">{C.mainOnly}</p>}
      <Panel
        title={C.list}
        aside={
          <Choice
            label={C.state}
            options={STATES}
            value={state}
            onChange={(value) => setQuery({ state: value === 'all' ? '' : value, offset: '' })}
          />
        }
        flush
      >
        <Shown of={list}>
          {({ meta, objects }) =>
            objects.length === 0 ? (
              <Empty title={C.empty} hint={C.emptyHint} />
            ) : (
              <>
                <List callbacks={objects} onResent={list.reload} />
                <Pager meta={meta} onGo={(offset) => setQuery({ offset: offset === 0 ? '' : String(offset) })} />
              </>
            )
          }
        </Shown>
      </Panel>
      {isPausing && (
        <ChangeDialog
          title={C.pauseTitle}
          hint={C.pauseHint}
          text={C.pause}
          change={(form) => ask('POST', ours('Masking/Endpoint/Pause/'), { endpoint: form.get('endpoint') })}
          onDone={list.reload}
          onClose={() => setPausing(false)}
        >
          <label>
            {C.pauseField}
            <input name="endpoint" required inputMode="url" />
          </label>
        </ChangeDialog>
      )}
    </Page>
  );
}

function Endpoints() {
  const [error, setError] = useState('');
  const list = useRead<{ objects: readonly Endpoint[] }>(ours('Masking/Endpoint/'));
  const move = (name: 'Pause' | 'Resume', endpoint: string) =>
    ask('POST', ours(`Masking/Endpoint/${name}/`), { endpoint }).then(
      () => {
        setError('');
        list.reload();
      },
      (refusal: Refusal) => setError(refusal.message),
    );
  return (
    <Shown of={list}>
      {({ objects }) =>
        objects.length === 0 ? (
          <p class="calm">{C.endpointsCalm}</p>
        ) : (
          <Panel title={C.endpoints} flush>
            {error && (
              <p class="error pad" role="alert">
                {error}
              </p>
            )}
            <Table
              caption={C.endpoints}
              rows={objects}
              keyOf={({ endpoint }) => endpoint}
              columns={[
                { head: C.endpoint, cell: ({ endpoint }) => <code>{endpoint}</code> },
                { head: C.state, cell: (one) => <EndpointState endpoint={one} /> },
                { head: C.failures, cell: ({ failures }) => failures, isNumber: true },
                { head: C.since, cell: (one) => <Time at={one.paused_time ?? one.failing_since} /> },
                { head: C.waiting, cell: (one) => one.pending_count, isNumber: true },
                {
                  head: `${C.pause} / ${C.resume}`,
                  cell: (one) => <Move endpoint={one} onMove={move} />,
                  isAction: true,
                },
              ]}
            />
          </Panel>
        )
      }
    </Shown>
  );
}

function EndpointState({ endpoint: { state, pause_reason: reason } }: { endpoint: Endpoint }) {
  return (
    <>
      <Badge state={state}>{state === 'paused' ? C.paused : C.failing}</Badge>{' '}
      <span class="faint small-text">{reason && C.pausedBy[reason]}</span>
    </>
  );
}

type OnMove = (name: 'Pause' | 'Resume', endpoint: string) => void;

function Move({ endpoint: { state, endpoint }, onMove }: { endpoint: Endpoint; onMove: OnMove }) {
  const isPaused = state === 'paused';
  return (
    <button type="button" class="small" onClick={() => onMove(isPaused ? 'Resume' : 'Pause', endpoint)}>
      {isPaused ? C.resume : C.pause}
    </button>
  );
}

function List({ callbacks, onResent }: { callbacks: readonly Callback[]; onResent: () => void }) {
  return (
    <Table
      caption={C.listCaption}
      rows={callbacks}
      keyOf={({ id }) => id}
      columns={[
        { head: C.event, cell: ({ event }) => event },
        { head: C.session, cell: ({ session_uuid: id }) => <SessionLink id={id} /> },
        { head: C.state, cell: ({ state }) => <Badge state={state}>{T.callbackStates[state]}</Badge> },
        { head: C.occurred, cell: (one) => <Time at={one.occurred_at} /> },
        { head: C.next, cell: (one) => <Time at={one.next_attempt_time} relative /> },
        { head: C.attempts, cell: (one) => <Attempts callback={one} /> },
        { head: C.resend, cell: (one) => <Resend callback={one} onResent={onResent} />, isAction: true },
      ]}
    />
  );
}

function SessionLink({ id }: { id: string }) {
  return (
    <Link to={`/sessions/${id}`} class="mono">
      {id.slice(0, 8)}
    </Link>
  );
}
