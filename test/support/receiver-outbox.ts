import postgres from 'postgres';
import { api, MAIN, makeSession, SESSIONS, type TestService } from './service.ts';

/** What a test reads of a callback's row. */
export interface OutboxRow {
  readonly id: string;
  readonly state: 'pending' | 'delivered' | 'given_up';
  readonly attempts: number;
  readonly sequence: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  /** Seconds until the next attempt is due, negative when it is. */
  readonly dueIn: number;
}

/** A test's own look at the callbacks of a database. */
export interface Outbox {
  readonly sql: postgres.Sql;
  rows(url?: string): Promise<readonly OutboxRow[]>;
  /** Ends a new session, which books its SessionTimeout. */
  book(url: string, more?: object): Promise<void>;
  /** Books callbacks of one session to each of the addresses, as many as each says. */
  bookMany(counts: Readonly<Record<string, number>>): Promise<void>;
  /** Lets the time until the next attempts pass, and forgets how the last ones ended. */
  makeDue(): Promise<void>;
  close(): Promise<void>;
}

export function openOutbox(service: TestService): Outbox {
  const sql = postgres(service.databaseUrl, { max: 1, onnotice: () => {} });
  let people = 0;
  return {
    sql,
    rows: (url) => sql<OutboxRow[]>`
      select id, state, attempts, sequence, last_status as "lastStatus", last_error as "lastError",
        extract(epoch from next_attempt_at - now())::float8 as "dueIn"
      from callbacks where ${url ?? null}::text is null or url = ${url ?? null} order by url, sequence`,
    async book(url, more = {}) {
      const [first, second] = [people++, people++].map((i) => `+1202555${String(i).padStart(4, '0')}`);
      const { session_uuid: id } = await makeSession(service, {
        ...{ first_party: first, second_party: second, callback_url: url, ...more },
      });
      const ended = await api(service, 'DELETE', `${SESSIONS}${id}/`);
      if (ended.status !== 200) throw new Error(`not ended: ${ended.status}`);
    },
    async bookMany(counts) {
      for (const [url, count] of Object.entries(counts)) {
        await sql`
          insert into callbacks (event_key, account_id, session_id, virtual_number_id, event, sequence, url, method)
          select gen_random_uuid()::text, ${MAIN.id}, gen_random_uuid(), (
            select id from virtual_numbers where account_id = ${MAIN.id} limit 1), 'SessionTimeout', 1, ${url}, 'POST'
          from generate_series(1, ${count})`;
      }
    },
    async makeDue() {
      await sql`update callbacks set next_attempt_at = now(), last_error = null where state = 'pending'`;
    },
    close: () => sql.end(),
  };
}
