import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendError } from './problems.ts';

// The same folder for the sources, for what is compiled of them and for the bundle.
const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));
const FILES = { 'main.js': 'text/javascript; charset=utf-8', 'main.css': 'text/css; charset=utf-8' } as const;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self' https:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Bauta</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console/main.css">
<script type="module" src="/console/main.js"></script>
</head>
<body><div id="app"></div><noscript>The console needs JavaScript.</noscript></body>
</html>
`;

/** The console's page, at any of its addresses, and the two files that it loads. */
export function consoleFiles(app: FastifyInstance): void {
  for (const [name, type] of Object.entries(FILES)) {
    app.get(`/console/${name}`, { schema: { hide: true } }, async (request, reply) => {
      const content = await readFile(`${BUILT}${name}`).catch(() => null);
      if (content === null) return sendError(reply, 404, 'The console is not built: run `npm run build`.');
      return sendFile(request, reply, type, content);
    });
  }
  for (const url of ['/console', '/console/*']) {
    app.get(url, { schema: { hide: true } }, async (request, reply) =>
      sendFile(request, reply, 'text/html; charset=utf-8', Buffer.from(PAGE)),
    );
  }
}

function sendFile(request: FastifyRequest, reply: FastifyReply, type: string, content: Buffer): FastifyReply {
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  reply.headers({ ...HEADERS, etag });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.type(type).send(content);
}
