#!lua flags=allow-oom
-- Drops a lease that is revoked, or given up for lost, and remembers that its id has ended.
--
-- KEYS  1 lease  2 due  3 ttl  4 ids  5 by  6 gone  7 count  8 irrevocable  9 events  10 epoch
-- ARGV  1 id  2 fence  3 role  4 memory of ended ids, ms  5 kind of the event: finish, or forget
--       6 bucket  7 member, of the caller's index
-- Returns {now, outcome}: done, or stale.
--   Run again it finds no record, and its id among the ended: done.
--
-- @include lease
-- @include caller

local lease_key, due_key, ttl_key, ids_key, by_key, gone_key = unpack(KEYS, 1, 6)
local count_key, irrevocable_key, events_key, epoch_key = unpack(KEYS, 7, 10)
local id, fence, role, memory, kind, bucket, member = unpack(ARGV)

local now = now_ms()
local forgotten = string.format('%d', now - tonumber(memory))
local state, held = unpack(redis.call('HMGET', lease_key, 'st', 'fe'))
local ended = redis.call('ZSCORE', gone_key, id)
if not state and ended and tonumber(ended) > tonumber(forgotten) then return { now, 'done' } end
if held ~= fence then return { now, 'stale' } end
-- A few a call: trimming thousands at once would hold up everybody else.
local trimmed = redis.call('ZRANGE', gone_key, '-inf', forgotten, 'BYSCORE', 'LIMIT', 0, 100)

redis.call('DEL', lease_key, ttl_key)
redis.call('ZREM', due_key, id)
redis.call('ZREM', ids_key, id)
remove_member(by_key, bucket, member)
redis.call('ZREM', irrevocable_key, id)
if #trimmed > 0 then redis.call('ZREM', gone_key, unpack(trimmed)) end
redis.call('ZADD', gone_key, string.format('%d', now), id)
add_count(count_key, 's:' .. state, -1)
add_count(count_key, 'r:' .. role, -1)
add_event(events_key, now, kind, id)
redis.call('INCR', epoch_key)
return { now, 'done' }
