import { useState } from 'preact/hooks';
import { ask, ours, useRead } from './api.ts';
import type { Pool } from './attention.tsx';
import { Badge, Empty, Page, type PageMeta, Pager, Panel, Phone, Scroll, Shown, Time } from './parts.tsx';
import { route, setQuery } from './route.ts';
import { ChangeDialog } from './session-dialogs.tsx';
import { T } from './texts.ts';

const N = T.numbers;

interface PoolReport {
  readonly pools: readonly Pool[];
  readonly numbers: readonly {
    readonly number: string;
    readonly country: string;
    readonly subaccount: string | null;
    readonly live_sessions: number;
    readonly cooling_places: number;
    readonly next_lease_frees_at: string | null;
  }[];
  readonly meta: PageMeta;
}

export function Numbers() {
  const [isAdding, setAdding] = useState(false);
  const [retired, setRetired] = useState('');
  const report = useRead<PoolReport>(
    ours('Masking/Pool/', { limit: 20, offset: route.value.query.get('offset') ?? '0' }),
  );
  return (
    <Page
      title={N.title}
      actions={
        <button type="button" class="primary" onClick={() => setAdding(true)}>
          {N.add}
        </button>
      }
    >
      <Shown of={report}>
        {({ pools, numbers, meta }) =>
          meta.total_count === 0 ? (
            <section class="panel">
              <Empty title={N.empty} hint={N.emptyHint}>
                <button type="button" onClick={() => setAdding(true)}>
                  {N.add}
                </button>
              </Empty>
            </section>
          ) : (
            <>
              <Panel title={N.pools} aside={<span class="faint small-text">{N.adviceHint}</span>} flush>
                <Pools pools={pools} />
              </Panel>
              <Panel title={N.list} flush>
                <Scroll>
                  <table class="cards">
                    <caption class="unseen">{N.listCaption}</caption>
                    <thead>
                      <tr>
                        <th scope="col">{N.number}</th>
                        <th scope="col">{N.country}</th>
                        <th scope="col">{N.of}</th>
                        <th scope="col" class="number">
                          {N.live}
                        </th>
                        <th scope="col" class="number">
                          {N.cooling}
                        </th>
                        <th scope="col">{N.frees}</th>
                        <th scope="col">
                          <span class="unseen">{N.retire}</span>
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {numbers.map((one) => (
                        <tr key={one.number}>
                          <td data-label={N.number}>
                            <Phone number={one.number} />
                          </td>
                          <td data-label={N.country}>{one.country}</td>
                          <td data-label={N.of}>{one.subaccount ?? N.main}</td>
                          <td data-label={N.live} class="number">
                            {one.live_sessions}
                          </td>
                          <td data-label={N.cooling} class="number">
                            {one.cooling_places}
                          </td>
                          <td data-label={N.frees}>
                            {one.next_lease_frees_at === null ? (
                              <span class="faint">{N.free}</span>
                            ) : (
                              <Time at={one.next_lease_frees_at} relative />
                            )}
                          </td>
                          <td>
                            <button type="button" class="small" onClick={() => setRetired(one.number)}>
                              {N.retire} <span class="unseen">+{one.number}</span>
                            </button>
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
                <Pager meta={meta} onGo={(offset) => setQuery({ offset: offset === 0 ? '' : String(offset) })} />
              </Panel>
            </>
          )
        }
      </Shown>
      {isAdding && <AddDialog onDone={report.reload} onClose={() => setAdding(false)} />}
      {retired !== '' && (
        <ChangeDialog
          title={N.retireTitle(`+${retired}`)}
          hint={N.retireHint}
          text={N.retire}
          change={() => ask('DELETE', ours(`Number/${retired}/`))}
          onDone={report.reload}
          onClose={() => setRetired('')}
        />
      )}
    </Page>
  );
}

function Pools({ pools }: { pools: readonly Pool[] }) {
  return (
    <Scroll>
      <table class="cards">
        <caption class="unseen">{N.poolCaption}</caption>
        <thead>
          <tr>
            <th scope="col">{N.country}</th>
            <th scope="col">{N.of}</th>
            <th scope="col" class="number">
              {N.numbers}
            </th>
            <th scope="col" class="number">
              {N.live}
            </th>
            <th scope="col" class="number">
              {N.needed}
            </th>
            <th scope="col" class="number">
              {N.headroom}
            </th>
            <th scope="col" class="number">
              {N.headroomPeak}
            </th>
            <th scope="col">{N.advice}</th>
          </tr>
        </thead>
        <tbody>
          {pools.map((pool) => (
            <tr key={`${pool.country} ${pool.subaccount}`}>
              <td data-label={N.country} class="strong">
                {pool.country}
              </td>
              <td data-label={N.of}>{pool.subaccount ?? N.main}</td>
              <td data-label={N.numbers} class="number">
                {pool.numbers}
              </td>
              <td data-label={N.live} class="number">
                {pool.live_sessions}
              </td>
              <td data-label={N.needed} class="number">
                {pool.numbers_needed_at_peak}
              </td>
              <td data-label={N.headroom} class="number">
                {pool.headroom}
              </td>
              <td data-label={N.headroomPeak} class="number">
                {pool.headroom_at_peak}
              </td>
              <td data-label={N.advice}>
                <Advice headroom={pool.headroom_at_peak} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Advice({ headroom }: { headroom: number }) {
  if (headroom < 0) return <Badge state="failing">{N.adviceBuy(-headroom)}</Badge>;
  return headroom === 0 ? (
    <Badge state="paused">{N.adviceTight}</Badge>
  ) : (
    <Badge state="active">{N.adviceWell(headroom)}</Badge>
  );
}

function AddDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const add = (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '').trim();
    const numbers = text('numbers')
      .split(/[\s,;]+/)
      .filter(Boolean);
    return ask('POST', ours('Number/'), {
      numbers,
      ...(text('alias') && { alias: text('alias') }),
      ...(text('provider') && { provider: text('provider') }),
    });
  };
  const { data } = useRead<{ connections: readonly { id: number; dialect: string; key: string }[] }>(
    '/console/connections',
  );
  const connections = data?.connections ?? [];
  return (
    <ChangeDialog title={N.addTitle} hint={N.addHint} text={N.add} change={add} onDone={onDone} onClose={onClose}>
      <label>
        {N.addField}
        <textarea name="numbers" rows={3} required inputMode="tel" />
      </label>
      <label>
        {N.aliasField}
        <input name="alias" maxLength={100} />
      </label>
      {connections.length > 1 && (
        <label>
          {N.connection}
          <select name="provider">
            {connections.map(({ id, dialect, key }) => (
              <option key={id} value={key}>
                {T.providers.connection(id)}, {dialect}
              </option>
            ))}
          </select>
        </label>
      )}
    </ChangeDialog>
  );
}
