#!lua flags=allow-oom
-- Adds, replaces or removes a mount record, only where nobody else wrote it meanwhile. Unmounting must go on in a
-- full Redis, and there are few mounts.
--
-- KEYS  1 mounts
-- ARGV  1 mount path  2 condition: none (there must be no record), same (it must equal 3)  3 expected record
--       4 new record; absent removes it
-- Returns written, or differs. Run again it answers differs, since its own write has changed the record.

local path, condition, expected, record = unpack(ARGV)

local current = redis.call('HGET', KEYS[1], path)
if condition == 'none' and current then return 'differs' end
if condition == 'same' and current ~= expected then return 'differs' end

if record then
  redis.call('HSET', KEYS[1], path, record)
else
  redis.call('HDEL', KEYS[1], path)
end
return 'written'
