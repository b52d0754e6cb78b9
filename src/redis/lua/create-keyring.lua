#!lua flags=allow-oom
-- Stores the wrapped data keys, only where there are none. They are small, and without them nothing can be opened: a full
-- Redis takes them, too.
--
-- KEYS  1 keyring
-- ARGV  1 wrapped data keys
-- Returns 1, or 0 where there are some already. Run again it answers 0, since its own are there.

return redis.call('SETNX', KEYS[1], ARGV[1])
