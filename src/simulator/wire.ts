/** One request of a provider's, as it goes over the wire. */
export interface WireRequest {
  /** What it tells or asks: `answer`, `hangup` and so on. */
  readonly webhook: string;
  /** Absolute, as the provider was told it. */
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The same body as its parameters. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Carries a request to the service: over a socket, or within the process. */
export type Carry = (request: WireRequest) => Promise<WireAnswer>;

/** How a provider and the service know each other; which are set depends on the provider. */
export interface WireCredentials {
  readonly authToken?: string;
  readonly username?: string;
  readonly password?: string;
}
