/** One way in which a provider asks: a connection of its own account, with a single virtual number. */
export interface Line {
  readonly id: 'plivo' | 'hipcall' | 'guide';
  readonly name: string;
  readonly dialect: 'plivo' | 'hipcall';
  readonly style: 'full' | 'guide';
  /** True for a provider that sends every request twice and expects the same answer. */
  readonly asksTwice: boolean;
  readonly account: { readonly id: string; readonly token: string };
  readonly key: string;
  readonly number: string;
  readonly credentials: { readonly authToken?: string; readonly username?: string; readonly password?: string };
}

const PLIVO = {
  id: 'plivo',
  name: 'Plivo',
  dialect: 'plivo',
  style: 'full',
  asksTwice: false,
  account: { id: 'MASTORYPLIVO00000000', token: 'story-plivo-token-0' },
  key: 'story-plivo-connection',
  number: '+14155550100',
  credentials: { authToken: 'story-plivo-secret' },
} as const satisfies Line;

const HIPCALL = {
  id: 'hipcall',
  name: 'Hipcall',
  dialect: 'hipcall',
  style: 'full',
  asksTwice: false,
  account: { id: 'MASTORYHIPCALL000000', token: 'story-hipcall-token' },
  key: 'story-hipcall-connection',
  number: '+902125550100',
  credentials: { username: 'hip', password: 'call' },
} as const satisfies Line;

// The guide's request names no callee: its connection has no other number.
const GUIDE = {
  ...HIPCALL,
  id: 'guide',
  name: 'Hipcall as in its guide',
  style: 'guide',
  account: { id: 'MASTORYGUIDE00000000', token: 'story-guide-token-0' },
  key: 'story-guide-connection',
  number: '+902125550200',
} as const satisfies Line;

const twice = <T extends Line>(line: T) => ({ ...line, name: `${line.name}, asking twice`, asksTwice: true });

export const LINES: readonly Line[] = [PLIVO, HIPCALL, GUIDE, twice(PLIVO), twice(HIPCALL), twice(GUIDE)];
export const lines = { plivo: PLIVO, hipcall: HIPCALL, guide: GUIDE } as const;

export const SOUNDS = 'https://sounds.example/';
export const sound = (name: string) => `${SOUNDS}${name}.mp3`;

/** The wish for a session with PINs 1357 and 2468. */
export const WITH_PIN = {
  is_pin_authentication_required: true,
  first_party_pin: '1357',
  second_party_pin: '2468',
  pin_prompt_play: sound('pin'),
  incorrect_pin_play: sound('incorrect'),
  pin_retry: 2,
  pin_retry_wait: 6,
};
