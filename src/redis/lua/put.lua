#!lua
-- Writes an entry of a mount, whatever was there or only where nobody else wrote meanwhile.
--
-- KEYS  1 state  2 data  3 paths  4 epoch
-- ARGV  1 path  2 value  3 condition: any, none (there must be no entry), same (it must hold 4)  4 expected value
--       5 states of the mount in which it takes the write: mounted, or any
-- Returns written, differs, or unmounting where the mount takes no writes or is not there.
--   Run again with a condition it answers differs, since its own write has changed the entry.

local state_key, data_key, paths_key, epoch_key = unpack(KEYS)
local path, value, condition, expected, states = unpack(ARGV)

local state = redis.call('GET', state_key)
if not state or (states == 'mounted' and state ~= 'mounted') then return 'unmounting' end
if condition ~= 'any' then
  local current = redis.call('GET', data_key)
  if condition == 'none' and current then return 'differs' end
  if condition == 'same' and current ~= expected then return 'differs' end
end

redis.call('SET', data_key, value)
redis.call('ZADD', paths_key, 0, path)
redis.call('INCR', epoch_key)
return 'written'
