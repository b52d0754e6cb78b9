#!lua
-- Makes an issuing lease active, and due at its expiry.
--
-- KEYS  1 lease  2 due  3 ttl  4 count  5 events  6 epoch
-- ARGV  1 id  2 fence  3 sealed  4 expires at, ms
-- Returns {now, outcome}: active, lost, or later where the expiry is beyond the one begun with.
--   Run again by the same issuer, it answers active and changes nothing.
--
-- @include lease

local lease_key, due_key, ttl_key, count_key, events_key, epoch_key = unpack(KEYS)
local id, fence, sealed, expires = unpack(ARGV)

local now = now_ms()
local state, held, begun_with = unpack(redis.call('HMGET', lease_key, 'st', 'fe', 'ex'))
if held ~= fence then return { now, 'lost' } end
if state == 'active' then return { now, 'active' } end
local grace_ends = tonumber(redis.call('ZSCORE', due_key, id) or 0)
if state ~= 'issuing' or grace_ends <= now then return { now, 'lost' } end
if tonumber(expires) > tonumber(begun_with) then return { now, 'later' } end

redis.call('HSET', lease_key, 'ex', expires)
set_pieces(lease_key, '', sealed)
make_due(due_key, ttl_key, id, tonumber(expires), now)
set_state(lease_key, count_key, state, 'active')
add_event(events_key, now, 'activate', id, 'ex', expires)
redis.call('INCR', epoch_key)
return { now, 'active' }
