import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { makeRequests } from './requests.mjs';

/*
 * The load, in a process of its own: bare sockets and requests that were written beforehand, so that it takes as little
 * as it can of the cores that it shares with what it measures. Told by messages, one run at a time.
 */

const dist = process.argv[2];

process.on('message', async (/** @type {any} */ { id, run }) => {
  try {
    process.send({ id, result: await measure(run) });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit());

/**
 * `perSecond` sends at fixed instants, and a wait counts from the instant that was meant; else each connection sends its
 * next request when it has the answer to the last, until there are no more or `seconds` are over.
 */
async function measure({ port, make, count, connections, seconds = 60, perSecond, expect, keep = 0 }) {
  const requests = await makeRequests(dist, make, count);
  const lines = await Promise.all(Array.from({ length: connections }, () => openLine(port)));
  const times = new Float64Array(count);
  const kept = [];
  let sent = 0;
  let answered = 0;
  let wrong = 0;
  let firstWrong = null;
  const began = performance.now();
  const end = began + seconds * 1000;

  async function exchange(line, mine, from) {
    const { status, text } = await line.ask(requests[mine]);
    times[answered++] = performance.now() - from;
    if (status !== expect.status || (expect.text && !text().includes(expect.text))) {
      wrong += 1;
      firstWrong ??= `${status} ${text().slice(0, 300)}`;
    } else if (kept.length < keep) kept.push(text());
  }

  if (perSecond === undefined) {
    await Promise.all(
      lines.map(async (line) => {
        while (sent < count) {
          const now = performance.now();
          if (now > end) return;
          await exchange(line, sent++, now);
        }
      }),
    );
  } else {
    const under = new Set();
    while (sent < count && performance.now() < end) {
      const due = began + (sent * 1000) / perSecond;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      // In turn: one that nobody used for some seconds would be told that its request is late, and be closed.
      const line = lines.shift() ?? (await openLine(port));
      const work = exchange(line, sent++, Math.max(due, 0)).finally(() => {
        lines.push(line);
        under.delete(work);
      });
      under.add(work);
    }
    await Promise.all(under);
  }
  const elapsed = (performance.now() - began) / 1000;
  for (const line of lines) line.close();
  const sorted = times.subarray(0, answered).sort();
  const at = (share) => sorted[Math.min(answered - 1, Math.floor(answered * share))] ?? 0;
  return { answered, wrong, firstWrong, kept, seconds: elapsed, rate: answered / elapsed, p50: at(0.5), p99: at(0.99) };
}

/** One keep-alive connection; one request at a time. */
async function openLine(port) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let waiting = null;
  let got = Buffer.alloc(0);
  let body = -1;
  let length = 0;
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const fail = (error) => waiting?.reject(error ?? new Error('the line was closed'));
  socket.on('error', fail).on('close', () => fail());
  socket.on('data', (piece) => {
    got = got.length === 0 ? piece : Buffer.concat([got, piece]);
    if (body < 0) {
      const head = got.indexOf('\r\n\r\n');
      if (head < 0) return;
      body = head + 4;
      const match = /\r\ncontent-length: *(\d+)/i.exec(got.toString('latin1', 0, body));
      if (match === null) return fail(new Error(`no length: ${got.toString('latin1', 0, body)}`));
      length = Number(match[1]);
    }
    if (got.length < body + length) return;
    const [whole, from] = [got, body];
    const { resolve } = waiting;
    [got, body, waiting] = [Buffer.alloc(0), -1, null];
    resolve({ status: Number(whole.toString('latin1', 9, 12)), text: () => whole.toString('utf8', from) });
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}
