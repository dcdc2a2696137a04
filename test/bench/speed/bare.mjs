import formbody from '@fastify/formbody';
import Fastify from 'fastify';

/*
 * The yardstick: the route that cannot be any simpler. A form is parsed, a fixed text of the same length as an answer is
 * the reply. Nothing is checked, looked up or written.
 */

const reply = 'x'.repeat(Number(process.argv[2]));
const app = Fastify();
await app.register(formbody);
app.post('/answer/:key/', async (request, response) => {
  response.type('text/xml; charset=utf-8');
  return request.body.CallUUID === undefined ? '' : reply;
});
await app.listen({ host: '127.0.0.1', port: 0 });
process.send({ port: app.server.address().port });
process.on('disconnect', () => process.exit());
