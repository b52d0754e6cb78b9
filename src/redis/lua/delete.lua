#!lua flags=allow-oom
-- Deletes an entry of a mount.
--
-- KEYS  1 state  2 data  3 paths  4 epoch
-- ARGV  1 path
-- Returns deleted, absent, or unmounting where the mount takes no writes. Run again it answers absent.

local state_key, data_key, paths_key, epoch_key = unpack(KEYS)

if redis.call('GET', state_key) ~= 'mounted' then return 'unmounting' end
if redis.call('EXISTS', data_key) == 0 then return 'absent' end

redis.call('DEL', data_key)
redis.call('ZREM', paths_key, ARGV[1])
redis.call('INCR', epoch_key)
return 'deleted'
