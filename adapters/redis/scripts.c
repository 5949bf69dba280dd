/* SPDX-License-Identifier: MIT */
/*
 * The scripts.  None but ENTER does anything in another epoch than the one in ARGV[1] (RD5), which is in KEYS[1].
 * They use what Redis 5 has.
 */
#include "redis/scripts.h"

#define IN_EPOCH                                                         \
	"if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then\n"        \
	"  return redis.error_reply('" SCRIPT_OTHER_EPOCH " another')\n" \
	"end\n"

/* As they are: first how many were removed, then the bytes, false: none, 0: not a string. */
#define RETURN_RECORDS                                       \
	"local all = { redis.call('GET', KEYS[2]) or '' }\n" \
	"for i = 3, #KEYS do\n"                              \
	"  local v = redis.pcall('GET', KEYS[i])\n"          \
	"  if type(v) == 'table' then v = 0 end\n"           \
	"  all[i - 1] = v\n"                                 \
	"end\n"                                              \
	"return all\n"

const char *const script_text[SCRIPTS] = {
	/*
	 * KEYS: the epoch, a key to try out on.  ARGV: the run, the epoch that begins if there is none of it, 'r': only look,
	 * 'w': write, 't': and try out whether all is allowed that an update does (RD3); the channel.
	 */
	[SCRIPT_ENTER] = "local e = redis.call('GET', KEYS[1])\n"
			 "if e and string.sub(e, 1, 2) ~= '1 ' then\n"
			 "  return redis.error_reply('" SCRIPT_OTHER_FORM " another')\n"
			 "end\n"
			 "if ARGV[3] == 't' then\n"
			 "  redis.call('SET', KEYS[2], '0', 'PX', 1000)\n"
			 "  redis.call('INCR', KEYS[2])\n"
			 "  redis.call('GETRANGE', KEYS[2], 0, 15)\n"
			 "  redis.call('EXISTS', KEYS[2])\n"
			 "  redis.call('PEXPIRE', KEYS[2], 1000)\n"
			 "  redis.call('PUBLISH', ARGV[4], '')\n"
			 "  redis.call('DEL', KEYS[2])\n"
			 "end\n"
			 "if e and string.match(e, '^1 (%S+) ') == ARGV[1] then return e end\n"
			 "if ARGV[3] == 'r' then return e or '' end\n"
			 "redis.call('SET', KEYS[1], ARGV[2])\n"
			 "return ARGV[2]\n",

	/* KEYS: the epoch, the number of removals, the records. */
	[SCRIPT_READ] = IN_EPOCH RETURN_RECORDS,

	/*
	 * KEYS: as READ.  ARGV: the epoch; for each record a letter: k(eep), s(et), d(elete), S, D: and nobody is told; the number of removals that was
	 * seen; the channel; and for each record the version that was seen, "": none, "!": no string, or an empty one, and what is to be there.
	 * Something is otherwise: all as it is.  Else the number of removals if it is another one, or 0.  (RD1, RD2, RD3)
	 */
	[SCRIPT_WRITE] =
		IN_EPOCH "local gone = redis.call('GET', KEYS[2]) or ''\n"
			 "local same = true\n"
			 "for i = 3, #KEYS do\n"
			 "  local was = ARGV[2 * i - 1]\n"
			 "  local v = redis.pcall('GETRANGE', KEYS[i], 0, 15)\n"
			 "  if type(v) == 'table' or (v == '' and redis.call('EXISTS', KEYS[i]) == "
			 "1) then v = '!' end\n"
			 "  if v ~= was or (was == '' and gone ~= ARGV[3]) then same = false end\n"
			 "end\n"
			 "if same then\n"
			 "  local told, removed = {}, false\n"
			 "  for i = 3, #KEYS do\n"
			 "    local letter = string.sub(ARGV[2], i - 2, i - 2)\n"
			 "    if letter == 's' or letter == 'S' then\n"
			 "      redis.call('SET', KEYS[i], ARGV[2 * i])\n"
			 "    end\n"
			 "    if letter == 's' then\n"
			 "      told[#told + 1] = string.sub(ARGV[2 * i], 1, 8) .. KEYS[i]\n"
			 "    elseif letter == 'd' then\n"
			 "      told[#told + 1] = '" SCRIPT_ANYBODY "' .. KEYS[i]\n"
			 "    end\n"
			 "  end\n"
			 "  for i = 3, #KEYS do\n"
			 "    if string.find(string.sub(ARGV[2], i - 2, i - 2), '[dD]') then\n"
			 "      redis.call('DEL', KEYS[i])\n"
			 "      removed = true\n"
			 "    end\n"
			 "  end\n"
			 "  if removed then redis.call('INCR', KEYS[2]) end\n"
			 "  if #told > 16 then told = { '' } end\n"
			 "  for i = 1, #told do redis.pcall('PUBLISH', ARGV[4], told[i]) end\n"
			 "  return 1\n"
			 "end\n" RETURN_RECORDS,

	/*
	 * Several of them, one after the other.  KEYS: as READ.  ARGV: the epoch; the channel; and for each how many records it has,
	 * and what WRITE is told of them.  For each: 1, or what is there.
	 */
	[SCRIPT_WRITE_MANY] = IN_EPOCH
	"local gone = redis.call('GET', KEYS[2]) or ''\n"
	"local all, told, k, a = {}, {}, 3, 3\n"
	"while k <= #KEYS do\n"
	"  local n, letters, seen = tonumber(ARGV[a]), ARGV[a + 1], ARGV[a + 2]\n"
	"  local same, removed = true, false\n"
	"  a = a + 3\n"
	"  for i = 0, n - 1 do\n"
	"    local was = ARGV[a + 2 * i]\n"
	"    local v = redis.pcall('GETRANGE', KEYS[k + i], 0, 15)\n"
	"    if type(v) == 'table' or (v == '' and redis.call('EXISTS', KEYS[k + "
	"i]) == 1) then v = '!' end\n"
	"    if v ~= was or (was == '' and gone ~= seen) then same = false end\n"
	"  end\n"
	"  local one = { gone }\n"
	"  for i = 0, n - 1 do\n"
	"    local letter = string.sub(letters, i + 1, i + 1)\n"
	"    if not same then\n"
	"      local v = redis.pcall('GET', KEYS[k + i])\n"
	"      if type(v) == 'table' then v = 0 end\n"
	"      one[i + 2] = v\n"
	"    elseif letter == 's' or letter == 'S' then\n"
	"      redis.call('SET', KEYS[k + i], ARGV[a + 2 * i + 1])\n"
	"    end\n"
	"    if same and letter == 's' then\n"
	"      told[#told + 1] = string.sub(ARGV[a + 2 * i + 1], 1, 8) .. KEYS[k + i]\n"
	"    elseif same and letter == 'd' then\n"
	"      told[#told + 1] = '" SCRIPT_ANYBODY "' .. KEYS[k + i]\n"
	"    end\n"
	"  end\n"
	"  for i = 0, n - 1 do\n"
	"    if same and string.find(string.sub(letters, i + 1, i + 1), '[dD]') then\n"
	"      redis.call('DEL', KEYS[k + i])\n"
	"      removed = true\n"
	"    end\n"
	"  end\n"
	"  if removed then gone = tostring(redis.call('INCR', KEYS[2])) end\n"
	"  all[#all + 1] = same and 1 or one\n"
	"  k, a = k + n, a + 2 * n\n"
	"end\n"
	"if #told > 16 then told = { '' } end\n"
	"for i = 1, #told do redis.pcall('PUBLISH', ARGV[2], told[i]) end\n"
	"return all\n",

	/* KEYS: the epoch, the session.  ARGV: the epoch, milliseconds, its text.  What is there then. */
	[SCRIPT_SESSION_OPEN] =
		IN_EPOCH "redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[2])\n"
			 "return redis.call('GET', KEYS[2])\n",

	/* KEYS: as above.  1, or 0: it is over.  (RD6) */
	[SCRIPT_SESSION_RENEW] =
		"local e = redis.call('GET', KEYS[1])\n"
		"local v = redis.call('GET', KEYS[2])\n"
		"if not e or not v then return 0 end\n"
		"local at = string.find(v, ' ', 1, true) or 1\n"
		"if string.sub(v, at + 1, at + #e + 1) ~= e .. ';' then return 0 end\n"
		"return redis.call('PEXPIRE', KEYS[2], string.sub(v, 1, at - 1))\n",

	/* KEYS: as above.  ARGV: the channel. */
	[SCRIPT_SESSION_CLOSE] = "local n = redis.call('DEL', KEYS[2])\n"
				 "if n > 0 then redis.pcall('PUBLISH', ARGV[1], '') end\n"
				 "return n\n",
};
