import type { FastifyReply } from 'fastify';

// Then the browser comes again by itself, with a cookie that is judged anew.
const LONGEST_MS = 5 * 60_000;
// What stands between us and the browser cuts off connections on which nothing moves.
const BEAT_MS = 20_000;
const MOST_STREAMS = 200;
let streams = 0;

/** Sends server-sent events for as long as the browser listens, the process lives or some minutes. */
export function sendEvents(
  reply: FastifyReply,
  closing: AbortSignal,
  follow: (tell: (fact: object) => void) => () => void,
): void {
  reply.hijack();
  const { raw } = reply;
  if (streams >= MOST_STREAMS) {
    raw.writeHead(503, { 'retry-after': '5' }).end();
    return;
  }
  streams += 1;
  raw.setTimeout(0);
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  raw.write('retry: 1000\n\nevent: open\ndata: {}\n\n');
  const leave = follow((fact) => raw.write(`event: change\ndata: ${JSON.stringify(fact)}\n\n`));
  const beat = setInterval(() => raw.write(': still here\n\n'), BEAT_MS);
  const end = setTimeout(() => raw.end(), LONGEST_MS);
  const close = () => raw.end();
  // Closing waits for every request, and this one would not end by itself.
  closing.addEventListener('abort', close);
  for (const timer of [beat, end]) timer.unref();
  raw.once('close', () => {
    streams -= 1;
    leave();
    closing.removeEventListener('abort', close);
    for (const timer of [beat, end]) clearTimeout(timer);
  });
}
