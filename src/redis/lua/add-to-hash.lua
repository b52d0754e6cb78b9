#!lua flags=allow-oom
-- Adds to a number in a hash. There are few of them, and counting goes on in a full Redis.
--
-- KEYS  1 hash
-- ARGV  1 field  2 how much
-- Returns the sum. Run again it adds again.

return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
