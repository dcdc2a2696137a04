// Loaded before a process's own code: its clock is wrong by so many milliseconds. Timers are not.
const SKEW_MS = Number(process.env.SKEW_MS);
const RealDate = Date;
const now = () => RealDate.now() + SKEW_MS;

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [now()] : parts));
  }
  static now() {
    return now();
  }
};
