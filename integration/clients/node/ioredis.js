'use strict';
// Tries ioredis with its default settings; see kit.js.

const Redis = require('ioredis');
const { cluster, host, port, sharded, same, ask, done, refused, worksAgain, mebibyte, digest, inbox, run } = require('./kit');

const client = () => {
  const c = cluster ? new Redis.Cluster([{ host, port }]) : new Redis(port, host);
  c.on('error', () => {}); // what matters reaches the commands
  return c;
};

const r = client();
const other = client();
const values = (results) => results.map(([error, value]) => {
  if (error) throw error;
  return value;
});

run({
  async connect() {
    same(await r.ping(), 'PONG');
    same(/ resp=(\d)/.exec(await r.client('INFO'))[1], '3');
  },

  async values() {
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    same(await r.set('bytes', every), 'OK');
    same(await r.getBuffer('bytes'), every);
    same(await r.get('nothing'), null);
    same(await r.hset('hash', { a: 1, b: 2 }), 2);
    same(await r.hgetall('hash'), { a: '1', b: '2' });
  },

  async pipeline() {
    const p = r.pipeline();
    for (let i = 0; i < 1000; i++) p.incr(`count${i % 10}`);
    same(values(await p.exec()), Array.from({ length: 1000 }, (_, i) => Math.floor(i / 10) + 1));
  },

  async mebibytes() {
    const want = Array.from({ length: 8 }, (_, i) => mebibyte(i));
    const set = r.pipeline();
    want.forEach((value, i) => set.set(`mebibyte${i}`, value));
    same(values(await set.exec()), want.map(() => 'OK'));
    const get = r.pipeline();
    for (let i = 0; i < 1000; i++) get.get(`mebibyte${i % 8}`);
    const got = values(await get.exec());
    same(got.length, 1000);
    got.forEach((value, i) => {
      if (value !== want[i % 8]) throw new Error(`value ${i} has ${value.length} bytes and is not what was set`);
    });
  },

  async many() {
    const tag = cluster ? '{many}' : 'many';
    const pairs = new Map(Array.from({ length: 200 }, (_, i) => [tag + i, `value${i}`]));
    same(await r.mset(pairs), 'OK');
    same(await r.mget([...pairs.keys(), `${tag}none`]), [...pairs.values(), null]);
  },

  async multi() {
    const m = r.multi().set('{m}a', '1').incr('{m}a').lpush('{m}l', 'x', 'y').lrange('{m}l', 0, -1);
    same(values(await m.exec()), ['OK', 2, 2, ['y', 'x']]);
  },

  async watch() {
    await r.set('{w}a', '1');
    same(await r.watch('{w}a'), 'OK');
    await other.set('{w}a', '2');
    same(await r.multi().set('{w}b', 'lost').exec(), null);
    same(await r.exists('{w}b'), 0);
    same(await r.watch('{w}a'), 'OK');
    same(await r.get('{w}a'), '2');
    same(values(await r.multi().set('{w}b', 'won').exec()), ['OK']);
    same(await r.get('{w}b'), 'won');
  },

  async block() {
    ask('push', 'queue', 'work');
    same(await r.blpop('queue', 20), ['queue', 'work']);
    same(await r.blpop('queue', 0.05), null);
  },

  async pubsub() {
    const s = client();
    const { put, next, rest } = inbox();
    s.on('message', (channel, message) => put(channel, message));
    s.on('pmessage', (pattern, channel, message) => put(pattern, channel, message));
    same(await s.subscribe('channel'), 1);
    ask('publish', 'channel', 'first');
    same(await next(), ['channel', 'first']);
    same(await s.psubscribe('patt*'), 2);
    ask('match', 'pattern', 'second');
    same(await next(), ['patt*', 'pattern', 'second']);
    same(await other.publish('channel', 'third'), 1);
    same(await next(), ['channel', 'third']);
    same(await other.publish('pattern', 'fourth'), 1);
    same(await next(), ['patt*', 'pattern', 'fourth']);
    same(await s.unsubscribe('channel'), 1);
    same(await s.punsubscribe('patt*'), 0);
    same(await other.publish('channel', 'fifth'), 0);
    same(await s.get('nothing'), null);
    same(rest(), []);
    s.disconnect();
  },

  async scan() {
    const keys = Array.from({ length: 1000 }, (_, i) => `scan${i}`);
    const p = r.pipeline();
    keys.forEach((key) => p.set(key, ''));
    await p.exec();
    const seen = new Set();
    const from = cluster ? r.nodes('master')[0] : r;
    for await (const found of from.scanStream({ match: 'scan*' })) found.forEach((key) => seen.add(key));
    same([...seen].sort(), keys.sort());
  },

  async script() {
    const double = 'return {KEYS[1], tonumber(ARGV[1]) * 2}';
    const error = await refused(r.evalsha(digest(double), 1, 's', 21));
    same(error.message, 'NOSCRIPT No matching script. Please use EVAL.');
    same(await r.eval(double, 1, 's', 21), ['s', 42]);
    same(await r.evalsha(digest(double), 1, 's', 4), ['s', 8]);
    r.defineCommand('raise', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
    same(await r.raise('s', 5), 5);
  },

  async errors() {
    const told = async (promise) => {
      const error = await refused(promise);
      same(error.name, 'ReplyError');
      return error.message;
    };
    await r.set('string', 'x');
    same(await told(r.lpush('string', 'y')), 'WRONGTYPE Operation against a key holding the wrong kind of value');
    same(await told(r.call('NOSUCH', 'x')), "ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
    same(await told(r.incr('string')), 'ERR value is not an integer or out of range');
    same(await told(r.call('HGET', 'string')), "ERR wrong number of arguments for 'hget' command");
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
    const [mine, others] = cluster ? [r.nodes('master')[0], other.nodes('master')[0]] : [r, other];
    const before = await mine.client('ID');
    same(await others.client('KILL', 'ID', before), 1);
    await worksAgain(() => r.set('again', 'yes'));
    const now = cluster ? r.nodes('master')[0] : r;
    same((await now.client('ID')) > before, true);
  },

  async restarted() {
    ask('restart');
    await done();
    await worksAgain(() => r.set('again', 'yes'));
    same(await r.get('again'), 'yes');
  },
}, () => [r, other].forEach((c) => c.disconnect()));
