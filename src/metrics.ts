import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ownVersion } from './http/version.ts';
import { sqlState } from './store/connect.ts';
import type { StatementWatch } from './store/statements.ts';

/**
 * What is counted, for Prometheus. A label's values are a closed set: no phone, PIN, token, id, key or address of
 * anybody is ever one, and neither is a path as it was asked for.
 */
export type Metrics = ReturnType<typeof createMetrics>;

// From what an answer should take to the deadline of any request.
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics() {
  const registers = [new Registry()] as const;
  const counter = <T extends string = never>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter({ name: `bauta_${name}_total`, help, labelNames, registers: [...registers] });
  const gauge = <T extends string = never>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge({ name: `bauta_${name}`, help, labelNames, registers: [...registers] });
  const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Histogram({ name: `bauta_${name}`, help, labelNames, buckets: SECONDS, registers: [...registers] });

  const metrics = {
    registry: registers[0],
    requests: histogram('http_request_seconds', 'Requests by the pattern of their route.', [
      'method',
      'route',
      'status',
    ]),
    problems: counter('problems', 'Requests of the API that were refused in our words.', ['kind']),
    signInsRefused: counter('sign_ins_refused', 'Wrong credentials of the API.'),
    webhooksRefused: counter('webhooks_refused', 'Webhooks with a wrong signature or password.', ['webhook']),
    decisions: counter('call_decisions', 'Answers to calls, repeated ones too, by reason.', ['reason']),
    callsRefused: counter('calls_refused', 'Calls that were refused, each once, by reason.', ['reason']),
    fallbacks: counter('answer_fallbacks', 'Callers who heard an apology, since nothing was decided.', ['cause']),
    pinEntries: counter('pin_entries', 'PINs keyed, each once.', ['result']),
    reports: counter('call_reports', 'What providers reported of calls, and what came of it.', ['webhook', 'reason']),
    callbackAttempts: counter('callback_attempts', 'Attempts to call receivers, by what became of them.', ['outcome']),
    callbacksGivenUp: counter('callbacks_given_up', 'Callbacks that are tried no more.'),
    jobFailures: counter('job_failures', 'Runs of jobs that failed.', ['name']),
    databaseErrors: counter('database_errors', 'Failed statements, by the class of their SQLSTATE.', ['pool', 'class']),
    statementSeconds: histogram('database_statement_seconds', 'Statements with their wait for a connection.', ['pool']),
    statements: gauge('database_statements', 'Statements that are wished for and not settled.', ['pool']),
    statementsWaiting: gauge('database_statements_waiting', 'Those of them beyond the connections.', ['pool']),
    connections: gauge('database_connections', 'The most connections that a pool opens.', ['pool']),
    databaseUp: gauge('database_up', '1 where the state of the database, below, could be read.'),
    callbacksPending: gauge('callbacks_pending', 'Callbacks to be sent, counted up to 100 000.'),
    oldestDue: gauge('callbacks_oldest_due_seconds', 'For how long a callback has been due at most.'),
    endpointsPaused: gauge('callback_endpoints_paused', 'Receivers that are paused.'),
    expiryLag: gauge('expiry_lag_seconds', 'For how long a session has been over unannounced at most.'),
    liveSessions: gauge('sessions_live', 'Sessions that are live.'),
    poolNumbers: gauge('pool_numbers', 'Virtual numbers in all pools.', ['country']),
    poolHeadroom: gauge('pool_headroom_ratio', 'What is left of the fullest pool at its peak.', ['country']),
  };
  new Gauge({
    name: 'bauta_build_info',
    help: 'Always 1.',
    labelNames: ['version', 'node'],
    registers: [...registers],
    // Of several processes too.
    aggregator: 'first',
  }).set({ version: ownVersion(), node: process.version }, 1);
  // A counter that appears with its first event has no increase then, and nobody would be alerted.
  for (const cause of ['late', 'failed', 'contended'] as const) metrics.fallbacks.inc({ cause }, 0);
  for (const result of ['right', 'wrong', 'refused_by_limit'] as const) metrics.pinEntries.inc({ result }, 0);
  return metrics;
}

/** Counts what a pool of so many connections does. */
export function watchPool(metrics: Metrics, pool: 'api' | 'answers' | 'watch', connections: number): StatementWatch {
  let underWay = 0;
  const show = (change: number) => {
    underWay += change;
    metrics.statements.set({ pool }, underWay);
    metrics.statementsWaiting.set({ pool }, Math.max(0, underWay - connections));
  };
  metrics.connections.set({ pool }, connections);
  show(0);
  return {
    began: () => show(1),
    ended(seconds, error) {
      show(-1);
      metrics.statementSeconds.observe({ pool }, seconds);
      if (error !== null) metrics.databaseErrors.inc({ pool, class: classOf(error) });
    },
  };
}

/** `23` and the like, `connection` where the server was not reached or went away, `other` for faults of ours. */
function classOf(error: unknown): string {
  const state = sqlState(error) ?? '';
  if (/^[0-9A-Z]{5}$/.test(state)) return state.slice(0, 2);
  // A server that is cut off without a word looks like one that is slow.
  return /^(CONNECT|STATEMENT_LATE|E[A-Z]+$)/.test(state) ? 'connection' : 'other';
}
