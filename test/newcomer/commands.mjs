/*
 * Each command of README.md, word for word, in the order in which they are run: with what a newcomer fills in, and what
 * has to come out. One that is not run says why. `it` is what is known by then; see run.mjs.
 */

const elsewhere = (why) => ({ why });
const BAUTA = 'npm run --silent bauta --';
const shop = (it) => `--account ${it.shop}`;
const phone = (it) => `BAUTA_URL=${it.url}`;

const PLIVO_LIST = `for offset in 0 20 40; do
  curl -su "$AUTH_ID:$AUTH_TOKEN" -o "plivo-$offset.json" \\
    "https://api.plivo.com/v1/Account/$AUTH_ID/Masking/Session/?limit=20&offset=$offset"
done`;

export const COMMANDS = {
  'npm ci && npm start': elsewhere('run.mjs starts the service so; --install has npm ci run here too'),
  'npm ci && npm test': elsewhere('.ci/run begins with it'),

  // A first call, as the sections say.
  'npm run phone -- --key KEY --from +12025550000 --to +14155550102': {
    fill: (text, it) => `${phone(it)} ${text.replace('KEY', it.plivoKey).replace('+14155550102', it.number)}`,
    shows: [/answer: 200 in /, /<Number>12025551111<\/Number>/, (it) => it.number.slice(1)],
  },
  'npm run phone -- --key KEY --from +19175550123 --to +14155550102 --press 1234': {
    fill: (text, it) =>
      `${phone(it)} ${text.replace('KEY', it.plivoKey).replace('+14155550102', it.number).replace('1234', '2741')}`,
    shows: [/<GetDigits /, /<Number>12025551111<\/Number>/],
  },

  // An account, its connections and numbers. The demo has the numbers that are named, so these are the shop's next ones.
  'accounts list': { fill: (text) => `${BAUTA} ${text}`, shows: [(it) => it.authId, /demo/] },
  'npm run bauta -- accounts add --name shop': {
    shows: [/MA[A-Z0-9]{18}/],
    learn: (out) => ({ shop: /MA[A-Z0-9]{18}/.exec(out)[0] }),
  },
  'npm run bauta': elsewhere('what all commands here begin with'),
  'accounts add --name shop': elsewhere('the same'),
  'BAUTA_PROVIDER_TOKEN=… npm run bauta -- providers add --dialect plivo': {
    fill: (text, it) => `${text.replace('…', 'a-token-of-plivo')} ${shop(it)}`,
    shows: [(it) => `${it.url}/answer/`, /\/hangup\//],
    learn: (out) => ({ shopPlivo: /\/answer\/([\w-]+)\//.exec(out)[1] }),
  },
  'providers add --dialect plivo': elsewhere('the same'),
  'npm run bauta -- numbers add +14155550100..+14155550109': {
    fill: (text, it) => `${text.replaceAll('+1415555', '+1415556')} ${shop(it)}`,
    shows: [/10/],
  },
  'numbers add +14155550100..+14155550199': elsewhere('the same, of more numbers'),
  'numbers add': elsewhere('the same'),
  'sessions create first_party=+12025550000 second_party=+12025551111': {
    fill: (text, it) => `${BAUTA} ${text} ${shop(it)} --json`,
    shows: [/"virtual_number": ?"\+?1415556010\d"/],
    learn: (out) => ({
      shopSession: /"session_uuid": ?"([^"]+)"/.exec(out)[1],
      shopNumber: `+${/"virtual_number": ?"\+?(\d+)"/.exec(out)[1]}`,
    }),
  },
  'sessions create': elsewhere('the same'),
  'npm run phone -- --key KEY --token … --from … --to …': {
    fill: (text, it) => fillPhone(text, it, it.shopPlivo, 'a-token-of-plivo', '+12025550000', it.shopNumber),
    shows: [/answer: 200 in /, /<Number>12025551111<\/Number>/],
  },
  'BAUTA_PROVIDER_CREDENTIALS=user:password npm run bauta -- providers add --dialect hipcall --default-country TR': {
    fill: (text, it) => `${text} ${shop(it)}`,
    shows: [(it) => `${it.url}/answer/`, /\/events\//],
    learn: (out) => ({ shopHipcall: /\/answer\/([\w-]+)\//.exec(out)[1] }),
  },
  'npm run bauta -- providers list': {
    fill: (text, it) => `${text} ${shop(it)}`,
    shows: [(it) => it.shopPlivo, (it) => it.shopHipcall],
    learn: (out) => ({ hipcallId: /(\d+)[^\n]*hipcall/.exec(out)[1] }),
  },
  'providers list': elsewhere('the same'),
  'npm run bauta -- numbers add +902125550100': {
    fill: (text, it) => `${text.replace('+90212555', '+90212556')} --provider ${it.hipcallId} ${shop(it)}`,
    shows: [/1/],
  },
  'npm run phone -- --dialect hipcall --key KEY --credentials user:password --from … --to …': {
    // From a phone that is in no session: it is asked for a PIN or sent off, and the document is a valid one.
    fill: (text, it) => fillPhone(text, it, it.shopHipcall, null, '+905320000001', '+902125560100'),
    shows: [/answer: 200 in /, /"version"|"seq"/],
  },

  // From the command line.
  'numbers list': { fill: (text, it) => `${BAUTA} ${text} ${shop(it)}`, shows: [/14155560100/, /902125560100/] },
  'numbers retire': { fill: (text, it) => `${BAUTA} ${text} +902125560100 ${shop(it)}`, shows: [/902125560100|1/] },
  'sessions list': { fill: (text, it) => `${BAUTA} ${text} ${shop(it)}`, shows: [(it) => it.shopSession] },
  'sessions show ID': {
    fill: (text, it) => `${BAUTA} ${text.replace('ID', it.shopSession)} ${shop(it)}`,
    shows: [(it) => it.shopSession],
    hides: [/2025550000/],
  },
  totals: { fill: (text, it) => `${BAUTA} ${text} ${shop(it)}`, shows: [/calls/i] },
  'sessions end ID': {
    fill: (text, it) => `${BAUTA} ${text.replace('ID', it.shopSession)} ${shop(it)}`,
    shows: [/The session has ended/],
  },
  export: { fill: (text, it) => `${BAUTA} ${text} ${shop(it)}`, shows: [/\+?12025550000/, (it) => it.shopSession] },
  'tokens rotate': { fill: (text, it) => `${BAUTA} ${text} ${shop(it)}`, shows: [/[\w-]{32}/] },
  'npm run bauta -- COMMAND': elsewhere('the commands around it'),

  // Moving from Plivo.
  'npm run import:plivo -- plivo-*.json': {
    fill: (text, it) => `${text} ${shop(it)}`,
    shows: [/Sessions: 1 new, 0 known, 0 ended, 0 refused\./],
  },
  'import FILE…': elsewhere('the same'),

  [PLIVO_LIST]: elsewhere('it needs an account at Plivo; run.mjs writes a file such as it does'),

  // Keeping it in order.
  'npm run keys:rotate': { shows: [/key/i] },
  'npm run erasures -- export FILE': { fill: (text) => text.replace('FILE', 'erased.json'), shows: [/./] },
  'npm run erasures -- apply FILE': { fill: (text) => text.replace('FILE', 'erased.json'), shows: [/./] },
  'npm run check:invariants': { shows: [/./] },
  invariants: { fill: (text) => `${BAUTA} ${text}`, shows: [/./] },
  'npm run openapi': { fill: (text, it) => `${text} && cmp openapi/openapi.json '${it.root}/openapi/openapi.json'` },
  'npm run settings': {
    // It writes the README's own table anew: a setting that is missing there is seen here.
    fill: (text, it) => `${text} && cmp README.md '${it.root}/README.md'`,
  },

  'npx -p openapi-typescript@7 -p typescript@5 openapi-typescript http://127.0.0.1:3000/openapi.json -o client.d.ts':
    elsewhere(
      'it fetches a generator; the committed client.d.ts is held against the document by test/http/client.test.ts',
    ),
  'npm run client:types': elsewhere('likewise'),
  'npm run phone': elsewhere('its whole lines are run above'),
  'npm run newcomer': elsewhere('this is it'),
  'npm run sbom': elsewhere('.ci/run does'),
  'npm test': elsewhere('.ci/run does'),
  'npm run format': elsewhere('.ci/run checks the layout'),
  'npm run schema': elsewhere('a test of the suite compares the schema'),
  'npm run test:fault': elsewhere('.ci/run has its quick form'),
  'npm run test:batches': elsewhere('takes far longer than a newcomer waits'),
  'npm run test:mutants': elsewhere('takes far longer than a newcomer waits'),
  'npm run bench': elsewhere('measures for minutes'),
  'npm run bench:console': elsewhere('measures for minutes'),
};

function fillPhone(text, it, key, token, from, to) {
  const words = text.replace('KEY', key).replace('--token …', `--token ${token}`);
  return `${phone(it)} ${words.replace('--from …', `--from ${from}`).replace('--to …', `--to ${to}`)}`;
}
