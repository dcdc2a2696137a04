import { useState } from 'preact/hooks';
import { ask, me, ours, type Refusal, useRead } from './api.ts';
import type { Endpoint } from './attention.tsx';
import { Attempts, Resend } from './chapters.tsx';
import { Badge, Choice, Empty, Link, Page, type PageMeta, Pager, Panel, Scroll, Shown, Time } from './parts.tsx';
import { route, setQuery } from './route.ts';
import { ChangeDialog } from './session-dialogs.tsx';
import type { Callback } from './story.ts';
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
            <Scroll>
              <table class="cards">
                <caption class="unseen">{C.endpoints}</caption>
                <thead>
                  <tr>
                    <th scope="col">{C.endpoint}</th>
                    <th scope="col">{C.state}</th>
                    <th scope="col" class="number">
                      {C.failures}
                    </th>
                    <th scope="col">{C.since}</th>
                    <th scope="col" class="number">
                      {C.waiting}
                    </th>
                    <th scope="col">
                      <span class="unseen">
                        {C.pause} / {C.resume}
                      </span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {objects.map((one) => (
                    <tr key={one.endpoint}>
                      <td data-label={C.endpoint}>
                        <code>{one.endpoint}</code>
                      </td>
                      <td data-label={C.state}>
                        <Badge state={one.state}>{one.state === 'paused' ? C.paused : C.failing}</Badge>{' '}
                        <span class="faint small-text">{one.pause_reason && C.pausedBy[one.pause_reason]}</span>
                      </td>
                      <td data-label={C.failures} class="number">
                        {one.failures}
                      </td>
                      <td data-label={C.since}>
                        <Time at={one.paused_time ?? one.failing_since} />
                      </td>
                      <td data-label={C.waiting} class="number">
                        {one.pending_count}
                      </td>
                      <td>
                        <button
                          type="button"
                          class="small"
                          onClick={() => move(one.state === 'paused' ? 'Resume' : 'Pause', one.endpoint)}
                        >
                          {one.state === 'paused' ? C.resume : C.pause}
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </Panel>
        )
      }
    </Shown>
  );
}

function List({ callbacks, onResent }: { callbacks: readonly Callback[]; onResent: () => void }) {
  return (
    <Scroll>
      <table class="cards">
        <caption class="unseen">{C.listCaption}</caption>
        <thead>
          <tr>
            <th scope="col">{C.event}</th>
            <th scope="col">{C.session}</th>
            <th scope="col">{C.state}</th>
            <th scope="col">{C.occurred}</th>
            <th scope="col">{C.next}</th>
            <th scope="col">{C.attempts}</th>
            <th scope="col">
              <span class="unseen">{C.resend}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {callbacks.map((one) => (
            <tr key={one.id}>
              <td data-label={C.event}>{one.event}</td>
              <td data-label={C.session}>
                <Link to={`/sessions/${one.session_uuid}`} class="mono">
                  {one.session_uuid.slice(0, 8)}
                </Link>
              </td>
              <td data-label={C.state}>
                <Badge state={one.state}>{T.callbackStates[one.state]}</Badge>
              </td>
              <td data-label={C.occurred}>
                <Time at={one.occurred_at} />
              </td>
              <td data-label={C.next}>
                <Time at={one.next_attempt_time} relative />
              </td>
              <td data-label={C.attempts}>
                <Attempts callback={one} />
              </td>
              <td>
                <Resend callback={one} onResent={onResent} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
