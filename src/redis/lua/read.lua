#!lua flags=no-writes,allow-oom
-- Reads leases of one mount, each at one moment with its due time.
--
-- KEYS  1 due, then the leases
-- ARGV  their ids
-- Returns {now, {due, ms ("" where there is none), fields of the record...}...}; {""} for a lease that is not there.
--
-- @include lease

local answers = { now_ms() }
for i, id in ipairs(ARGV) do
  answers[#answers + 1] = { redis.call('ZSCORE', KEYS[1], id) or '', unpack(redis.call('HGETALL', KEYS[1 + i])) }
end
return answers
