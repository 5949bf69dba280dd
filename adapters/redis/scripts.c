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

/* What follows is Lua, by its own lines. */
/* clang-format off */

/*
 * All that there is, by one command, as each costs as much as the rest of the script.  What is not there, and what is no string, is
 * false; EXISTS tells one from the other.
 */
#define SEE_ALL_IN_EPOCH                                                 \
	"local is = redis.call('MGET', unpack(KEYS))\n"                  \
	"if (is[1] or '') ~= ARGV[1] then\n"                             \
	"  return redis.error_reply('" SCRIPT_OTHER_EPOCH " another')\n" \
	"end\n"                                                          \
	"local gone = is[2] or ''\n"

/* Of `v`, which is in the record `key`: its version, "": none, "!": no string, or an empty one. */
#define VERSION_OF(v, key)                                                 \
	"if " v " and " v " ~= '' then " v " = string.sub(" v ", 1, 16)\n" \
	"else " v " = redis.call('EXISTS', " key ") == 1 and '!' or '' end\n"

/* … and what is told of it: the bytes, false: none, 0: not a string. */
#define TOLD_OF(v, key) \
	"if not " v " and redis.call('EXISTS', " key ") == 1 then " v " = 0 end\n"

/*
 * What is published (scripts.h).  What is long is left out, as most who hear it want none of it; and what was not there before, or is not there
 * now, as no version says what that follows.
 */
#define TELL_SET(was, v, key)                                                               \
	"told[#told + 1] = string.sub(" v ", 1, 8) .. (#" was " == 16 and #" v " <= 4096\n" \
	"  and string.format('%04x%04x', #" key ", #ARGV[1]) .. " key " .. ARGV[1] .. " was \
	" .. " v "\n"                                                                       \
	"  or string.format('%04x0000', #" key ") .. " key ")\n"
#define TELL_GONE(key) \
	"told[#told + 1] = '" SCRIPT_ANYBODY "' .. string.format('%04x0000', #" key ") .. " key "\n"

/* As they are: first how many were removed, then the records. */
#define RETURN_RECORDS                                                     \
	"local all = { gone }\n"                                           \
	"for i = 3, #KEYS do\n"                                            \
	"  local v = is[i]\n" TOLD_OF("v", "KEYS[i]") "  all[i - 1] = v\n" \
	"end\n"                                                            \
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
			 "  redis.call('MGET', KEYS[2])\n"
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
	[SCRIPT_READ] = SEE_ALL_IN_EPOCH RETURN_RECORDS,

	/*
	 * KEYS: as READ.  ARGV: the epoch; for each record a letter: k(eep), s(et), d(elete), S, D: and nobody is told; the number of removals that was
	 * seen; the channel; and for each record the version that was seen, "": none, "!": no string, or an empty one, and what is to be there.
	 * Something is otherwise: all as it is.  Else the number of removals if it is another one, or 0.  (RD1, RD2, RD3)
	 */
	[SCRIPT_WRITE] = SEE_ALL_IN_EPOCH
	"local same = true\n"
	"for i = 3, #KEYS do\n"
	"  local was, v = ARGV[2 * i - 1], is[i]\n" VERSION_OF("v", "KEYS[i]")
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
	TELL_SET("ARGV[2 * i - 1]", "ARGV[2 * i]", "KEYS[i]")
	"    elseif letter == 'd' then\n"
	TELL_GONE("KEYS[i]")
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
	 * Several of them, one after the other.  KEYS: as READ; a record may be in several.  ARGV: the epoch; the channel; and for each
	 * how many records it has, and what WRITE is told of them.  For each: 1, or what is there.  `now`: what those before it have
	 * written; false: removed.
	 */
	[SCRIPT_WRITE_MANY] = SEE_ALL_IN_EPOCH
	"local now, all, told, k, a = {}, {}, {}, 3, 3\n"
	"while k <= #KEYS do\n"
	"  local n, letters, seen = tonumber(ARGV[a]), ARGV[a + 1], ARGV[a + 2]\n"
	"  local same = true\n"
	"  a = a + 3\n"
	"  for i = 0, n - 1 do\n"
	"    local was, v = ARGV[a + 2 * i], now[KEYS[k + i]]\n"
	"    if v == nil then v = is[k + i] end\n" VERSION_OF("v", "KEYS[k + i]")
	"    if v ~= was or (was == '' and gone ~= seen) then same = false end\n"
	"  end\n"
	"  if same then\n"
	"    for i = 0, n - 1 do\n"
	"      local letter, key = string.sub(letters, i + 1, i + 1), KEYS[k + i]\n"
	"      local was, v = ARGV[a + 2 * i], ARGV[a + 2 * i + 1]\n"
	"      if letter == 's' or letter == 'S' then\n"
	"        redis.call('SET', key, v)\n"
	"        now[key] = v\n"
	"      end\n"
	"      if letter == 's' then\n"
	TELL_SET("was", "v", "key")
	"      elseif letter == 'd' then\n"
	TELL_GONE("key")
	"      end\n"
	"    end\n"
	"    if string.find(letters, '[dD]') then\n"
	"      for i = 0, n - 1 do\n"
	"        if string.find(string.sub(letters, i + 1, i + 1), '[dD]') then\n"
	"          redis.call('DEL', KEYS[k + i])\n"
	"          now[KEYS[k + i]] = false\n"
	"        end\n"
	"      end\n"
	"      gone = tostring(redis.call('INCR', KEYS[2]))\n"
	"    end\n"
	"    all[#all + 1] = 1\n"
	"  else\n"
	"    local one = { gone }\n"
	"    for i = 0, n - 1 do\n"
	"      local v = now[KEYS[k + i]]\n"
	"      if v == nil then v = is[k + i] end\n" TOLD_OF("v", "KEYS[k + i]")
	"      one[i + 2] = v\n"
	"    end\n"
	"    all[#all + 1] = one\n"
	"  end\n"
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
/* clang-format on */
