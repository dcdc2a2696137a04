import { useState } from 'preact/hooks';
import { ask, ours, type Refusal, useRead } from './api.ts';
import { Badge, Copy, Empty, Page, Panel, Phone, Shown, Time } from './parts.tsx';
import type { Exchange } from './story.ts';
import { Table } from './table.tsx';
import { T } from './texts.ts';

const P = T.providers;

interface Connection {
  readonly id: number;
  readonly dialect: string;
  readonly address: string;
  readonly default_country: string | null;
  readonly default_number: string | null;
  readonly currency: string;
  readonly places_calls: boolean;
  readonly checks_signatures: boolean;
  readonly last_webhook_at: string | null;
  readonly signature_failures: number;
  readonly last_signature_failure_at: string | null;
}

export function Providers() {
  const connections = useRead<{ connections: readonly Connection[] }>('/console/connections');
  const log = useRead<{ objects: readonly Exchange[] }>(ours('Masking/Exchange/', { limit: 20 }));
  const readAgain = () => {
    connections.reload();
    log.reload();
  };
  return (
    <Page title={P.title}>
      <Shown of={connections}>
        {({ connections: all }) =>
          all.length === 0 ? (
            <section class="panel">
              <Empty title={P.empty} hint={P.emptyHint} />
            </section>
          ) : (
            all.map((one) => <ConnectionPanel key={one.id} connection={one} onTested={readAgain} />)
          )
        }
      </Shown>
      <Panel title={P.log} flush>
        <Shown of={log}>
          {({ objects }) =>
            objects.length === 0 ? <Empty title={P.logEmpty} hint={P.logEmptyHint} /> : <Log exchanges={objects} />
          }
        </Shown>
      </Panel>
    </Page>
  );
}

function ConnectionPanel({ connection, onTested }: { connection: Connection; onTested: () => void }) {
  const addresses = P.addresses[connection.dialect] ?? { '': P.webhook };
  return (
    <Panel title={`${P.connection(connection.id)} · ${connection.dialect}`}>
      <p class="faint">{P.paste}</p>
      <dl class="addresses">
        {Object.entries(addresses).map(([path, name]) => (
          <div key={path}>
            <dt>{name}</dt>
            <dd>
              <code>{connection.address + path}</code> <Copy text={connection.address + path} what={name} />
            </dd>
          </div>
        ))}
      </dl>
      <dl class="inline-facts">
        <div>
          <dt>{P.last}</dt>
          <dd>{connection.last_webhook_at === null ? P.lastNone : <Time at={connection.last_webhook_at} />}</dd>
        </div>
        <div>
          <dt>{P.signatures}</dt>
          <dd>{connection.checks_signatures ? P.checked : <Badge state="paused">{P.unchecked}</Badge>}</dd>
        </div>
        <div>
          <dt>{P.failures}</dt>
          <dd>
            {connection.signature_failures === 0 ? (
              P.failuresNone
            ) : (
              <>
                {P.failuresSome(connection.signature_failures)}{' '}
                <Time at={connection.last_signature_failure_at} relative />
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>{P.country}</dt>
          <dd>{connection.default_country ?? T.none}</dd>
        </div>
        <div>
          <dt>{P.number}</dt>
          <dd>
            <Phone number={connection.default_number ?? ''} />
          </dd>
        </div>
        <div>
          <dt>{P.currency}</dt>
          <dd>{connection.currency}</dd>
        </div>
        <div>
          <dt>{P.places}</dt>
          <dd>{connection.places_calls ? T.session.yes : T.session.no}</dd>
        </div>
      </dl>
      <Test id={connection.id} onTested={onTested} />
    </Panel>
  );
}

interface Tested {
  readonly dialect: string;
  readonly works: boolean;
  readonly fault: string | null;
  readonly milliseconds: number;
}

function Test({ id, onTested }: { id: number; onTested: () => void }) {
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<{ works: boolean; words: string } | null>(null);
  const test = async () => {
    setBusy(true);
    const words = await ask<Tested>('POST', ours(`Masking/Connection/${id}/Test/`)).then(
      ({ dialect, works, fault, milliseconds: ms }) => ({
        works,
        words: works ? P.testWorks(dialect, ms) : P.testFails(fault ?? '', ms),
      }),
      (refusal: Refusal) => ({ works: false, words: refusal.message }),
    );
    setOutcome(words);
    setBusy(false);
    onTested();
  };
  return (
    <p>
      <button type="button" class="small" onClick={test} disabled={isBusy}>
        {isBusy ? P.testing : P.test} <span class="unseen">{P.testWhat(id)}</span>
      </button>{' '}
      <span role="status" class={outcome === null ? 'faint' : outcome.works ? '' : 'error'}>
        {outcome?.words ?? P.testHint}
      </span>
    </p>
  );
}

function Log({ exchanges }: { exchanges: readonly Exchange[] }) {
  return (
    <Table
      caption={P.logCaption}
      rows={exchanges}
      keyOf={({ id }) => id}
      columns={[
        { head: P.time, cell: ({ time }) => <Time at={time} /> },
        { head: P.provider, cell: ({ provider }) => provider },
        { head: P.webhook, cell: ({ webhook }) => webhook },
        { head: P.virtual, cell: (one) => <Phone number={one.virtual_number ?? ''} /> },
        { head: P.decision, cell: ({ decision }) => decision },
        { head: P.status, cell: ({ status }) => status, isNumber: true },
        { head: P.took, cell: (one) => `${one.duration_ms.toFixed(1)} ms`, isNumber: true },
      ]}
    />
  );
}
