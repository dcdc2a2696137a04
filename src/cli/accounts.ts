import { isRefused } from '../core/problem.ts';
import { addAccount, bookOperator, everyAccount } from '../service/operator.ts';
import { createSubaccount, renewToken, revokeFormerTokens } from '../service/subaccounts.ts';
import { failFor, type Group, Misused, table } from './command.ts';
import { accountOption, scopeFor } from './scope.ts';

export const accounts: Group = {
  about: 'Accounts and subaccounts.',
  commands: {
    list: {
      about: 'Lists all accounts, each with its subaccounts behind it.',
      run: async (deps) => {
        const all = await everyAccount(deps);
        const rows = all.map(({ id, parentId, name, enabled }) => [
          ...[id, parentId ?? '', enabled ? 'on' : 'off'],
          name,
        ]);
        const json = all.map(({ id, parentId, name, enabled }) => ({ auth_id: id, parent: parentId, name, enabled }));
        return { json, text: table([['AUTH ID', 'PARENT', '', 'NAME'], ...rows]) };
      },
    },
    add: {
      about: 'Makes an account and prints its token, which is told once.',
      options: {
        name: { value: 'NAME', about: '1 to 100 characters' },
        parent: { value: 'MA…', about: 'the main account, for a subaccount' },
      },
      run: async (deps, { texts, ...given }) => {
        const { name = '', parent } = texts;
        if (name === '' || name.length > 100) throw new Misused('--name should be 1 to 100 characters.');
        const main = parent === undefined ? null : { ...given, texts: { account: parent } };
        const wish = { name, enabled: true };
        const made = main
          ? await createSubaccount(deps, await scopeFor(deps, main), wish)
          : await addAccount(deps, name);
        if (isRefused(made)) failFor(made.problem);
        const scope = await scopeFor(deps, main ?? { ...given, texts: { account: made.id } }, ['name']);
        await bookOperator(deps, scope, main ? 'subaccount.create' : 'account.create', made.id);
        const json = { auth_id: made.id, auth_token: made.token };
        return { json, text: `Auth id:    ${made.id}\nAuth token: ${made.token}` };
      },
    },
  },
};

export const tokens: Group = {
  about: 'The auth tokens that accounts sign in with.',
  commands: {
    rotate: {
      about: 'Makes a new token and prints it; the one before it works for 24 hours.',
      options: { ...accountOption, 'end-former': { about: 'end it now instead' } },
      run: async (deps, given) => {
        const scope = await scopeFor(deps, given);
        const { token, formerUntil } = await renewToken(deps, scope);
        await bookOperator(deps, scope, 'token.renew', scope.subaccountId ?? '');
        const endsNow = given.switches.has('end-former');
        if (endsNow) {
          await revokeFormerTokens(deps, scope);
          await bookOperator(deps, scope, 'token.revoke_former', scope.subaccountId ?? '');
        }
        const until = (endsNow ? deps.now() : formerUntil).toISOString();
        const json = { auth_token: token, former_valid_until: until };
        return { json, text: `Auth token: ${token}\nThe former one works until ${until}.` };
      },
    },
  },
};
