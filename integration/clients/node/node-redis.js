'use strict';
// Tries node-redis with its default settings; see kit.js.

const redis = require('redis');
const { cluster, host, port, sharded, same, ask, done, refused, worksAgain, mebibyte, digest, inbox, run } = require('./kit');

const client = () => {
  const url = `redis://${host}:${port}`;
  const double = redis.defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    parseCommand: (parser, key, by) => {
      parser.pushKey(key);
      parser.push(by);
    },
    transformReply: (reply) => reply,
  });
  const scripts = { raise: double };
  const c = cluster ? redis.createCluster({ rootNodes: [{ url }], scripts }) : redis.createClient({ url, scripts });
  c.on('error', () => {}); // what matters reaches the commands
  return c;
};

const r = client();
const other = client();

// A client of one server, which is what some commands need.
const single = async (c) => (cluster ? c.nodeClient(c.masters[0]) : c);
// A command that the library has no method for.
const raw = (key, ...args) => (cluster ? r.sendCommand(key, false, args) : r.sendCommand(args));

run({
  async connect() {
    await Promise.all([r.connect(), other.connect()]);
    const one = await single(r);
    same(await one.ping(), 'PONG');
    same(/ resp=(\d)/.exec(await one.sendCommand(['CLIENT', 'INFO']))[1], '3');
  },

  async values() {
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    same(await r.set('bytes', every), 'OK');
    same(await r.withTypeMapping({ [redis.RESP_TYPES.BLOB_STRING]: Buffer }).get('bytes'), every);
    same(await r.get('nothing'), null);
    same(await r.hSet('hash', { a: 1, b: 2 }), 2);
    same({ ...(await r.hGetAll('hash')) }, { a: '1', b: '2' });
  },

  // Commands that are called in one tick go out together.
  async pipeline() {
    const got = await Promise.all(Array.from({ length: 1000 }, (_, i) => r.incr(`count${i % 10}`)));
    same(got, Array.from({ length: 1000 }, (_, i) => Math.floor(i / 10) + 1));
  },

  async mebibytes() {
    const want = Array.from({ length: 8 }, (_, i) => mebibyte(i));
    same(await Promise.all(want.map((value, i) => r.set(`mebibyte${i}`, value))), want.map(() => 'OK'));
    const got = await Promise.all(Array.from({ length: 1000 }, (_, i) => r.get(`mebibyte${i % 8}`)));
    got.forEach((value, i) => {
      if (value !== want[i % 8]) throw new Error(`value ${i} has ${value.length} bytes and is not what was set`);
    });
  },

  async many() {
    const tag = cluster ? '{many}' : 'many';
    const pairs = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [tag + i, `value${i}`]));
    same(await r.mSet(pairs), 'OK');
    same(await r.mGet([...Object.keys(pairs), `${tag}none`]), [...Object.values(pairs), null]);
  },

  async multi() {
    const m = r.multi().set('{m}a', '1').incr('{m}a').lPush('{m}l', ['x', 'y']).lRange('{m}l', 0, -1);
    same(await m.exec(), ['OK', 2, 2, ['y', 'x']]);
  },

  async watch() {
    const one = await single(r);
    await one.set('{w}a', '1');
    same(await one.watch('{w}a'), 'OK');
    await other.set('{w}a', '2');
    same(await refused(one.multi().set('{w}b', 'lost').exec()) instanceof redis.WatchError, true);
    same(await r.exists('{w}b'), 0);
    same(await one.watch('{w}a'), 'OK');
    same(await one.get('{w}a'), '2');
    same(await one.multi().set('{w}b', 'won').exec(), ['OK']);
    same(await r.get('{w}b'), 'won');
  },

  async block() {
    ask('push', 'queue', 'work');
    same({ ...(await r.blPop('queue', 20)) }, { key: 'queue', element: 'work' });
    same(await r.blPop('queue', 0.05), null);
  },

  async pubsub() {
    const s = client();
    await s.connect();
    const { put, next, rest } = inbox();
    await s.subscribe('channel', (message, channel) => put(channel, message));
    ask('publish', 'channel', 'first');
    same(await next(), ['channel', 'first']);
    await s.pSubscribe('patt*', (message, channel) => put('patt*', channel, message));
    ask('match', 'pattern', 'second');
    same(await next(), ['patt*', 'pattern', 'second']);
    same(await other.publish('channel', 'third'), 1);
    same(await next(), ['channel', 'third']);
    same(await other.publish('pattern', 'fourth'), 1);
    same(await next(), ['patt*', 'pattern', 'fourth']);
    await s.unsubscribe('channel');
    await s.pUnsubscribe('patt*');
    same(await other.publish('channel', 'fifth'), 0);
    same(await s.get('nothing'), null);
    same(rest(), []);
    s.destroy();
  },

  async scan() {
    const keys = Array.from({ length: 1000 }, (_, i) => `scan${i}`);
    await Promise.all(keys.map((key) => r.set(key, '')));
    const seen = new Set();
    for await (const found of (await single(r)).scanIterator({ MATCH: 'scan*' })) found.forEach((key) => seen.add(key));
    same([...seen].sort(), keys.sort());
  },

  async script() {
    const double = 'return {KEYS[1], tonumber(ARGV[1]) * 2}';
    const call = (n) => ({ keys: ['s'], arguments: [String(n)] });
    const error = await refused(r.evalSha(digest(double), call(21)));
    same(error.message, 'NOSCRIPT No matching script. Please use EVAL.');
    same(await r.eval(double, call(21)), ['s', 42]);
    same(await r.evalSha(digest(double), call(4)), ['s', 8]);
    same(await r.raise('s', '5'), 5);
  },

  async errors() {
    const told = async (promise) => {
      const error = await refused(promise);
      same(error instanceof redis.ErrorReply, true);
      return error.message;
    };
    await r.set('string', 'x');
    same(await told(r.lPush('string', 'y')), 'WRONGTYPE Operation against a key holding the wrong kind of value');
    same(await told(raw('x', 'NOSUCH', 'x')), "ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
    same(await told(r.incr('string')), 'ERR value is not an integer or out of range');
    same(await told(raw('string', 'HGET', 'string')), "ERR wrong number of arguments for 'hget' command");
    let crossed = 0;
    for (let i = 0; i < 50; i++) {
      await r.set(`from${i}`, 'x');
      await r.rename(`from${i}`, `to${i}`).catch((error) => {
        same(error.message, "CROSSSLOT Keys in request don't hash to the same slot");
        crossed++;
      });
    }
    same(crossed > 0, sharded);
    same(await r.get('string'), 'x');
  },

  async killed() {
    const [mine, others] = [await single(r), await single(other)];
    const before = await mine.clientId();
    same(await others.clientKill({ filter: 'ID', id: before }), 1);
    await worksAgain(() => r.set('again', 'yes'));
    same((await (await single(r)).clientId()) > before, true);
  },

  async restarted() {
    ask('restart');
    await done();
    await worksAgain(() => r.set('again', 'yes'));
    same(await r.get('again'), 'yes');
  },
}, async () => [r, other].forEach((c) => c.destroy()));
