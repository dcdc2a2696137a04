import net from 'node:net';

/** What came back on a connection for what was written on it. */
export interface RawAnswer {
  /** Of the responses in order, without those that only tell to go on. */
  readonly statuses: readonly number[];
  /** What is no response at all, or only a part of one. */
  readonly rest: string;
  /** The server ended the connection. */
  readonly isClosed: boolean;
}

const QUIET_MS = 400;
const PATIENCE_MS = 4_000;

/**
 * Writes the bytes on a connection of their own and takes what comes, until the server closes it or has been quiet
 * for a moment after its last whole response.
 *
 * @param end half-closes the connection behind the bytes.
 */
export function exchange(port: number, bytes: Buffer, end = false): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let quiet: NodeJS.Timeout | undefined;
    const finish = (isClosed: boolean) => {
      clearTimeout(quiet);
      clearTimeout(patience);
      socket.destroy();
      resolve({ ...readResponses(Buffer.concat(chunks).toString('latin1')), isClosed });
    };
    const patience = setTimeout(() => finish(false), PATIENCE_MS);
    socket.on('connect', () => {
      socket.write(bytes);
      if (end) socket.end();
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      clearTimeout(quiet);
      const { statuses, rest } = readResponses(Buffer.concat(chunks).toString('latin1'));
      if (rest === '' && statuses.length > 0) quiet = setTimeout(() => finish(false), QUIET_MS);
    });
    socket.on('end', () => finish(true));
    // A server that refuses what is still being written resets the connection.
    socket.on('error', () => finish(true));
  });
}

function readResponses(text: string): { statuses: number[]; rest: string } {
  const statuses: number[] = [];
  let rest = text;
  while (rest !== '') {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) break;
    const headers = head[2] ?? '';
    const length = /^transfer-encoding: *chunked\r$/im.test(headers)
      ? rest.indexOf('0\r\n\r\n') + 5 - head[0].length
      : Number(/^content-length: *(\d+)/im.exec(headers)?.[1] ?? 0);
    // Chunks without their end.
    if (length < 0) break;
    if (rest.length < head[0].length + length) break;
    const status = Number(head[1]);
    if (status >= 200) statuses.push(status);
    rest = rest.slice(head[0].length + length);
  }
  return { statuses, rest };
}
