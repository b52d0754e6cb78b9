#!lua
-- Takes an active lease back into issuing, due at the end of a grace or at its expiry, whichever comes first.
--
-- KEYS  1 lease  2 due  3 ttl  4 gone  5 count  6 events  7 epoch
-- ARGV  1 id  2 fence  3 sealed  4 grace, ms  5 memory of ended ids, ms
-- Returns {now, outcome}: reopened, busy where somebody else is issuing it, ended, or unknown.
--   Run again with the same fence, it answers reopened and changes nothing.
--
-- @include lease

local lease_key, due_key, ttl_key, gone_key, count_key, events_key, epoch_key = unpack(KEYS)
local id, fence, sealed, grace, memory = unpack(ARGV)

local now = now_ms()
local state, held, expires = unpack(redis.call('HMGET', lease_key, 'st', 'fe', 'ex'))
if not state then
  local ended = tonumber(redis.call('ZSCORE', gone_key, id) or 0)
  return { now, ended > now - tonumber(memory) and 'ended' or 'unknown' }
end
if state == 'issuing' then return { now, held == fence and 'reopened' or 'busy' } end
if state ~= 'active' or tonumber(expires) <= now then return { now, 'ended' } end

redis.call('HSET', lease_key, 'fe', fence)
set_pieces(lease_key, '', sealed)
make_due(due_key, ttl_key, id, math.min(now + tonumber(grace), tonumber(expires)), now)
set_state(lease_key, count_key, state, 'issuing')
add_event(events_key, now, 'reopen', id)
redis.call('INCR', epoch_key)
return { now, 'reopened' }
