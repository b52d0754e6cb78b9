#!lua flags=allow-oom
-- Records a failed attempt to revoke, ends the claim, and makes the lease due again.
--
-- KEYS  1 lease  2 due  3 ttl  4 count  5 irrevocable  6 events  7 epoch
-- ARGV  1 id  2 fence  3 error  4 when the next attempt is due, ms  5 attempts it uses, 0 or 1
--       6 state it leads to: revoking, or irrevocable
-- Returns {now, outcome}: done, or stale.
--   Run again it finds the claim ended: stale.
--
-- @include lease

local lease_key, due_key, ttl_key, count_key, irrevocable_key, events_key, epoch_key = unpack(KEYS)
local id, fence, message, retry, uses, next_state = unpack(ARGV)

local now = now_ms()
local state, held = unpack(redis.call('HMGET', lease_key, 'st', 'fe'))
if held ~= fence then return { now, 'stale' } end

redis.call('HDEL', lease_key, 'fe')
if uses == '1' then
  redis.call('HINCRBY', lease_key, 'at', 1)
  redis.call('HSET', lease_key, 'bo', retry)
end
set_pieces(lease_key, 'e', message)
make_due(due_key, ttl_key, id, tonumber(retry), now)
set_state(lease_key, count_key, state, next_state)
if next_state == 'irrevocable' then
  -- Since when: the hourly attempts do not move it.
  redis.call('ZADD', irrevocable_key, 'NX', string.format('%d', now), id)
else
  redis.call('ZREM', irrevocable_key, id)
end
add_event(events_key, now, 'fail', id, 'st', next_state)
redis.call('INCR', epoch_key)
return { now, 'done' }
