# Tries redis-rb with its default settings: steps.rb HOST PORT sharded|whole STEP...
#
# Each step prints one line, "ok STEP" or "FAIL STEP: reason".

require "digest"
require "redis"
require "set"

HOST = ARGV[0]
PORT = ARGV[1].to_i
KIND = ARGV[2]

$stdout.sync = true

def client
  Redis.new(host: HOST, port: PORT)
end

R = client
OTHER = client

def same(got, want)
  raise "#{got.inspect[0, 200]}, want #{want.inspect[0, 200]}" if got != want
end

def ask(*words)
  puts "> #{words.join(" ")}"
end

# Calls until the library has connected again by itself.
def works_again
  1000.times do
    return same(R.set("again", "yes"), "OK")
  rescue Redis::BaseConnectionError
    sleep 0.005
  end
  raise "it never connects again"
end

# The error that a block raises.
def refused
  yield
  raise "it is not refused"
rescue Redis::CommandError => e
  e.message
end

STEPS = {
  "connect" => lambda do
    same(R.ping, "PONG")
    same(R.client(:setname, "ruby"), "OK")
    same(R.client(:getname), "ruby")
  end,

  "values" => lambda do
    every = (0..255).to_a.pack("C*")
    same(R.set("bytes", every), "OK")
    same(R.get("bytes").b, every)
    same(R.get("nothing"), nil)
    same(R.hset("hash", { "a" => 1, "b" => 2 }), 2)
    same(R.hgetall("hash"), { "a" => "1", "b" => "2" })
  end,

  "pipeline" => lambda do
    got = R.pipelined { |p| 1000.times { |i| p.incr("count#{i % 10}") } }
    same(got, (0...1000).map { |i| i / 10 + 1 })
  end,

  "mebibytes" => lambda do
    want = (0...8).map { |i| ((65 + i).chr + "123456789abcdef") * 65_536 }
    same(R.pipelined { |p| 8.times { |i| p.set("mebibyte#{i}", want[i]) } }, ["OK"] * 8)
    got = R.pipelined { |p| 1000.times { |i| p.get("mebibyte#{i % 8}") } }
    same(got.size, 1000)
    got.each_with_index do |value, i|
      raise "value #{i} has #{value.size} bytes and is not what was set" if value != want[i % 8]
    end
  end,

  "many" => lambda do
    pairs = (0...200).to_h { |i| ["many#{i}", "value#{i}"] }
    same(R.mapped_mset(pairs), "OK")
    same(R.mget(*pairs.keys, "none"), pairs.values + [nil])
  end,

  "multi" => lambda do
    got = R.multi do |m|
      m.set("{m}a", "1")
      m.incr("{m}a")
      m.lpush("{m}l", %w[x y])
      m.lrange("{m}l", 0, -1)
    end
    same(got, ["OK", 2, 2, %w[y x]])
  end,

  "watch" => lambda do
    R.set("{w}a", "1")
    got = R.watch("{w}a") do
      OTHER.set("{w}a", "2")
      R.multi { |m| m.set("{w}b", "lost") }
    end
    same(got, nil)
    same(R.exists?("{w}b"), false)
    got = R.watch("{w}a") do
      same(R.get("{w}a"), "2")
      R.multi { |m| m.set("{w}b", "won") }
    end
    same(got, ["OK"])
    same(R.get("{w}b"), "won")
  end,

  "block" => lambda do
    ask("push", "queue", "work")
    same(R.blpop("queue", timeout: 20), %w[queue work])
    same(R.blpop("queue", timeout: 0.05), nil)
  end,

  "pubsub" => lambda do
    got = []
    R.subscribe("channel") do |on|
      on.subscribe { ask("publish", "channel", "first") }
      on.message do |channel, message|
        got << [channel, message]
        message == "first" ? got << OTHER.publish("channel", "second") : R.unsubscribe
      end
    end
    same(got, [%w[channel first], 1, %w[channel second]])
    same(OTHER.publish("channel", "third"), 0)

    got = []
    R.psubscribe("patt*") do |on|
      on.psubscribe { ask("match", "pattern", "first") }
      on.pmessage do |pattern, channel, message|
        got << [pattern, channel, message]
        message == "first" ? got << OTHER.publish("pattern", "second") : R.punsubscribe
      end
    end
    same(got, [%w[patt* pattern first], 1, %w[patt* pattern second]])
    same(OTHER.publish("pattern", "third"), 0)
    same(R.get("nothing"), nil)
  end,

  "scan" => lambda do
    keys = (0...1000).map { |i| "scan#{i}" }
    R.pipelined { |p| keys.each { |key| p.set(key, "") } }
    same(R.scan_each(match: "scan*").to_set, keys.to_set)
  end,

  "script" => lambda do
    double = "return {KEYS[1], tonumber(ARGV[1]) * 2}"
    digest = Digest::SHA1.hexdigest(double)
    message = refused { R.evalsha(digest, ["s"], [21]) }
    same(message, "NOSCRIPT No matching script. Please use EVAL.")
    same(R.eval(double, ["s"], [21]), ["s", 42])
    same(R.evalsha(digest, ["s"], [4]), ["s", 8])
  end,

  "errors" => lambda do
    before = R.client(:id)
    R.set("string", "x")
    same(refused { R.lpush("string", "y") }, "WRONGTYPE Operation against a key holding the wrong kind of value")
    same(refused { R.call("NOSUCH", "x") }, "ERR unknown command 'NOSUCH', with args beginning with: 'x'")
    same(refused { R.incr("string") }, "ERR value is not an integer or out of range")
    same(refused { R.call("GET") }, "ERR wrong number of arguments for 'get' command")
    crossed = 0
    50.times do |i|
      R.set("from#{i}", "x")
      R.rename("from#{i}", "to#{i}")
    rescue Redis::CommandError => e
      same(e.message, "CROSSSLOT Keys in request don't hash to the same slot")
      crossed += 1
    end
    same(crossed.positive?, KIND == "sharded")
    same(R.client(:id), before)
  end,

  "killed" => lambda do
    before = R.client(:id)
    same(OTHER.client(:kill, "ID", before), 1)
    works_again
    same(R.client(:id) > before, true)
  end,

  "restarted" => lambda do
    ask("restart")
    same($stdin.gets, "done\n")
    works_again
    same(R.get("again"), "yes")
  end
}.freeze

ARGV.drop(3).each do |step|
  STEPS.fetch(step).call
  puts "ok #{step}"
rescue StandardError => e
  puts "FAIL #{step}: #{e.class}: #{e.message.inspect}"
end
