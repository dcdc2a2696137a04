import { useState } from 'preact/hooks';
import { ask, ours, useRead } from './api.ts';
import type { Pool } from './attention.tsx';
import { Badge, Empty, Page, type PageMeta, Pager, Panel, Phone, Shown, Time } from './parts.tsx';
import { route, setQuery } from './route.ts';
import { ChangeDialog } from './session-dialogs.tsx';
import { Table } from './table.tsx';
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
                <Table
                  caption={N.listCaption}
                  rows={numbers}
                  keyOf={({ number }) => number}
                  columns={[
                    { head: N.number, cell: ({ number }) => <Phone number={number} /> },
                    { head: N.country, cell: ({ country }) => country },
                    { head: N.of, cell: ({ subaccount }) => subaccount ?? N.main },
                    { head: N.live, cell: (one) => one.live_sessions, isNumber: true },
                    { head: N.cooling, cell: (one) => one.cooling_places, isNumber: true },
                    { head: N.frees, cell: (one) => <Frees at={one.next_lease_frees_at} /> },
                    { head: N.retire, cell: (one) => <Retire {...one} onClick={setRetired} />, isAction: true },
                  ]}
                />
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

function Frees({ at }: { at: string | null }) {
  return at === null ? <span class="faint">{N.free}</span> : <Time at={at} relative />;
}

function Retire({ number, onClick }: { number: string; onClick: (number: string) => void }) {
  return (
    <button type="button" class="small" onClick={() => onClick(number)}>
      {N.retire} <span class="unseen">+{number}</span>
    </button>
  );
}

function Pools({ pools }: { pools: readonly Pool[] }) {
  return (
    <Table
      caption={N.poolCaption}
      rows={pools}
      keyOf={({ country, subaccount }) => `${country} ${subaccount}`}
      columns={[
        { head: N.country, cell: ({ country }) => country, class: 'strong' },
        { head: N.of, cell: ({ subaccount }) => subaccount ?? N.main },
        { head: N.numbers, cell: ({ numbers }) => numbers, isNumber: true },
        { head: N.live, cell: (pool) => pool.live_sessions, isNumber: true },
        { head: N.needed, cell: (pool) => pool.numbers_needed_at_peak, isNumber: true },
        { head: N.headroom, cell: ({ headroom }) => headroom, isNumber: true },
        { head: N.headroomPeak, cell: (pool) => pool.headroom_at_peak, isNumber: true },
        { head: N.advice, cell: (pool) => <Advice headroom={pool.headroom_at_peak} /> },
      ]}
    />
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
