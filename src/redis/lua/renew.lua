#!lua
-- Moves the expiry of an active lease.
--
-- KEYS  1 lease  2 due  3 ttl  4 gone  5 events  6 epoch
-- ARGV  1 id  2 expiry that is expected, ms  3 expires at, ms  4 memory of ended ids, ms  5 sealed; absent where it stays
-- Returns {now, outcome}: renewed, changed where the expiry is not as expected, ended, or unknown.
--   Run again it finds the new expiry: renewed.
--
-- @include lease

local lease_key, due_key, ttl_key, gone_key, events_key, epoch_key = unpack(KEYS)
local id, expected, expires, memory, sealed = unpack(ARGV)

local now = now_ms()
local state, expires_now = unpack(redis.call('HMGET', lease_key, 'st', 'ex'))
if not state then
  local ended = tonumber(redis.call('ZSCORE', gone_key, id) or 0)
  return { now, ended > now - tonumber(memory) and 'ended' or 'unknown' }
end
if state ~= 'active' or tonumber(expires_now) <= now then return { now, 'ended' } end
if expires_now ~= expected then return { now, expires_now == expires and 'renewed' or 'changed' } end

redis.call('HSET', lease_key, 'ex', expires)
if sealed then set_pieces(lease_key, '', sealed) end
make_due(due_key, ttl_key, id, tonumber(expires), now)
add_event(events_key, now, 'renew', id, 'ex', expires)
redis.call('INCR', epoch_key)
return { now, 'renewed' }
