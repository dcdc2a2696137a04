import { ours, useRead } from './api.ts';
import { Badge, Empty, Link, Page, type PageMeta, Pager, Phone, Shown, Time } from './parts.tsx';
import { route, setQuery } from './route.ts';
import { Table } from './table.tsx';
import { T } from './texts.ts';

const S = T.sessions;

/** A session as the API shows it. */
export interface Session {
  readonly session_uuid: string;
  readonly first_party: string;
  readonly second_party: string;
  readonly virtual_number: string;
  readonly status: string;
  readonly created_time: string;
  readonly modified_time: string;
  readonly expiry_time: string;
  readonly duration: number;
  readonly call_time_limit: number;
  readonly ring_timeout: number;
  readonly record: boolean;
  readonly callback_url: string;
  readonly is_pin_authentication_required: boolean;
  readonly first_party_pin: string | null;
  readonly second_party_pin: string | null;
  readonly create_session_with_single_party: boolean | null;
  readonly virtual_number_cooloff_period: number;
  readonly total_call_amount: number;
  readonly total_call_count: number;
  readonly total_call_billed_duration: number;
}

export interface SessionList {
  readonly response: { readonly meta: PageMeta; readonly objects: readonly Session[] };
}

export function Sessions() {
  const { query } = route.value;
  const get = (name: string, otherwise = '') => query.get(name) ?? otherwise;
  const days = Number(get('days', '7'));
  const from = new Date(Date.now() - days * 86_400_000);
  // To the minute, so that the address does not change with every drawing.
  const since = from.toISOString().slice(0, 16).replace('T', ' ');
  const number = get('number');
  const list = useRead<SessionList>(
    ours('Masking/Session/', {
      ...(number && { [get('which', 'first_party')]: number }),
      status: get('status', 'all'),
      created_time__gte: since,
      limit: 20,
      offset: get('offset', '0'),
    }),
  );
  const isFiltered = number !== '' || query.has('status');
  return (
    <Page
      title={S.title}
      actions={
        <Link to="/sessions/new" class="button primary">
          {S.create}
        </Link>
      }
    >
      <Filters />
      <section class="panel flush">
        <Shown of={list}>
          {({ response: { meta, objects } }) =>
            objects.length === 0 ? (
              <Empty title={isFiltered ? S.nothing : S.empty} hint={isFiltered ? S.nothingHint : S.emptyHint}>
                <Link to="/sessions/new" class="button">
                  {S.create}
                </Link>
              </Empty>
            ) : (
              <>
                <SessionTable sessions={objects} />
                <Pager
                  meta={meta}
                  status={get('status')}
                  onGo={(offset) => setQuery({ offset: offset === 0 ? '' : String(offset) })}
                />
              </>
            )
          }
        </Shown>
      </section>
    </Page>
  );
}

function Filters() {
  const { query } = route.value;
  const isSet = ['number', 'status', 'days'].some((name) => query.has(name));
  const submit = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const number = String(form.get('number')).trim();
    setQuery({
      number,
      which: number === '' ? '' : String(form.get('which')),
      status: form.get('status') === 'all' ? '' : String(form.get('status')),
      days: form.get('days') === '7' ? '' : String(form.get('days')),
      offset: '',
    });
  };
  const choose = (event: Event) => (event.currentTarget as HTMLSelectElement).form?.requestSubmit();
  return (
    <search>
      <form class="filters" onSubmit={submit} key={isSet ? 'set' : 'clear'}>
        <label class="wide">
          {S.number}
          <input
            name="number"
            type="search"
            inputMode="tel"
            placeholder={S.numberPlaceholder}
            defaultValue={query.get('number') ?? ''}
          />
        </label>
        <Select name="which" label={S.which} options={S.whichOptions} value={query.get('which') ?? 'first_party'} />
        <Select
          name="status"
          label={S.status}
          options={{
            all: T.status.all ?? '',
            active: T.status.active ?? '',
            'in-progress': T.status['in-progress'] ?? '',
            expired: T.status.expired ?? '',
          }}
          value={query.get('status') ?? 'all'}
          onChange={choose}
        />
        <Select name="days" label={S.window} options={S.windows} value={query.get('days') ?? '7'} onChange={choose} />
        <button type="submit">{S.search}</button>
        {isSet && (
          <button
            type="button"
            class="plain"
            onClick={() => setQuery({ number: '', which: '', status: '', days: '', offset: '' })}
          >
            {S.clear}
          </button>
        )}
      </form>
    </search>
  );
}

function Select({
  name,
  label,
  options,
  value,
  onChange,
}: {
  name: string;
  label: string;
  options: Readonly<Record<string, string>>;
  value: string;
  onChange?: (event: Event) => void;
}) {
  return (
    <label>
      {label}
      <select name={name} value={value} onChange={onChange}>
        {Object.entries(options)
          .sort(([a], [b]) => (Number(a) || 0) - (Number(b) || 0))
          .map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
      </select>
    </label>
  );
}

export function SessionTable({ sessions }: { sessions: readonly Session[] }) {
  const C = S.columns;
  return (
    <Table
      caption={S.caption}
      rows={sessions}
      keyOf={({ session_uuid: id }) => id}
      columns={[
        { head: C.virtual, cell: (session) => <SessionLink session={session} /> },
        { head: C.first, cell: (session) => <Phone number={session.first_party} none={S.single} /> },
        { head: C.second, cell: (session) => <Phone number={session.second_party} none={S.single} /> },
        { head: C.status, cell: ({ status }) => <Badge state={status}>{T.status[status]}</Badge> },
        { head: C.created, cell: (session) => <Time at={session.created_time} /> },
        { head: C.expires, cell: (session) => <Time at={session.expiry_time} relative /> },
        { head: C.calls, cell: (session) => session.total_call_count, isNumber: true },
        { head: C.cost, cell: (session) => session.total_call_amount.toFixed(4), isNumber: true },
      ]}
    />
  );
}

function SessionLink({ session }: { session: Session }) {
  return (
    <Link to={`/sessions/${session.session_uuid}`}>
      <Phone number={session.virtual_number} />
    </Link>
  );
}
