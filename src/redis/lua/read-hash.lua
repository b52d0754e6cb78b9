#!lua flags=no-writes,allow-oom
-- Reads a whole hash at one moment.
--
-- KEYS  1 hash
-- ARGV  none
-- Returns {field, value, field, value, ...}

return redis.call('HGETALL', KEYS[1])
