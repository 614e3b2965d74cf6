'use strict';
// Tries redlock on ioredis; see kit.js. Instead of single or cluster its first argument is
// the version of redlock, 4 or 5.

const Redis = require('ioredis');
const { kind: version, host, port, same, between, refused, run } = require('./kit');

const old = version === '4';
const Redlock = old ? require('redlock-4') : require('redlock-5').default;

const client = () => {
  const c = new Redis(port, host);
  c.on('error', () => {}); // what matters reaches the commands
  return c;
};

const clients = [client(), client()];
const [r] = clients;
const [first, second] = clients.map((c) => {
  const lib = new Redlock([c], { retryCount: 2, retryDelay: 50, retryJitter: 20 });
  return {
    acquire: (key, ttl, settings) => (old ? lib.acquireWithOptions(key, ttl, settings || {}) : lib.acquire([key], ttl, settings)),
    // The same lock as somebody else might believe to have it.
    stranger: (lock) => Object.assign(Object.create(Object.getPrototypeOf(lock)), lock, { redlock: lib, value: 'somebody else' }),
  };
});
const release = (lock) => (old ? lock.unlock() : lock.release());
const refusal = old ? 'LockError' : 'ExecutionError';
const patient = { retryCount: 100 };

// What the library says no to, after as many attempts as its settings say.
const refuses = async (promise) => same((await refused(promise)).name, refusal);

run({
  async acquire() {
    const lock = await first.acquire(`lock:node${version}:acquire`, 10000);
    same(await r.get(`lock:node${version}:acquire`), lock.value);
    between(9000, await r.pttl(`lock:node${version}:acquire`), 10000);
    between(Date.now() + 8000, lock.expiration, Date.now() + 10000);
  },

  async contend() {
    const held = await first.acquire(`lock:node${version}:contend`, 10000);
    await refuses(second.acquire(`lock:node${version}:contend`, 10000));
    same(await r.get(`lock:node${version}:contend`), held.value);
    const waiting = second.acquire(`lock:node${version}:contend`, 10000, patient);
    await release(held);
    const lock = await waiting;
    same(await r.get(`lock:node${version}:contend`), lock.value);
  },

  async extend() {
    let lock = await first.acquire(`lock:node${version}:extend`, 5000);
    lock = await lock.extend(10000);
    between(6000, await r.pttl(`lock:node${version}:extend`), 10000);
    lock = await lock.extend(3000);
    between(1000, await r.pttl(`lock:node${version}:extend`), 3000);
    await release(lock);
  },

  async release() {
    const lock = await first.acquire(`lock:node${version}:release`, 10000);
    await release(lock);
    same(await r.get(`lock:node${version}:release`), null);
    await refuses(release(lock));
    await second.acquire(`lock:node${version}:release`, 10000);
  },

  async expiry() {
    const lost = await first.acquire(`lock:node${version}:expiry`, 400);
    const held = await second.acquire(`lock:node${version}:expiry`, 10000, patient);
    lost.expiration = Date.now() + 10000; // as a client would have it whose clock stands still
    await refuses(lost.extend(10000));
    await refuses(release(lost));
    same(await r.get(`lock:node${version}:expiry`), held.value);
    between(1000, await r.pttl(`lock:node${version}:expiry`), 10000);
    await release(held);
  },

  async stranger() {
    const lock = await first.acquire(`lock:node${version}:stranger`, 10000);
    const stranger = second.stranger(lock);
    await refuses(release(stranger));
    same(await r.get(`lock:node${version}:stranger`), lock.value);
    await release(lock);
  },
}, async () => clients.forEach((c) => c.disconnect()));
