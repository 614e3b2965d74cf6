/* Tries hiredis with its default settings: steps HOST PORT sharded|whole STEP...
 *
 * Each step prints one line, "ok STEP" or "FAIL STEP: reason". Replies are not
 * freed: the program is short, and what they hold is looked at until its end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#define MEBIBYTE (1 << 20)

static const char *host;
static int port, sharded;
static redisContext *r, *other;
static const char *step;
static jmp_buf next_step;

static void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("FAIL %s: ", step);
  vprintf(format, args);
  printf("\n");
  va_end(args);
  longjmp(next_step, 1);
}

static redisContext *client(void) {
  redisContext *c = redisConnect(host, port);
  if (c == NULL || c->err) fail("connecting: %s", c ? c->errstr : "no memory");
  return c;
}

/* The next reply, which has to come. */
static redisReply *receive(redisContext *c) {
  void *reply;
  if (redisGetReply(c, &reply) != REDIS_OK) fail("receiving: %s", c->errstr);
  return reply;
}

static redisReply *ask(redisContext *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  redisReply *reply = redisvCommand(c, format, args);
  va_end(args);
  if (reply == NULL) fail("%s: %s", format, c->errstr);
  return reply;
}

/* Appends what a reply says to text, as "a 1 nil [b c]". */
static void describe(const redisReply *reply, char *text, size_t size) {
  size_t used = strlen(text);
  text += used, size -= used;
  switch (reply->type) {
  case REDIS_REPLY_NIL: snprintf(text, size, "nil"); break;
  case REDIS_REPLY_INTEGER: snprintf(text, size, "%lld", reply->integer); break;
  case REDIS_REPLY_ERROR: snprintf(text, size, "error %s", reply->str); break;
  case REDIS_REPLY_ARRAY:
    strncat(text, "[", size - 1);
    for (size_t i = 0; i < reply->elements; i++) {
      if (i > 0) strncat(text, " ", size - strlen(text) - 1);
      describe(reply->element[i], text, size);
    }
    strncat(text, "]", size - strlen(text) - 1);
    break;
  default: snprintf(text, size, "%s", reply->str);
  }
}

static void same(const redisReply *reply, const char *want) {
  char got[512] = "";
  describe(reply, got, sizeof got);
  if (strcmp(got, want) != 0) fail("%s, want %s", got, want);
}

static void connecting(void) {
  r = client();
  other = client();
  same(ask(r, "PING"), "PONG");
  same(ask(r, "CLIENT SETNAME c"), "OK");
  same(ask(r, "CLIENT GETNAME"), "c");
}

static void values(void) {
  unsigned char every[256];
  for (int i = 0; i < 256; i++) every[i] = i;
  same(ask(r, "SET bytes %b", every, sizeof every), "OK");
  redisReply *got = ask(r, "GET bytes");
  if (got->type != REDIS_REPLY_STRING || got->len != 256 || memcmp(got->str, every, 256) != 0) fail("other bytes");
  same(ask(r, "GET nothing"), "nil");
  same(ask(r, "HSET hash a 1 b 2"), "2");
  same(ask(r, "HGETALL hash"), "[a 1 b 2]");
}

static void pipeline(void) {
  for (int i = 0; i < 1000; i++) redisAppendCommand(r, "INCR count%d", i % 10);
  for (int i = 0; i < 1000; i++) {
    redisReply *got = receive(r);
    if (got->type != REDIS_REPLY_INTEGER || got->integer != i / 10 + 1) fail("result %d is %lld", i, got->integer);
  }
}

static void mebibytes(void) {
  static char want[8][MEBIBYTE];
  for (int i = 0; i < 8; i++) {
    for (int k = 0; k < MEBIBYTE; k++) want[i][k] = "A123456789abcdef"[k % 16];
    for (int k = 0; k < MEBIBYTE; k += 16) want[i][k] = 'A' + i;
    redisAppendCommand(r, "SET mebibyte%d %b", i, want[i], (size_t)MEBIBYTE);
  }
  for (int i = 0; i < 8; i++) same(receive(r), "OK");
  for (int i = 0; i < 1000; i++) redisAppendCommand(r, "GET mebibyte%d", i % 8);
  for (int i = 0; i < 1000; i++) {
    redisReply *got = receive(r);
    if (got->type != REDIS_REPLY_STRING || got->len != MEBIBYTE || memcmp(got->str, want[i % 8], MEBIBYTE) != 0)
      fail("value %d has %zu bytes and is not what was set", i, got->len);
    freeReplyObject(got);
  }
}

/* Sends name with 200 keys, each followed by its value if with_values, and key
 * none if not. */
static redisReply *with_many(const char *name, int with_values) {
  static char words[401][16];
  const char *argv[402] = {name};
  int n = 1;
  for (int i = 0; i < 200; i++) {
    snprintf(words[n], sizeof words[n], "many%d", i);
    argv[n] = words[n], n++;
    if (!with_values) continue;
    snprintf(words[n], sizeof words[n], "value%d", i);
    argv[n] = words[n], n++;
  }
  if (!with_values) argv[n++] = "none";
  redisReply *reply = redisCommandArgv(r, n, argv, NULL);
  if (reply == NULL) fail("%s: %s", name, r->errstr);
  return reply;
}

static void many(void) {
  same(with_many("MSET", 1), "OK");
  redisReply *got = with_many("MGET", 0);
  if (got->type != REDIS_REPLY_ARRAY || got->elements != 201) fail("MGET gives %zu values", got->elements);
  for (int i = 0; i < 200; i++) {
    char want[16];
    snprintf(want, sizeof want, "value%d", i);
    same(got->element[i], want);
  }
  same(got->element[200], "nil");
}

static void multi(void) {
  redisAppendCommand(r, "MULTI");
  redisAppendCommand(r, "SET {m}a 1");
  redisAppendCommand(r, "INCR {m}a");
  redisAppendCommand(r, "LPUSH {m}l x y");
  redisAppendCommand(r, "LRANGE {m}l 0 -1");
  redisAppendCommand(r, "EXEC");
  same(receive(r), "OK");
  for (int i = 0; i < 4; i++) same(receive(r), "QUEUED");
  same(receive(r), "[OK 2 2 [y x]]");
}

static void watch(void) {
  same(ask(r, "SET {w}a 1"), "OK");
  same(ask(r, "WATCH {w}a"), "OK");
  same(ask(other, "SET {w}a 2"), "OK");
  same(ask(r, "MULTI"), "OK");
  same(ask(r, "SET {w}b lost"), "QUEUED");
  same(ask(r, "EXEC"), "nil");
  same(ask(r, "EXISTS {w}b"), "0");
  same(ask(r, "WATCH {w}a"), "OK");
  same(ask(r, "GET {w}a"), "2");
  same(ask(r, "MULTI"), "OK");
  same(ask(r, "SET {w}b won"), "QUEUED");
  same(ask(r, "EXEC"), "[OK]");
  same(ask(r, "GET {w}b"), "won");
}

static void block(void) {
  printf("> push queue work\n");
  same(ask(r, "BLPOP queue 20"), "[queue work]");
  same(ask(r, "BLPOP queue 0.05"), "nil");
}

static void pubsub(void) {
  same(ask(r, "SUBSCRIBE channel"), "[subscribe channel 1]");
  printf("> publish channel first\n");
  same(receive(r), "[message channel first]");
  same(ask(r, "PSUBSCRIBE patt*"), "[psubscribe patt* 2]");
  printf("> match pattern second\n");
  same(receive(r), "[pmessage patt* pattern second]");
  same(ask(other, "PUBLISH channel third"), "1");
  same(receive(r), "[message channel third]");
  same(ask(other, "PUBLISH pattern fourth"), "1");
  same(receive(r), "[pmessage patt* pattern fourth]");
  same(ask(r, "UNSUBSCRIBE"), "[unsubscribe channel 1]");
  same(ask(r, "PUNSUBSCRIBE"), "[punsubscribe patt* 0]");
  same(ask(other, "PUBLISH channel fifth"), "0");
  same(ask(r, "GET nothing"), "nil");
}

static void scan(void) {
  char seen[1000] = {0};
  int found = 0;
  for (int i = 0; i < 1000; i++) redisAppendCommand(r, "SET scan%d x", i);
  for (int i = 0; i < 1000; i++) same(receive(r), "OK");
  const char *cursor = "0";
  do {
    redisReply *got = ask(r, "SCAN %s MATCH scan*", cursor);
    if (got->type != REDIS_REPLY_ARRAY || got->elements != 2) same(got, "[cursor [keys]]");
    cursor = got->element[0]->str;
    for (size_t i = 0; i < got->element[1]->elements; i++) {
      int n = atoi(got->element[1]->element[i]->str + strlen("scan"));
      if (n < 0 || n >= 1000) fail("SCAN gives %s", got->element[1]->element[i]->str);
      found += !seen[n];
      seen[n] = 1;
    }
  } while (strcmp(cursor, "0") != 0);
  if (found != 1000) fail("SCAN finds %d keys of 1,000", found);
}

static void script(void) {
  const char *text = "return {KEYS[1], tonumber(ARGV[1]) * 2}";
  const char *digest = "cfbea4ab486b9f20cf2a24684882ad2c64874ee2";
  same(ask(r, "EVALSHA %s 1 s 21", digest), "error NOSCRIPT No matching script. Please use EVAL.");
  same(ask(r, "EVAL %s 1 s 21", text), "[s 42]");
  same(ask(r, "EVALSHA %s 1 s 4", digest), "[s 8]");
}

static void errors(void) {
  long long before = ask(r, "CLIENT ID")->integer;
  int crossed = 0;
  same(ask(r, "SET string x"), "OK");
  same(ask(r, "LPUSH string y"), "error WRONGTYPE Operation against a key holding the wrong kind of value");
  same(ask(r, "NOSUCH x"), "error ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
  same(ask(r, "INCR string"), "error ERR value is not an integer or out of range");
  same(ask(r, "GET"), "error ERR wrong number of arguments for 'get' command");
  for (int i = 0; i < 50; i++) {
    same(ask(r, "SET from%d x", i), "OK");
    redisReply *got = ask(r, "RENAME from%d to%d", i, i);
    if (got->type != REDIS_REPLY_ERROR) continue;
    same(got, "error CROSSSLOT Keys in request don't hash to the same slot");
    crossed++;
  }
  if ((crossed > 0) != sharded) fail("%d of 50 RENAMEs cross servers", crossed);
  if (ask(r, "CLIENT ID")->integer != before) fail("another connection");
}

/* The library says that the connection is gone, and makes another when it is told to. */
static void lost(void) {
  if (redisCommand(r, "PING") != NULL) fail("the connection is still there");
  if (r->err != REDIS_ERR_EOF && r->err != REDIS_ERR_IO) fail("error %d: %s", r->err, r->errstr);
  if (redisReconnect(r) != REDIS_OK) fail("connecting again: %s", r->errstr);
  same(ask(r, "SET again yes"), "OK");
  same(ask(r, "GET again"), "yes");
}

static void killed(void) {
  long long before = ask(r, "CLIENT ID")->integer;
  same(ask(other, "CLIENT KILL ID %lld", before), "1");
  lost();
  if (ask(r, "CLIENT ID")->integer <= before) fail("the same connection");
}

static void restarted(void) {
  char line[16];
  printf("> restart\n");
  if (fgets(line, sizeof line, stdin) == NULL || strcmp(line, "done\n") != 0) fail("it did not restart");
  lost();
}

static const struct {
  const char *name;
  void (*run)(void);
} steps[] = {
    {"connect", connecting}, {"values", values}, {"pipeline", pipeline}, {"mebibytes", mebibytes}, {"many", many},
    {"multi", multi},        {"watch", watch},   {"block", block},       {"pubsub", pubsub},       {"scan", scan},
    {"script", script},      {"errors", errors}, {"killed", killed},     {"restarted", restarted},
};

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  host = argv[1], port = atoi(argv[2]), sharded = strcmp(argv[3], "sharded") == 0;
  for (int i = 4; i < argc; i++) {
    step = argv[i];
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
      if (strcmp(steps[k].name, step) != 0 || setjmp(next_step) != 0) continue;
      steps[k].run();
      printf("ok %s\n", step);
    }
  }
}
