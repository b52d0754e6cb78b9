#!lua flags=allow-oom
-- Records that the secret of a lease is useless, and goes on with the claim or ends it.
--
-- KEYS  1 lease  2 due  3 ttl  4 count  5 events  6 epoch
-- ARGV  1 id  2 fence  3 sealed  4 when the rest is due, ms ("" keeps the claim)
-- Returns {now, outcome}: done, or stale.
--   Run again it answers done while the claim is kept, and stale once it has ended.
--
-- @include lease

local lease_key, due_key, ttl_key, count_key, events_key, epoch_key = unpack(KEYS)
local id, fence, sealed, retry = unpack(ARGV)

local now = now_ms()
local state, held = unpack(redis.call('HMGET', lease_key, 'st', 'fe'))
if held ~= fence then return { now, 'stale' } end

redis.call('HSETNX', lease_key, 'da', string.format('%d', now))
set_pieces(lease_key, '', sealed)
set_state(lease_key, count_key, state, 'revoking')
if retry ~= '' then
  redis.call('HDEL', lease_key, 'fe')
  make_due(due_key, ttl_key, id, tonumber(retry), now)
end
add_event(events_key, now, 'disarmed', id)
redis.call('INCR', epoch_key)
return { now, 'done' }
