#!lua
-- Stores a new lease in state issuing, due at the end of its grace.
--
-- KEYS  1 lease  2 due  3 ttl  4 ids  5 by  6 gone  7 count  8 events  9 epoch  10 state  11 idem, where it has a key
-- ARGV  1 id  2 fence  3 sealed  4 role  5 "1" where renewable, else ""
--       6 issued at, ms  7 expires at, ms  8 grace ends at, ms  9 most skew, ms  10 memory of ended ids, ms
--       11 memory of the idempotency key, ms  12 id that may be replaced under that key ("" where none)
--       13 bucket  14 member, of the caller's index
--       then for each limit: mount, or role; and the most leases
-- Returns {now, outcome}: begun, unmounting, unmounted, skewed, or taken where the id is another lease's;
--   {now, existing, id} where the idempotency key has a lease; {now, limited, number of the limit, live leases}.
--   Run again by the same issuer, it answers begun and changes nothing.
--
-- @include lease
-- @include caller

local lease_key, due_key, ttl_key, ids_key, by_key, gone_key = unpack(KEYS, 1, 6)
local count_key, events_key, epoch_key, state_key, idem_key = unpack(KEYS, 7, 11)
local id, fence, sealed, role, renewable = unpack(ARGV, 1, 5)
local issued, expires, grace_ends = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local idem_memory, replaced = ARGV[11], ARGV[12]

local function live_leases(of)
  if of == 'role' then return tonumber(redis.call('HGET', count_key, 'r:' .. role) or 0) end
  local live = 0
  local by_state = redis.call('HMGET', count_key, 's:issuing', 's:active', 's:revoking', 's:irrevocable')
  for _, count in ipairs(by_state) do live = live + tonumber(count or 0) end
  return live
end

local now = now_ms()
local state, held = unpack(redis.call('HMGET', lease_key, 'st', 'fe'))
if state == 'issuing' and held == fence then return { now, 'begun' } end
local ended = tonumber(redis.call('ZSCORE', gone_key, id) or 0)
if state or ended > now - tonumber(ARGV[10]) then return { now, 'taken' } end
local mount = redis.call('GET', state_key)
if mount ~= 'mounted' then return { now, mount or 'unmounted' } end
if math.abs(now - issued) > tonumber(ARGV[9]) then return { now, 'skewed' } end
local existing = idem_key and redis.call('GET', idem_key)
if existing and existing ~= replaced then return { now, 'existing', existing } end
for i = 15, #ARGV, 2 do
  local live = live_leases(ARGV[i])
  if live >= tonumber(ARGV[i + 1]) then return { now, 'limited', (i - 15) / 2, live } end
end

redis.call('HSET', lease_key, 'st', 'issuing', 'ex', expires, 'fe', fence)
if renewable ~= '' then redis.call('HSET', lease_key, 'rn', renewable) end
set_pieces(lease_key, '', sealed)
make_due(due_key, ttl_key, id, grace_ends, now)
redis.call('ZADD', ids_key, 0, id)
add_member(by_key, ARGV[13], ARGV[14])
redis.call('ZREM', gone_key, id)
add_count(count_key, 's:issuing', 1)
add_count(count_key, 'r:' .. role, 1)
if idem_key then redis.call('SET', idem_key, id, 'PX', idem_memory) end
add_event(events_key, now, 'begin', id, 'ex', expires)
redis.call('INCR', epoch_key)
return { now, 'begun' }
