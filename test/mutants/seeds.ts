/** Text of a source file that is replaced; it must stand there exactly once. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A bug that services like this one have had, and the tests of the suite that have to find it. */
export interface Seed {
  readonly bug: string;
  readonly changes: readonly Change[];
  readonly tests: readonly string[];
}

export const SEEDS: readonly Seed[] = [
  {
    bug: 'leases are taken in the order in which an app names the parties',
    changes: [
      {
        file: 'src/store/places.ts',
        from: 'where (select count(*) from ended) >= 0\n      order by place.virtual_number_id, w.digest\n',
        to: 'where (select count(*) from ended) >= 0\n',
      },
    ],
    tests: ['test/store/allocation.test.ts'],
  },
  {
    bug: 'wrong PINs are counted, but whether one was left is only read before',
    changes: [
      {
        file: 'src/store/call-guards.ts',
        from: 'where greatest(pin_budgets.full_at, now()) +',
        to: 'where true or greatest(pin_budgets.full_at, now()) +',
      },
    ],
    tests: ['test/story/pin-limits.test.ts'],
  },
  {
    bug: 'a hangup is looked for first, and booked where none was found',
    changes: [
      {
        file: 'src/store/call-reports.ts',
        from: ' from calls where id = f.call_row for update',
        to: ' from calls where id = f.call_row',
      },
    ],
    tests: ['test/store/call-reports.test.ts'],
  },
  {
    bug: 'a callback’s address is judged only where a name is looked up',
    changes: [
      {
        file: 'src/outbound/guard.ts',
        from: 'if (isIP(host) !== 0 && !isPublicAddress(host)) return callback(notPublic(), null);',
        to: '',
      },
      {
        file: 'src/outbound/guard.ts',
        from: "if (isPublicAddress(socket.remoteAddress ?? '')) return callback(null, socket);",
        to: 'if (socket !== null) return callback(null, socket);',
      },
    ],
    tests: ['test/outbound/guard.test.ts'],
  },
  {
    bug: 'a connection’s password is compared character by character',
    changes: [
      {
        file: 'src/dialects/hipcall.ts',
        from: 'return timingSafeEqual(sha256(given), sha256(wanted));',
        to: 'return given === wanted;',
      },
    ],
    tests: ['test/http/constant-time.test.ts'],
  },
  {
    bug: 'a signature is compared character by character',
    changes: [
      {
        file: 'src/dialects/plivo-signature.ts',
        from: 'timingSafeEqual(given, wanted)',
        to: "given.toString('hex') === wanted.toString('hex')",
      },
    ],
    tests: ['test/http/constant-time.test.ts'],
  },
  {
    bug: 'a token is compared character by character',
    changes: [
      {
        file: 'src/service/accounts.ts',
        from: 'timingSafeEqual(digest, given)',
        to: "digest.toString('hex') === given.toString('hex')",
      },
    ],
    tests: ['test/http/constant-time.test.ts'],
  },
  {
    bug: 'a dial names no caller ID',
    changes: [{ file: 'src/dialects/plivo.ts', from: '<Dial callerId=', to: '<Dial was=' }],
    tests: ['test/story/known-caller.test.ts'],
  },
];
