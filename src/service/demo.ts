import { customAlphabet } from 'nanoid';
import { DEMO_NAME } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { type Bootstrap, parseBootstrap } from './bootstrap.ts';

/** An account to try the service with: ten numbers in two countries and a connection of each dialect. */
export function demoBootstrap({ newKey }: Pick<Deps, 'newKey'>): Bootstrap {
  const authId = `MA${customAlphabet('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 18)()}`;
  const [plivoKey, hipcallKey] = [newKey(), newKey()];
  const numbers = [0, 1, 2, 3, 4].flatMap((i) => [
    { number: `+1415555010${i}`, account: authId, provider: plivoKey },
    { number: `+90212555010${i}`, account: authId, provider: hipcallKey },
  ]);
  return parseBootstrap(
    JSON.stringify({
      accounts: [{ auth_id: authId, auth_token: newKey(), name: DEMO_NAME }],
      providers: [
        { key: plivoKey, account: authId, dialect: 'plivo' },
        {
          key: hipcallKey,
          account: authId,
          dialect: 'hipcall',
          username: 'hipcall',
          password: newKey(),
          default_country: 'TR',
        },
      ],
      numbers,
    }),
  );
}

/** What the first start prints: the demo's credentials and a first masked call in each dialect, to paste. */
export function demoText(demo: Bootstrap, publicUrl: string): string {
  const [account] = demo.accounts;
  const plivo = demo.providers.find((p) => p.dialect === 'plivo');
  const hipcall = demo.providers.find((p) => p.dialect === 'hipcall');
  if (!account || !plivo || !hipcall) throw new Error('a demo without account or connection');
  const signIn = `'${account.auth_id}:${account.auth_token}'`;
  const create = (first: string, second: string) =>
    `curl -s -u ${signIn} -H 'Content-Type: application/json' \\
  -d '{"first_party":"${first}","second_party":"${second}","is_pin_authentication_required":true,"first_party_pin":"2741","second_party_pin":"9052","pin_prompt_play":"https://example.com/enter-pin.mp3"}' \\
  ${publicUrl}/v1/Account/${account.auth_id}/Masking/Session/`;
  const keepNumber = `| tee /dev/stderr | sed -E 's/.*"virtual_number":"(\\+[0-9]+)".*/\\1/')`;
  const askPlivo = `curl -s '${publicUrl}/answer/${plivo.key}/'`;
  const askHipcall = `curl -s -u '${hipcall.username}:${hipcall.password}' -H 'Content-Type: application/json' ${publicUrl}/answer/${hipcall.key}/`;
  return `
This store is new, so here is a demo account. These secrets are shown only now.

  auth id      ${account.auth_id}
  auth token   ${account.auth_token}
  answer URLs  ${publicUrl}/answer/${plivo.key}/   (Plivo XML)
               ${publicUrl}/answer/${hipcall.key}/   (Hipcall JSON, ${hipcall.username} / ${hipcall.password})
  numbers      ${demo.numbers.map(({ number }) => number).join(' ')}

1. Create a session between two people, and keep its virtual number:

NUMBER=$(${create('+12025550000', '+12025551111')} \\
  ${keepNumber}; CALL=$(date +%s); echo

2. Ask as Plivo would: the first party calls the virtual number and is connected to the second.

${askPlivo} -d CallUUID=known-$CALL -d From=12025550000 --data-urlencode "To=$NUMBER"; echo

3. Somebody calls from an unknown phone and is asked for a PIN; then keys the first party's:

${askPlivo} -d CallUUID=pin-$CALL -d From=12025559999 --data-urlencode "To=$NUMBER"; echo
curl -s '${publicUrl}/answer/${plivo.key}/?try=1' -d CallUUID=pin-$CALL -d From=12025559999 --data-urlencode "To=$NUMBER" -d Digits=2741; echo

4. The same as Hipcall would ask, with a session of its own:

NUMBER=$(${create('+905320000001', '+905320000002')} \\
  ${keepNumber}; CALL=$(date +%s); echo

${askHipcall} -d '{"caller":"+905320000009","callee":"'$NUMBER'","data":{},"uuid":"'$CALL'"}'; echo
${askHipcall} -d '{"caller":"+905320000009","callee":"'$NUMBER'","data":{"pin_code":"2741"},"uuid":"'$CALL'"}'; echo
`;
}
