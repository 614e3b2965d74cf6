# Takes locks as redlock-rb does, through redis-rb: locks.rb HOST PORT sharded|whole STEP...
#
# No package registry that we use has redlock-rb itself. It sends its scripts' digests
# first, which are given here, and their texts where a server does not know them; the texts
# here are our own, and do the same.
#
# Each step prints one line, "ok STEP" or "FAIL STEP: reason".

require "redis"
require "securerandom"

$stdout.sync = true

LOCK = {
  sha: "ceb2b2062e40c51a2b3963fd078bc71f11bdc65c",
  text: <<~LUA
    if (redis.call('EXISTS', KEYS[1]) == 0 and ARGV[3] == 'yes') or redis.call('GET', KEYS[1]) == ARGV[1] then
      return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    end
  LUA
}.freeze
UNLOCK = {
  sha: "8e4905cee18e7c3188d10f2b8b170e403baed34f",
  text: "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"
}.freeze
TTL = {
  sha: "78d2ca48a6dc9ef6892059792a3a0c5237733d64",
  text: "return { redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }"
}.freeze

# One user of locks.
class Locks
  attr_reader :redis

  def initialize
    @redis = Redis.new(host: ARGV[0], port: ARGV[1].to_i)
  end

  def run(script, keys, argv = [])
    @redis.evalsha(script[:sha], keys, argv)
  rescue Redis::CommandError => e
    raise unless e.message.start_with?("NOSCRIPT")

    @redis.eval(script[:text], keys, argv)
  end

  # The token, or nil.
  def lock(key, ttl, token: SecureRandom.uuid, free: "yes", attempts: 1)
    attempts.times do |i|
      sleep(0.05 + rand * 0.01) if i > 0
      got = run(LOCK, [key], [token, ttl, free])
      return token if got == "OK"

      same(got, nil)
    end
    nil
  end

  def extend(key, token, ttl, free: "no") = lock(key, ttl, token: token, free: free)
  def unlock(key, token) = run(UNLOCK, [key], [token])
  def holder(key) = run(TTL, [key])
end

def same(got, want)
  raise "#{got.inspect[0, 200]}, want #{want.inspect[0, 200]}" if got != want
end

def between(low, got, high)
  raise "#{got.inspect}, want #{low} to #{high}" unless (low..high).cover?(got)
end

A = Locks.new
B = Locks.new

STEPS = {
  "acquire" => lambda do
    token = A.lock("lock:rb:acquire", 10_000)
    same(A.redis.get("lock:rb:acquire"), token)
    who, left = B.holder("lock:rb:acquire")
    same(who, token)
    between(9000, left, 10_000)
    same(A.holder("lock:rb:nobody"), [nil, -2])
  end,

  "contend" => lambda do
    token = A.lock("lock:rb:contend", 10_000)
    same(B.lock("lock:rb:contend", 10_000, attempts: 3), nil)
    same(A.unlock("lock:rb:contend", token), 1)
    mine = B.lock("lock:rb:contend", 10_000, attempts: 100)
    same(A.redis.get("lock:rb:contend"), mine)
    same(B.unlock("lock:rb:contend", mine), 1)
  end,

  "extend" => lambda do
    token = A.lock("lock:rb:extend", 5_000)
    same(A.extend("lock:rb:extend", token, 10_000), token)
    between(6_000, A.holder("lock:rb:extend")[1], 10_000)
    same(A.extend("lock:rb:extend", token, 10_000, free: "yes"), token)
    same(A.extend("lock:rb:free", token, 10_000), nil)
    same(A.holder("lock:rb:free"), [nil, -2])
    same(A.unlock("lock:rb:extend", token), 1)
  end,

  "release" => lambda do
    token = A.lock("lock:rb:release", 10_000)
    same(A.unlock("lock:rb:release", token), 1)
    same(A.redis.get("lock:rb:release"), nil)
    same(A.unlock("lock:rb:release", token), 0)
    same(B.lock("lock:rb:release", 10_000).nil?, false)
  end,

  "expiry" => lambda do
    lost = A.lock("lock:rb:expiry", 400)
    held = B.lock("lock:rb:expiry", 10_000, attempts: 100)
    same(A.extend("lock:rb:expiry", lost, 10_000), nil)
    same(A.unlock("lock:rb:expiry", lost), 0)
    who, left = A.holder("lock:rb:expiry")
    same(who, held)
    between(1000, left, 10_000)
    same(B.unlock("lock:rb:expiry", held), 1)
  end,

  "stranger" => lambda do
    token = A.lock("lock:rb:stranger", 10_000)
    same(B.extend("lock:rb:stranger", "a stranger's", 10_000, free: "yes"), nil)
    same(B.unlock("lock:rb:stranger", "a stranger's"), 0)
    same(A.redis.get("lock:rb:stranger"), token)
    same(A.unlock("lock:rb:stranger", token), 1)
  end
}.freeze

ARGV.drop(3).each do |step|
  STEPS.fetch(step).call
  puts "ok #{step}"
rescue StandardError => e
  puts "FAIL #{step}: #{e.class}: #{e.message}"
end
