'use strict';
// What the Node programs share. They are run as
// PROGRAM single|cluster HOST PORT sharded|whole STEP...
// and print one line for each step, "ok STEP" or "FAIL STEP: reason".

const assert = require('node:assert');
const crypto = require('node:crypto');
const readline = require('node:readline');

const [kind, host, port, owners, ...asked] = process.argv.slice(2);

const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const kit = {
  kind,
  cluster: kind === 'cluster',
  host,
  port: Number(port),
  sharded: owners === 'sharded',
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  digest: (text) => crypto.createHash('sha1').update(text).digest('hex'),
  mebibyte: (i) => (String.fromCharCode(65 + i) + '123456789abcdef').repeat(65536),
  ask: (...words) => console.log('>', ...words),
  // Waits until what was asked for is done.
  async done() {
    assert.strictEqual((await input.next()).value, 'done');
  },
  same(got, want) {
    assert.deepStrictEqual(got, want);
  },
  between(low, got, high) {
    assert.ok(low <= got && got <= high, `${got}, want ${low} to ${high}`);
  },
  // The error that a promise is rejected with.
  async refused(promise) {
    let got;
    try {
      got = await promise;
    } catch (e) {
      return e;
    }
    throw new Error(`it is not refused but gives ${JSON.stringify(got)}`);
  },
  // Calls until the library has connected again by itself.
  async worksAgain(set) {
    for (let i = 0; i < 1000; i++) {
      try {
        return assert.strictEqual(await set(), 'OK');
      } catch {
        await kit.pause(5);
      }
    }
    throw new Error('it never connects again');
  },
  // Takes messages as they come, for whoever waits for the next one.
  inbox() {
    const messages = [];
    const waiting = [];
    return {
      put: (...m) => (waiting.length ? waiting.shift()(m) : messages.push(m)),
      next: () => (messages.length ? messages.shift() : new Promise((resolve) => waiting.push(resolve))),
      rest: () => messages,
    };
  },
  async run(steps, end) {
    for (const step of asked) {
      try {
        await steps[step]();
        console.log('ok', step);
      } catch (e) {
        console.log(`FAIL ${step}: ${e.constructor.name}: ${JSON.stringify(e.message).slice(0, 400)}`);
      }
    }
    await end();
    process.stdin.destroy();
  },
};

module.exports = kit;
