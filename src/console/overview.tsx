import { ours, useRead } from './api.ts';
import { Attention } from './attention.tsx';
import { Choice, Empty, Link, Page, Panel, Shown } from './parts.tsx';
import { Plot } from './plot.tsx';
import { route, setQuery } from './route.ts';
import { type SessionList, SessionTable } from './sessions.tsx';
import { T } from './texts.ts';
import { span } from './time.ts';

const O = T.overview;

interface Sums {
  readonly sessions: { readonly created: number; readonly active: number };
  readonly calls: {
    readonly offered: number;
    readonly connected: number;
    readonly missed: number;
    readonly refused: { readonly total: number };
    readonly in_progress: number;
  };
  readonly pin: { readonly successes: number; readonly failures: number };
  readonly talk_seconds: number;
  readonly billed_seconds: number;
  readonly amounts: Readonly<Record<string, string>>;
  readonly answer_rate: number | null;
  readonly call_length: { readonly average: number | null };
}

interface Totals {
  readonly from: string;
  readonly to: string;
  readonly total: Sums;
  readonly groups: readonly (Sums & { readonly key: string })[];
}

const HOUR = 3_600_000;
type Range = keyof typeof O.ranges;
const HOURS: Readonly<Record<Range, number>> = { '6h': 6, '24h': 24, '7d': 168, '30d': 720 };

export function Overview() {
  const range = (route.value.query.get('range') ?? '24h') as Range;
  const hours = HOURS[range] ?? 24;
  const isByDay = hours > 168;
  // The running hour is part of it.
  const end = new Date(Math.ceil((Date.now() + 1) / HOUR) * HOUR);
  const from = new Date(end.getTime() - hours * HOUR);
  const start = isByDay ? new Date(from.toISOString().slice(0, 10)) : from;
  const totals = useRead<Totals>(
    ours('Masking/Totals/', {
      from: hourText(start),
      to: hourText(end),
      group_by: isByDay ? 'day' : 'hour',
      limit: 1000,
    }),
  );
  const newest = useRead<SessionList>(ours('Masking/Session/', { limit: 5 }));
  return (
    <Page
      title={O.title}
      actions={
        <Choice
          label={O.rangeLabel}
          options={O.ranges}
          value={range}
          onChange={(value) => setQuery({ range: value === '24h' ? '' : value })}
        />
      }
    >
      <Attention />
      <Shown of={totals}>
        {(data) => (
          <>
            <Figures sums={data.total} />
            <Plots data={data} start={start} end={end} step={isByDay ? 24 * HOUR : HOUR} />
          </>
        )}
      </Shown>
      <Panel title={O.newest} aside={<Link to="/sessions">{O.all}</Link>} flush>
        <Shown of={newest}>
          {({ response: { objects } }) =>
            objects.length === 0 ? (
              <Empty title={T.sessions.empty} hint={T.sessions.emptyHint}>
                <Link to="/sessions/new" class="button primary">
                  {T.sessions.create}
                </Link>
              </Empty>
            ) : (
              <SessionTable sessions={objects} />
            )
          }
        </Shown>
      </Panel>
    </Page>
  );
}

function hourText(at: Date): string {
  return `${at.toISOString().slice(0, 13)}:00:00Z`;
}

function Figures({ sums }: { sums: Sums }) {
  const { sessions, calls, pin, amounts } = sums;
  const rate = sums.answer_rate === null ? T.none : `${Math.round(sums.answer_rate * 100)} %`;
  const cost = Object.entries(amounts).map(([currency, amount]) => `${Number(amount).toFixed(2)} ${currency}`);
  const average = sums.call_length.average;
  return (
    <dl class="figures">
      <Figure label={O.active} value={count(sessions.active)} note={O.created(sessions.created)} />
      <Figure label={O.inProgress} value={count(calls.in_progress)} note={O.offered(calls.offered)} />
      <Figure label={O.answerRate} value={rate} note={O.rateOf(calls.connected, calls.missed)} />
      <Figure label={O.pinFailures} value={count(pin.failures)} note={O.pinOf(pin.successes)} />
      <Figure
        label={O.talk}
        value={span(sums.talk_seconds)}
        note={average === null ? T.none : O.average(span(average))}
      />
      <Figure label={O.billed} value={span(sums.billed_seconds)} note={`${O.cost}: ${cost.join(' + ') || T.none}`} />
    </dl>
  );
}

function Figure({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class="value">{value}</dd>
      <dd class="faint">{note}</dd>
    </div>
  );
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function Plots({ data, start, end, step }: { data: Totals; start: Date; end: Date; step: number }) {
  const groups = new Map(data.groups.map((group) => [new Date(group.key).getTime(), group]));
  // Steps in which nothing happened are no groups.
  const times = Array.from(
    { length: Math.ceil((end.getTime() - start.getTime()) / step) },
    (_, i) => start.getTime() + i * step,
  );
  const values = (of: (sums: Sums) => number) => times.map((at) => (groups.has(at) ? of(groups.get(at) as Sums) : 0));
  const seconds = times.map((at) => at / 1000);
  const [connected, missed, refused] = O.callsLegend;
  const common = { times: seconds, step };
  return (
    <div class="plots">
      <Plot
        {...common}
        title={O.calls}
        total={count(data.total.calls.offered)}
        series={[
          { label: refused, color: 'bad', values: values((sums) => sums.calls.refused.total) },
          { label: missed, color: 'warn', values: values((sums) => sums.calls.missed) },
          { label: connected, color: 'accent', values: values((sums) => sums.calls.connected) },
        ]}
      />
      <Plot
        {...common}
        title={O.sessions}
        total={count(data.total.sessions.created)}
        series={[{ label: O.sessions, color: 'accent', values: values((sums) => sums.sessions.created) }]}
      />
      <Plot
        {...common}
        title={O.talkPlot}
        total={count(Math.round(data.total.talk_seconds / 60))}
        series={[
          { label: O.talkPlot, color: 'accent', values: values((sums) => Math.round(sums.talk_seconds / 6) / 10) },
        ]}
      />
      <Plot
        {...common}
        title={O.pinPlot}
        total={count(data.total.pin.failures)}
        series={[{ label: O.pinPlot, color: 'bad', values: values((sums) => sums.pin.failures) }]}
      />
    </div>
  );
}
