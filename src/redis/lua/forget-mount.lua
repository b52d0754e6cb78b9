#!lua flags=allow-oom
-- Removes the bookkeeping of a mount that has no leases left.
--
-- KEYS  1 ids, then every key of the bookkeeping, ids among them
-- ARGV  none
-- Returns 1, or 0 where a lease is left. Run again it answers 1.

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', unpack(KEYS))
return 1
