#!lua flags=allow-oom
-- Writes wrapped data keys over others, only where nobody else wrote any meanwhile. A full Redis takes them, too: a key that
-- has to be exchanged must not wait for memory.
--
-- KEYS  1 keyring
-- ARGV  1 expected wrapped data keys  2 new ones
-- Returns 1 where the new ones are stored now, and 0 where others are. Run again it answers 1, since its own are there.

local current = redis.call('GET', KEYS[1])
if current == ARGV[2] then return 1 end
if current ~= ARGV[1] then return 0 end

redis.call('SET', KEYS[1], ARGV[2])
return 1
