import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export interface Run {
  readonly port: number;
  /** What is asked, see `requests.mjs`. */
  readonly make: Readonly<Record<string, unknown>> & {
    readonly kind: 'answer' | 'pin' | 'dial' | 'hangup' | 'create' | 'get';
  };
  readonly count: number;
  readonly connections: number;
  /** After so long no more is asked. */
  readonly seconds?: number;
  /** At fixed instants; as fast as answers come where it is not given. */
  readonly perSecond?: number;
  readonly expect: { readonly status: number; readonly text?: string };
  /** How many answers' bodies are given back. */
  readonly keep?: number;
}

export interface Measured {
  readonly answered: number;
  readonly kept: readonly string[];
  readonly seconds: number;
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** The load generator, a process of its own. */
export class Generator {
  readonly #child: ChildProcess;
  #id = 0;

  constructor(dist: string) {
    this.#child = fork(here('generator.mjs'), [dist], { execArgv: [] });
  }

  /** @throws where a single answer was not what was expected. */
  async run(run: Run): Promise<Measured> {
    const id = ++this.#id;
    const told = new Promise<Measured & { wrong: number; firstWrong: string | null }>((resolve, reject) => {
      const gone = (code: number | null) => reject(new Error(`the load generator ended with ${code}`));
      const hear = (message: { id: number; result?: never; error?: string }) => {
        if (message.id !== id) return;
        this.#child.off('message', hear).off('exit', gone);
        if (message.result === undefined) reject(new Error(message.error));
        else resolve(message.result);
      };
      this.#child.on('message', hear).once('exit', gone);
    });
    this.#child.send({ id, run });
    const { wrong, firstWrong, ...measured } = await told;
    if (wrong > 0) throw new Error(`${wrong} of ${measured.answered} answers were wrong: ${firstWrong}`);
    return measured;
  }

  close(): void {
    this.#child.kill();
  }
}

/** The bare Fastify route, with a reply of so many characters. */
export async function startBare(length: number): Promise<{ port: number; close(): void }> {
  const child = fork(here('bare.mjs'), [String(length)], { execArgv: [] });
  const { port } = await new Promise<{ port: number }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { port: number }));
    child.once('exit', (code) => reject(new Error(`the bare route ended with ${code}`)));
  });
  return { port, close: () => void child.kill() };
}
