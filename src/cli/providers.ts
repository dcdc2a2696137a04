import type { StoreDeps } from '../deps.ts';
import { BootstrapError, parseProvider, putProvider } from '../service/bootstrap.ts';
import { bookOperator, everyConnection } from '../service/operator.ts';
import { Failed, type Given, type Group, table } from './command.ts';
import { accountOption, scopeFor } from './scope.ts';

export const providers: Group = {
  about: 'Connections to telephony providers.',
  commands: {
    list: {
      about: "Lists an account's connections, with the webhook addresses to enter at the provider.",
      options: accountOption,
      run: async (deps, given) => {
        const all = await everyConnection(deps, await scopeFor(deps, given));
        const json = all.map((one) => ({
          ...{ id: one.id, dialect: one.dialect, default_country: one.defaultCountry, currency: one.currency },
          webhooks: webhooksOf(deps, one.dialect, one.secrets.key),
        }));
        const texts = json.map(({ id, dialect, default_country: country, webhooks }) =>
          table([[`Connection ${id}`, `${dialect} ${country ?? ''}`], ...Object.entries(webhooks)]),
        );
        return { json, text: texts.join('\n\n') };
      },
    },
    add: {
      about: 'Connects a provider and prints the webhook addresses to enter there.',
      options: {
        ...accountOption,
        dialect: { value: 'NAME', about: 'plivo or hipcall' },
        token: { value: 'TOKEN', about: "Plivo's auth token (or BAUTA_PROVIDER_TOKEN)" },
        'auth-id': { value: 'ID', about: "Plivo's auth id, for calls that are placed" },
        credentials: { value: 'USER:PASSWORD', about: 'with which Hipcall signs in (or BAUTA_PROVIDER_CREDENTIALS)' },
        'default-country': { value: 'TR', about: 'whose national forms of numbers are read' },
      },
      run: add,
    },
  },
};

async function add(deps: StoreDeps, given: Given) {
  const { texts } = given;
  const scope = await scopeFor(deps, given, ['provider']);
  const key = deps.newKey();
  const token = texts.token ?? process.env.BAUTA_PROVIDER_TOKEN;
  const [username, ...rest] = (texts.credentials ?? process.env.BAUTA_PROVIDER_CREDENTIALS ?? '').split(':');
  const secrets = {
    plivo: { auth_token: token, auth_id: texts['auth-id'] },
    hipcall: { username: username || undefined, password: rest.join(':') || undefined },
  };
  const dialect = texts.dialect === 'hipcall' ? 'hipcall' : texts.dialect === 'plivo' ? 'plivo' : undefined;
  const declared = { key, account: scope.accountId, dialect, default_country: texts['default-country'] };
  const id = await putProvider(deps, parsed({ ...declared, ...(dialect && secrets[dialect]) }));
  await bookOperator(deps, scope, 'provider.add', String(id));
  const webhooks = webhooksOf(deps, dialect ?? '', key);
  const isLocal = /^https?:\/\/(127\.|localhost|\[::1\])/.test(deps.config.publicUrl);
  const warning = isLocal ? '\n\nNo provider reaches these: PUBLIC_URL is not the address of this service yet.' : '';
  return {
    json: { id, webhooks },
    text: `${table([['Connection', String(id)], ...Object.entries(webhooks)])}${warning}`,
  };
}

function parsed(declared: object) {
  try {
    return parseProvider(declared);
  } catch (error) {
    throw error instanceof BootstrapError ? new Failed(error.message) : error;
  }
}

/** What to enter at the provider, by its own names of the fields. */
function webhooksOf({ config }: StoreDeps, dialect: string, key: string): Readonly<Record<string, string>> {
  const answer = `${config.publicUrl}/answer/${key}/`;
  return dialect === 'plivo'
    ? { 'Answer URL': answer, 'Hangup URL': `${answer}hangup/` }
    : { 'External Management': answer, Webhook: `${answer}events/` };
}
