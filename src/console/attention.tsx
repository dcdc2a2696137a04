import { me, ours, useRead } from './api.ts';
import { Link, type PageMeta, Panel } from './parts.tsx';
import { T } from './texts.ts';

const O = T.overview;
const NEARLY_FULL = 0.1;

export interface Pool {
  readonly country: string;
  readonly subaccount: string | null;
  readonly numbers: number;
  readonly live_sessions: number;
  readonly load: number;
  readonly peak_load: number;
  readonly numbers_needed: number;
  readonly numbers_needed_at_peak: number;
  readonly headroom: number;
  readonly headroom_at_peak: number;
}

export interface Endpoint {
  readonly endpoint: string;
  readonly state: 'failing' | 'paused';
  readonly pause_reason: 'failing' | 'operator' | null;
  readonly paused_time: string | null;
  readonly failures: number;
  readonly failing_since: string | null;
  readonly pending_count: number;
  readonly oldest_pending_time: string | null;
}

interface Item {
  readonly text: string;
  readonly to: string;
  readonly link: string;
}

/** What somebody should look into, each with the page where it is mended. */
export function Attention() {
  const isMain = me.value?.is_subaccount === false;
  const pool = useRead<{ pools: readonly Pool[] }>(ours('Masking/Pool/', { limit: 1 }));
  const endpoints = useRead<{ objects: readonly Endpoint[] }>(isMain ? ours('Masking/Endpoint/') : null);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 16).replace('T', ' ');
  const orphans = useRead<{ meta: PageMeta }>(
    ours('Call/', { outcome: 'orphan', initiation_time__gte: yesterday, limit: 1 }),
  );
  const policy = useRead<{ calls_enabled: boolean }>(ours('Masking/Policy/'));
  const orphanCount = orphans.data?.meta.total_count ?? 0;
  const items: Item[] = [
    ...(policy.data?.calls_enabled === false ? [{ text: O.disabled, to: '/sessions', link: O.disabledLink }] : []),
    ...(pool.data?.pools ?? [])
      .filter((one) => one.headroom_at_peak < Math.max(1, one.numbers * NEARLY_FULL))
      .map((one) => ({ text: O.pool(one.country, one.headroom_at_peak), to: '/numbers', link: O.poolLink })),
    ...(endpoints.data?.objects ?? []).map((one) => ({
      text:
        one.state === 'paused'
          ? O.endpointPaused(one.endpoint, one.pending_count)
          : O.endpoint(one.endpoint, one.failures),
      to: '/callbacks',
      link: O.endpointLink,
    })),
    ...(orphanCount > 0 ? [{ text: O.orphans(orphanCount), to: '/providers', link: O.orphansLink }] : []),
  ];
  if (pool.data === null) return null;
  if (items.length === 0) {
    return (
      <p class="calm">
        <span class="strong">{O.calm}</span> <span class="faint">{O.calmHint}</span>
      </p>
    );
  }
  return (
    <Panel title={O.attention} flush>
      <ul class="attention">
        {items.map(({ text, to, link }) => (
          <li key={text}>
            <span>{text}</span>
            <Link to={to}>{link}</Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
