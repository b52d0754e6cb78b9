#!lua flags=allow-oom
-- Sets what begin and the writes of a mount's entries check. Unmounting must go on in a full Redis.
--
-- KEYS  1 state  2 epoch
-- ARGV  1 state: mounted, or unmounting
-- Returns nothing. Run again it sets the same.

redis.call('SET', KEYS[1], ARGV[1])
redis.call('INCR', KEYS[2])
