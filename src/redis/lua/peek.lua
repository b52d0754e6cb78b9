#!lua flags=no-writes,allow-oom
-- Looks at what is due in one mount, earliest first, and at what comes next.
--
-- KEYS  1 due
-- ARGV  1 most leases
-- Returns {now, next due, ms ("" where there is none), id, due, id, due, ...}
--
-- @include lease

local now = now_ms()
local score = string.format('%d', now)
local due = redis.call('ZRANGE', KEYS[1], '-inf', score, 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
local later = redis.call('ZRANGE', KEYS[1], '(' .. score, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
local answer = { now, later[2] or '' }
for _, word in ipairs(due) do answer[#answer + 1] = word end
return answer
