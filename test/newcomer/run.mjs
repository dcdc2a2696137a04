import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMMANDS } from './commands.mjs';
import { commandsOf, likeDocument } from './readme.mjs';

/*
 * npm run newcomer -- [--install]: does what README.md says as somebody who has just cloned it, and ends with 1 where
 * something else comes out, or where README.md has a command that nobody has said anything about here.
 *   --install  runs npm ci too, rather than taking over the packages that are installed.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const { blocks, commands } = commandsOf(readme);
const home = mkdtempSync(path.join(tmpdir(), 'bauta-newcomer-'));
const clone = path.join(home, 'bauta');
const services = [];
let port;
const faults = [];
const say = (text) => process.stdout.write(`${text}\n`);
const fault = (text) => {
  faults.push(text);
  say(`  WRONG: ${text}`);
};

try {
  for (const one of commands) if (!(one in COMMANDS)) fault(`README.md has “${one}”, of which nothing is known here`);
  for (const one of Object.keys(COMMANDS)) if (!commands.includes(one)) fault(`README.md has no “${one}” any more`);
  await cloneTree();
  const it = await firstStart();
  await firstCalls(it);
  await fromTheApp(it);
  await eachCommand(it);
  await declared();
} catch (error) {
  fault(error.stack);
} finally {
  for (const service of services) await stop(service);
  rmSync(home, { recursive: true, force: true });
}
say(faults.length === 0 ? '\nREADME.md does what it says.' : `\n${faults.length} wrong:\n${faults.join('\n')}`);
process.exit(faults.length === 0 ? 0 : 1);

/** What a clone holds: the files that git knows, as they are here, so that a change is seen before it is committed. */
async function cloneTree() {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: ROOT });
  for (const name of stdout.split('\0').filter((one) => one !== '' && existsSync(path.join(ROOT, one)))) {
    mkdirSync(path.dirname(path.join(clone, name)), { recursive: true });
    cpSync(path.join(ROOT, name), path.join(clone, name));
  }
  if (process.argv.includes('--install')) await shell('npm ci', 600_000);
  else symlinkSync(path.join(ROOT, 'node_modules'), path.join(clone, 'node_modules'));
}

/** The start command. What it prints is what the newcomer has to go on with. */
async function firstStart() {
  const it = { root: ROOT, ...(await start('npm start')) };
  const found = (name, pattern) => {
    const value = pattern.exec(it.printed)?.[1];
    if (value === undefined) throw new Error(`the first start does not tell the ${name}:\n${it.printed}`);
    return value;
  };
  it.authId = found('auth id', /auth id +(\S+)/);
  it.token = found('auth token', /auth token +(\S+)/);
  it.plivoKey = found('answer address', /\/answer\/([\w-]+)\/ +\(Plivo XML\)/);
  // All other commands build as well; what they would build is there.
  const manifest = path.join(clone, 'package.json');
  const { scripts, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, JSON.stringify({ ...rest, scripts: { ...scripts, build: 'true' } }));
  return it;
}

/** “Your first masked call”: the four groups that were printed, pasted. */
async function firstCalls(it) {
  say('the four groups that the start prints');
  const printed = it.printed.slice(it.printed.indexOf('\n1. ')).replaceAll(/^\d\. .*$/gm, '');
  // A terminal's error output can be opened anew, which `tee` does; of what Node gives a child only a pipe can.
  const { out } = await shell(`{ ${printed}\n} 2>&1 | cat`);
  it.number = /"virtual_number":"(\+1415555010\d)"/.exec(out)?.[1];
  if (it.number === undefined) throw new Error(`no session on one of the demo's American numbers:\n${out}`);
  const { text } = blocks.find(({ language }) => language === 'xml');
  holds('the second group', out, [likeDocument(text, it.number.slice(1))]);
  holds('the third group', out, [/<GetDigits /]);
  if (out.split('<Number>12025551111</Number>').length !== 3) fault('the PIN of the third group does not connect');
  holds('the fourth group', out, [/"virtual_number":"\+90212555010\d"/, /"gather"/, /"destination":"905320000002"/]);
  for (const page of ['/docs', '/openapi.json', '/console']) {
    const { status } = await fetch(`${it.url}${page}`);
    if (status !== 200) fault(`${page} answers ${status}`);
  }
}

/** “Use it from your app”: the two programs, with the credentials filled in. */
async function fromTheApp(it) {
  const filled = (language) =>
    blocks
      .find((one) => one.language === language)
      .text.replaceAll('MA…', it.authId)
      .replace("'token'", `'${it.token}'`)
      .replace(':token', `:${it.token}`)
      .replaceAll('http://127.0.0.1:3000', it.url);
  say('the program in Node');
  writeFileSync(path.join(clone, 'app.mjs'), filled('js'));
  holds('the program in Node', (await shell('node app.mjs')).out, [/^\+?1415555010\d$/m]);
  say('the program in TypeScript');
  writeFileSync(path.join(clone, 'app.ts'), filled('ts'));
  cpSync(path.join(clone, 'openapi/client.d.ts'), path.join(clone, 'client.d.ts'));
  const { out } = await shell('npx --no esbuild app.ts --format=esm --log-level=error >typed.mjs && node typed.mjs');
  holds('the program in TypeScript', out, [/^\+?1415555010\d$/m]);
}

async function eachCommand(it) {
  // The list that the loop over Plivo's pages would have written.
  const ends = new Date(Date.now() + 3_600_000).toISOString().replace('T', ' ').slice(0, 19);
  const session = { session_uuid: '11111111-1111-4111-8111-111111111111', status: 'active' };
  const parties = { first_party: '12025553333', second_party: '12025554444', virtual_number: '14155560105' };
  const objects = [{ ...session, ...parties, expiry_time: `${ends} +0000 UTC` }];
  writeFileSync(path.join(clone, 'plivo-0.json'), JSON.stringify({ response: { objects } }));
  for (const [command, { why, fill, shows = [], hides = [], learn }] of Object.entries(COMMANDS)) {
    if (why !== undefined || !commands.includes(command)) continue;
    say(command);
    const { code, out } = await shell(fill ? fill(command, it) : command);
    if (code !== 0) fault(`“${command}” ends with ${code}:\n${out}`);
    holds(
      `“${command}”`,
      out,
      shows.map((one) => (typeof one === 'function' ? one(it) : one)),
    );
    for (const one of hides) if (one.test(out)) fault(`“${command}” shows ${one}:\n${out}`);
    if (code === 0 && learn) Object.assign(it, learn(out));
  }
}

/** “Declared in a file”: a store of its own, and no demo in it. */
async function declared() {
  say('the declared accounts');
  for (const service of services.splice(0)) await stop(service);
  writeFileSync(path.join(clone, 'bauta.json'), blocks.find(({ language }) => language === 'json').text);
  const { printed, url } = await start('npm start', { BOOTSTRAP_FILE: 'bauta.json', DATA_DIR: '.declared' });
  if (/demo/.test(printed)) fault('a declared store makes a demo');
  const { accounts } = JSON.parse(readFileSync(path.join(clone, 'bauta.json'), 'utf8'));
  const [{ auth_id, auth_token }] = accounts;
  const pool = await fetch(`${url}/v1/Account/${auth_id}/Masking/Pool/`, {
    headers: { authorization: `Basic ${btoa(`${auth_id}:${auth_token}`)}` },
  });
  if (pool.status !== 200) fault(`the declared account is answered with ${pool.status}`);
  else holds('the declared pool', await pool.text(), ['14155550100', '902125550100']);
}

function holds(what, text, wanted) {
  for (const one of wanted) {
    const isThere = typeof one === 'string' ? text.includes(one) : one.test(text);
    if (!isThere) fault(`${what} does not show ${one}:\n${text.slice(0, 4_000)}`);
  }
}

/** Runs a line in the clone, with the settings that the service was started with. */
function shell(line, timeoutMs = 60_000) {
  return new Promise((resolve) => {
    const options = { cwd: clone, env: settings(), timeout: timeoutMs, maxBuffer: 2 ** 26 };
    execFile('bash', ['-c', line], options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? 'a signal') : 0, out: error ? `${stdout}${stderr}` : stdout });
    });
  });
}

function settings(more = {}) {
  // None of whoever runs this: a newcomer has set nothing.
  const { PATH, HOME, LANG = 'C.UTF-8' } = process.env;
  return { PATH, HOME, LANG, PORT: String(port ?? 3000), LOG_LEVEL: 'warn', ...more };
}

/** Starts the service and waits until it says that it listens and what else it has to say. */
async function start(line, more = {}) {
  say(line);
  port = await freePort();
  const child = spawn('bash', ['-c', `exec ${line}`], { cwd: clone, env: settings(more), detached: true });
  services.push(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (some) => (printed += some));
  const until = Date.now() + 120_000;
  while (!/Bauta listens on \S+\n/.test(printed)) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`${line} does not start:\n${printed}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { printed, url: /Bauta listens on (\S+)/.exec(printed)[1] };
}

/** Ends what was started, and nothing else: its group is its own. */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await ended;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: found } = probe.address();
      probe.close(() => resolve(found));
    });
  });
}
