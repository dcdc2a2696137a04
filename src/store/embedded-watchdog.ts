import { spawn } from 'node:child_process';
import { closeSync, constants, fchownSync, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Runner } from './embedded-binaries.ts';

/** A program of PostgreSQL that ends when this process ends, however this process ends. */
export interface Watched {
  readonly pid: number;
  /** Its exit code, once it is gone. Never rejects. */
  readonly ended: Promise<number>;
  /** What it has written to the log so far. */
  output(): string;
  /** Asks for a fast shutdown, and keeps this process alive until then. */
  stop(): void;
  /** Lets this process end while the program runs: it is then shut down. */
  unref(): void;
}

const PATIENCE = { stop: 300, orphan: 15 }; // tenths of a second

/*
 * Only this process holds the writing end of the guard's pipe. A line on it means stop(), its end means
 * that this process is gone; kill -9 included. Either way the server gets a fast shutdown (INT, again and
 * again, since a program that has just been started may not listen yet) and, when its patience has run
 * out, an immediate one (QUIT), after which PostgreSQL recovers from its write-ahead log.
 */
const WATCHDOG = `
trap '' PIPE
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
(
  if read -r _ <&3; then patience=${PATIENCE.stop}; else patience=${PATIENCE.orphan}; fi
  while [ "$patience" -gt 0 ] && kill -INT "$server"; do patience=$((patience - 1)); sleep 0.1; done
  kill -QUIT "$server"
) >/dev/null 2>&1 &
guard=$!
exec 3<&- </dev/null
trap 'kill -INT "$server"' TERM INT HUP
echo "$server"
wait "$server"; code=$?
while kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
kill "$guard" 2>/dev/null
exit "$code"`;

/**
 * Runs `program` of PostgreSQL; all it says is appended to the file `log`.
 *
 * It gets a session of its own: Ctrl-C in a terminal goes to every process of the group, and the database
 * must outlive the service's last statement.
 */
export async function runWatched(
  runner: Runner,
  program: string,
  parameters: readonly string[],
  log: string,
): Promise<Watched> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const file = openSync(log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  if (process.getuid?.() === 0) fchownSync(file, runner.owner.uid, runner.owner.gid);
  const { size } = fstatSync(file);
  const words = [...runner.prefix, path.join(runner.bin, program), ...parameters];
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'bauta-watchdog', ...words], {
    ...runner.credentials,
    cwd: '/',
    detached: true,
    // PostgreSQL takes a lock file that names its parent or grandparent for a leftover: in a container the
    // same few process ids come back after every restart.
    env: {
      PATH: `${process.env.PATH ?? ''}:/usr/bin:/bin`,
      LC_ALL: 'C',
      TZ: 'UTC',
      PG_GRANDPARENT_PID: String(process.pid),
    },
    stdio: ['pipe', 'pipe', file],
  });
  closeSync(file);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('The watchdog of PostgreSQL has no pipes.');
  stdin.on('error', () => {}); // it was gone before it could be asked to stop
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  const pid = await new Promise<number>((resolve, reject) => {
    stdout.once('data', (line) => resolve(Number(line)));
    child.once('error', reject);
    child.once('close', () => reject(new Error('The watchdog of PostgreSQL was killed.')));
  });
  stdout.destroy();
  return {
    pid,
    ended,
    output: () => readFileSync(log).subarray(size).toString(),
    stop: () => {
      child.ref();
      stdin.end('stop\n');
    },
    unref: () => child.unref(),
  };
}
