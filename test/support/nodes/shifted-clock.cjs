// Preloaded into the node under test (NODE_OPTIONS=--require): the wall clock of all its threads is off by the
// milliseconds that the file named by CLOCK_SHIFT_FILE holds, now. The monotonic clock is not touched, as with a
// clock that is set.
const { readFileSync } = require('node:fs');

const file = process.env.CLOCK_SHIFT_FILE;
if (file) {
  const RealDate = Date;
  let shiftMs = Number(readFileSync(file, 'utf8'));
  setInterval(() => {
    shiftMs = Number(readFileSync(file, 'utf8'));
  }, 10).unref();
  const now = () => RealDate.now() + shiftMs;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
    static now() {
      return now();
    }
  };
}
